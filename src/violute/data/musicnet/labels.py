"""MusicNet's labels: which notes sound when, in the CSV that lies beside each recording.

Times are samples at 44.1 kHz, whatever the recording is resampled to later; instruments are General
MIDI programs counted from 1 (violin 41, flute 74). The instrument is not to be trusted, see
`musicnet_catalogue`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from violute.errors import DataError

LABEL_RATE_HZ = 44_100
COLUMNS = ("start_time", "end_time", "instrument", "note", "start_beat", "end_beat", "note_value")


@dataclass(frozen=True)
class Label:
    """A note of the score, aligned with the recording.

    Attributes:
        start_seconds: Where it begins.
        end_seconds: Where it ends, later than its beginning.
        midi: Pitch, 69 being A4.
        instrument: General MIDI program from 1.
    """

    start_seconds: float
    end_seconds: float
    midi: int
    instrument: int


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
            labels = [_label(row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError):
        raise DataError(
            f"{path} is no CSV of MusicNet's labels: delete it to have it fetched again"
        ) from None
    if any(label.end_seconds <= label.start_seconds or label.start_seconds < 0.0 for label in labels):
        raise DataError(f"{path} has notes that end before they begin: delete it to have it fetched again")
    return labels


def polyphonic_share(labels: Sequence[Label]) -> float:
    """Return the share of the sounding time in which two or more notes sound, by the score.

    Returns:
        0 to 1; NaN without labels.
    """
    turns = sorted(
        [(label.start_seconds, 1) for label in labels] + [(label.end_seconds, -1) for label in labels]
    )
    sounding = polyphonic = 0.0
    n_notes = 0
    for (seconds, change), (until, _) in pairwise(turns):
        n_notes += change
        sounding += (until - seconds) * (n_notes >= 1)
        polyphonic += (until - seconds) * (n_notes >= 2)
    return polyphonic / sounding if sounding else math.nan


def _label(row: dict[str, str]) -> Label:
    return Label(
        start_seconds=int(row["start_time"]) / LABEL_RATE_HZ,
        end_seconds=int(row["end_time"]) / LABEL_RATE_HZ,
        midi=int(row["note"]),
        instrument=int(row["instrument"]),
    )
