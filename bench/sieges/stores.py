"""Damaged files of Violute's own: voices, prepared stores, checkpoints, cards, codes, automation."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sieges.examiner import Act, Verdict, examine
from sieges.mutation import damaged_json
from violute.data.pictures.store import open_store
from violute.families.nsynth.codes import Codes, read_codes
from violute.training.checkpoints import read_checkpoint, write_checkpoint
from violute.voices.automation import read_automation
from violute.voices.card import Card
from violute.voices.card_entries import read_card_entries
from violute.voices.file import open_voice_file, seal
from violute.voices.load import DEFAULT_VOICE, find_voice, load_voice

SAMPLE_RATE = 44_100
CARD = (
    '{"name": "x", "description": "y", "licence": "MIT", "training_data": ["a", "b"], "figures": {"p": 0.9}}'
)
AUTOMATION = "seconds,mix\n0,0\n0.1,0.5\n0.2,1\n"


def besiege_stores(n_files: int, seed: int, prepared: Path | None = None) -> list[Verdict]:
    """Damage each kind of file and open it; voices are also played.

    Args:
        n_files: Of each kind.
        seed: Of the damages.
        prepared: A small store of `violute prepare` to damage; None leaves stores out.
    """
    verdicts: list[Verdict] = []
    for name, content, act in _kinds(prepared):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for i in range(n_files):
                rng = np.random.default_rng([seed, i])
                files.append(Path(folder) / f"{i:05d}_{name}")
                files[-1].write_bytes(_damaged(name, content, rng))
            verdicts += examine(act, files)
    return verdicts


def _kinds(prepared: Path | None) -> list[tuple[str, bytes, Act]]:
    """Return (file name, content of a good file, how it is used) for each kind."""
    with tempfile.TemporaryDirectory() as folder:
        codes, checkpoint = Path(folder) / "codes.npz", Path(folder) / "checkpoint.safetensors"
        rng = np.random.default_rng(0)
        code = rng.uniform(-1, 1, (20, 16)).astype(np.float32)
        flat = np.full(64, 440, np.float32)
        Codes(code, np.full(20, -20, np.float32), flat, -flat / 20, 20 * 512, 16_000, 512).write(codes)
        write_checkpoint(
            checkpoint, {"step": 3, "weights": {"a": torch.zeros(4, 3)}, "seeds": [1, None, "x"]}
        )
        kinds: list[tuple[str, bytes, Act]] = [
            ("voice.onnx", find_voice(DEFAULT_VOICE).read_bytes(), _open_voice),
            ("resealed.onnx", find_voice(DEFAULT_VOICE).read_bytes(), _open_voice),
            ("card.json", CARD.encode(), _open_card),
            ("mix.csv", AUTOMATION.encode(), _open_automation),
            ("codes.npz", codes.read_bytes(), _open_codes),
            ("checkpoint.safetensors", checkpoint.read_bytes(), _open_checkpoint),
        ]
    if prepared is not None:
        kinds.append(("store.json", (prepared / "store.json").read_bytes(), _StoreOpener(prepared)))
    return kinds


def _damaged(name: str, content: bytes, rng: np.random.Generator) -> bytes:
    if name == "resealed.onnx":
        return _resealed(content, rng)
    if name.endswith(".json") and rng.random() < 0.7:
        return damaged_json(content.decode(), rng).encode("utf-8", "surrogatepass")
    return _scrambled(content, rng)


def _resealed(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a voice's card, or its network a little, and seal it again: a checksum proves no good will."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.onnx"
        path.write_bytes(content)
        network, card = open_voice_file(path)
    if rng.random() < 0.3:
        return seal(_scrambled(network, rng), card)
    return seal(network, _DamagedCard(**vars(card), text=damaged_json(card.to_json(), rng)))


@dataclass(frozen=True)
class _DamagedCard(Card):
    """A card that writes another text than its entries make."""

    text: str = ""

    def to_json(self) -> str:
        """Return that text."""
        return self.text


def _scrambled(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut, repeat or overwrite, anywhere."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(max(len(changed), 1)))
        length = int(rng.integers(1, 40))
        match int(rng.integers(5)):
            case 0:
                del changed[at:]
            case 1:
                del changed[at : at + length]
            case 2:
                changed[at:at] = changed[at : at + length]
            case 3:
                changed[at : at + length] = rng.bytes(length)
            case _ if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _open_voice(path: Path, _: Path) -> str:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE)
    played = load_voice(path).analyse(tone, SAMPLE_RATE).render(0.5)
    if not np.isfinite(played).all():
        raise AssertionError("the rendering is not finite")
    return "played"


def _open_card(path: Path, _: Path) -> str:
    read_card_entries(path)
    return "played"


def _open_automation(path: Path, _: Path) -> str:
    read_automation(path)
    return "played"


def _open_codes(path: Path, _: Path) -> str:
    read_codes(path)
    return "played"


def _open_checkpoint(path: Path, _: Path) -> str:
    read_checkpoint(path)
    return "played"


class _StoreOpener:
    """Opens a store beside whose good arrays a damaged `store.json` lies.

    Args:
        prepared: The good store.
    """

    def __init__(self, prepared: Path) -> None:
        self.prepared = prepared

    def __call__(self, path: Path, _: Path) -> str:
        with tempfile.TemporaryDirectory() as place:
            for array in self.prepared.glob("*.npy"):
                (Path(place) / array.name).symlink_to(array.resolve())
            (Path(place) / "store.json").write_bytes(path.read_bytes())
            open_store(place)
        return "played"
