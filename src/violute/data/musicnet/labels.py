"""MusicNet's labels: which notes sound when, in the CSV that lies beside each recording.

Times are samples at 44.1 kHz, whatever the recording is resampled to later; instruments are General
MIDI programs counted from 1 (violin 41, flute 74). The instrument is not to be trusted, see `catalogue`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from violute.errors import DataError

LABEL_RATE_HZ = 44_100
COLUMNS = ("start_time", "end_time", "instrument", "note", "start_beat", "end_beat", "note_value")

MARGIN_SECONDS = 0.1
"""Left out on both sides of several notes at once: strings ring on, and labels are this far off."""

SHORTEST_CHORD_SECONDS = 0.05
"""Notes that overlap for less are one after the other, by labels that are a little off."""

SHORTEST_PASSAGE_SECONDS = 1.0
"""Between two chords, less than this is not worth learning from: mostly a note that rings into the next."""


class Label(NamedTuple):
    """A note of the score, aligned with the recording: when it sounds, and its pitch (69 is A4)."""

    start_seconds: float
    end_seconds: float
    midi: int


def read_labels(path: Path) -> list[Label]:
    """Read the labels of a recording, in the order of the file.

    Raises:
        DataError: The file cannot be read, or is not such a CSV.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = tuple(reader.fieldnames or ())
            if columns[: len(COLUMNS)] != COLUMNS:
                raise DataError(
                    f"{path} has the columns {', '.join(columns) or 'of nothing'}: delete it, fetch again"
                )
            labels = [
                Label(
                    int(row["start_time"]) / LABEL_RATE_HZ,
                    int(row["end_time"]) / LABEL_RATE_HZ,
                    int(row["note"]),
                )
                for row in reader
            ]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError):
        raise DataError(
            f"{path} is no CSV of MusicNet's labels: delete it to have it fetched again"
        ) from None
    if any(label.end_seconds <= label.start_seconds or label.start_seconds < 0.0 for label in labels):
        raise DataError(f"{path} has notes that end before they begin: delete it to have it fetched again")
    return labels


def polyphonic_share(labels: Sequence[Label]) -> float:
    """Return the share of the sounding time in which several notes sound by the score; NaN without labels."""
    counts = _counts(labels)
    sounding = sum(until - since for since, until, n_notes in counts if n_notes >= 1)
    polyphonic = sum(until - since for since, until, n_notes in counts if n_notes >= 2)
    return polyphonic / sounding if sounding else math.nan


def single_line_passages(labels: Sequence[Label], seconds: float) -> list[tuple[float, float]]:
    """Return where no two notes sound at once, by the score: start and end in seconds, in order."""
    chords: list[tuple[float, float]] = []
    for since, until, n_notes in _counts(labels):
        if n_notes >= 2 and chords and chords[-1][1] == since:
            chords[-1] = (chords[-1][0], until)
        elif n_notes >= 2:
            chords.append((since, until))
    chords = [(since, until) for since, until in chords if until - since >= SHORTEST_CHORD_SECONDS]
    starts = [0.0, *(until + MARGIN_SECONDS for _, until in chords)]
    ends = [*(since - MARGIN_SECONDS for since, _ in chords), seconds]
    passages = [(start, min(end, seconds)) for start, end in zip(starts, ends, strict=True)]
    if not chords:
        return passages
    return [(start, end) for start, end in passages if end - start >= SHORTEST_PASSAGE_SECONDS]


def _counts(labels: Sequence[Label]) -> list[tuple[float, float, int]]:
    """Return from when until when how many notes sound; the number may stay the same from part to part."""
    turns = sorted(
        [(label.start_seconds, 1) for label in labels] + [(label.end_seconds, -1) for label in labels]
    )
    counts, n_notes = [], 0
    for (since, change), (until, _) in pairwise(turns):
        n_notes += change
        if until > since:
            counts.append((since, until, n_notes))
    return counts
