"""The voices that ship with the package: where they lie, and which of them plays low notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from violute.analysis.polyphony.below_range import BELOW_HZ
from violute.voices.file import open_voice_file

BUILTIN_FOLDER = Path(__file__).parent / "builtin"
"""File `X.onnx` answers to `X` and to `violute-X`."""


def builtin_files() -> Iterator[tuple[str, Path]]:
    """Name every built-in voice and its file, by name."""
    for path in sorted(BUILTIN_FOLDER.glob("*.onnx")):
        yield f"violute-{path.stem}", path


def too_low(share: float) -> str:
    """Say that a share of a recording lies below the range of a voice, and which voice plays that."""
    lowest_hz, name = min(
        (min(low for low, _ in open_voice_file(path)[1].pitch_range_hz.values()), name)
        for name, path in builtin_files()
    )
    return (
        f"{100.0 * share:.0f} % of it lies below {BELOW_HZ:.0f} Hz, too low for this voice: "
        f"{name} plays down to {lowest_hz:.0f} Hz (--voice {name})"
    )
