"""Who is a stranger to a voice: recordings of players and rooms that its training did not hear.

A card names what a voice learned from by files, or in words ("Philharmonia Orchestra, phrases"). A
recording is an acquaintance where a word of its file's name is among those of its instrument; what is
held out of a collection shares its players and rooms, so it is one as well. Whoever names files by
numbers gets strangers for all that is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LEAST_LETTERS = 4
KINDS = {
    "clip",
    "clips",
    "note",
    "notes",
    "phrase",
    "phrases",
    "recording",
    "scale",
    "scales",
    "solo",
    "solos",
}
"""Words for any recording, which tell nothing about who plays."""


def is_stranger(source: str, instrument: str, training_data: Sequence[str]) -> bool:
    """Whether a card's `training_data` does not name the source of a recording.

    Args:
        source: Name of the recording's file.
        instrument: What plays.
        training_data: Of a card; a line may begin with its instrument.
    """
    lines = [line for line in training_data if ":" not in line or line.startswith(f"{instrument}:")]
    known = {word for line in lines for word in _words(line)}
    return not (_words(Path(source).stem) - KINDS - {instrument.lower()}) & known


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W_]+", text.lower()) if len(word) >= LEAST_LETTERS}
