"""The pieces that ship with Violute, one for each instrument of the built-in voices.

They are rendered, no recordings; `examples/README.md` of the repository says how.
"""

from __future__ import annotations

from pathlib import Path

FILES = {
    "flute": "flute_bwv1013.flac",
    "violin": "violin_bwv1006.flac",
    "clarinet": "clarinet_largo.flac",
    "cello": "cello_bwv1007.flac",
}


def example_paths() -> dict[str, Path]:
    """Return the shipped pieces by instrument.

    Returns:
        `flute`: the opening of Bach's Allemande, BWV 1013; `violin`: of his Preludio, BWV 1006; `clarinet`:
        the melody of the Largo of Dvorak's ninth symphony; `cello`: the opening of Bach's Prelude, BWV 1007.
        FLAC, mono, 44.1 kHz, about 15 seconds each.
    """
    return {name: Path(__file__).parent / file for name, file in FILES.items()}


def pieces_for(ends: tuple[str, str]) -> dict[str, Path]:
    """Return the pieces of a voice's own instruments; those of flute and violin where it has others."""
    paths = example_paths()
    names = ends if set(ends) <= set(paths) else ("flute", "violin")
    return {name: paths[name] for name in names}
