"""The two pieces that ship with Violute, one for each instrument of the built-in voice.

They are rendered, no recordings; `examples/README.md` of the repository says how.
"""

from __future__ import annotations

from pathlib import Path


def example_paths() -> dict[str, Path]:
    """Return the shipped pieces by instrument.

    Returns:
        `flute`: the opening of Bach's Allemande, BWV 1013; `violin`: the opening of his Preludio, BWV 1006.
        FLAC, mono, 44.1 kHz, about 14 seconds each.
    """
    folder = Path(__file__).parent
    return {"flute": folder / "flute_bwv1013.flac", "violin": folder / "violin_bwv1006.flac"}
