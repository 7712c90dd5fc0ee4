"""Find a voice by name or path, and wake the family that plays it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from violute.errors import VoiceError
from violute.families.table import FAMILIES, TORCHSCRIPT_VOICE, imported
from violute.voices.builtin_voices import builtin_files
from violute.voices.card import Card
from violute.voices.family import FamilyVoice
from violute.voices.file import open_voice_file

DEFAULT_VOICE = "violute-violin-flute"
"""The built-in voice that plays where none is named."""


@dataclass(frozen=True)
class VoiceListing:
    """One voice that `load_voice` can find by name.

    Attributes:
        name: As in `load_voice(name)`.
        path: Its file.
        where: `built-in`, or the folder that it was found in.
        n_bytes: Size of the file.
        card: What the voice says about itself; None where the file is damaged.
        problem: Why the voice cannot be used, empty where it can.
    """

    name: str
    path: Path
    where: str
    n_bytes: int
    card: Card | None
    problem: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it can be turned while it plays, and stream."""
        return self.card is not None and bool(getattr(family_loader(self.card.family), "is_live", False))


def load_voice(name_or_path: str | Path | None = None, *, trust: bool = False) -> FamilyVoice:
    """Load a voice.

    Args:
        name_or_path: Name of a built-in voice, name of a file `voices/NAME.onnx` below the current
            folder, or path of any voice file; None is the built-in violin-flute voice.
        trust: Open a TorchScript file (.ts) too. It is a program that runs as it is opened: do so only where
            you trust its maker. It needs `violute[train]`.

    Raises:
        VoiceError: The voice is unknown, damaged, from a newer version, or of an unknown family.
    """
    path = find_voice(DEFAULT_VOICE if name_or_path is None else name_or_path)
    if path.suffix.lower() == ".ts":
        return _torchscript_voice(path, trust=trust)
    onnx_bytes, card = open_voice_file(path)
    check_family(card, source=str(path))
    return family_loader(card.family)(onnx_bytes, card)


def _torchscript_voice(path: Path, *, trust: bool) -> FamilyVoice:
    if not trust:
        raise VoiceError(
            f"{path}: is TorchScript, a program that runs as it is opened: if you trust its maker, give "
            "it to violute convert, or to violute.load_voice(path, trust=True)"
        )
    try:
        opened: FamilyVoice = imported(TORCHSCRIPT_VOICE)(path)
    except ModuleNotFoundError as error:
        raise VoiceError(f"{path}: needs {error.name}: run pip install 'violute[train]'") from None
    return opened


def find_voice(name_or_path: str | Path) -> Path:
    """Return the file of a voice.

    Raises:
        VoiceError: Neither a known name nor a file.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str):
        for name, path, _ in _named_files():
            if text in (name, path.stem):
                return path
    path = Path(name_or_path)
    if path.exists():
        return path
    if path.suffix == ".onnx" or path.name != text:
        raise VoiceError(f"{text}: there is no such voice file: check the path")
    names = ", ".join(name for name, _, _ in _named_files()) or "none"
    raise VoiceError(f"unknown voice {text!r}: here are {names}; or give the path of a voice file")


def list_voices() -> list[VoiceListing]:
    """List the built-in voices and those in `voices/` below the current folder."""
    listings = []
    for name, path, where in _named_files():
        try:
            card, problem = open_voice_file(path)[1], ""
            check_family(card, source=str(path))
        except VoiceError as error:
            card, problem = None, str(error)
        listings.append(VoiceListing(name, path, where, path.stat().st_size, card, problem))
    return listings


def check_family(card: Card, *, source: str) -> None:
    """Raise `VoiceError` unless this version plays the card's family; `source` names the file."""
    if card.family not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise VoiceError(
            f"{source}: unknown family {card.family!r}, this Violute plays {known}: upgrade violute"
        )


def family_loader(family: str) -> Callable[[bytes, Card], FamilyVoice]:
    """Import and return the class that plays a known family."""
    loader: Callable[[bytes, Card], FamilyVoice] = imported(FAMILIES[family].voice)
    return loader


def _named_files() -> list[tuple[str, Path, str]]:
    """Voices with a name: (name, file, where), built-in first, a name only once."""
    found = [(name, path, "built-in") for name, path in builtin_files()]
    found.sort(key=lambda one: one[0] != DEFAULT_VOICE)
    taken = {name for name, _, _ in found} | {path.stem for _, path, _ in found}
    checkout = Path("voices")
    found += [
        (path.stem, path, str(checkout)) for path in sorted(checkout.glob("*.onnx")) if path.stem not in taken
    ]
    return found
