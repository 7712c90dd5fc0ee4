"""Notes: the pitch tracks of a performance cut where notes begin and end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from violute.analysis.articulation import harmonic_gate
from violute.analysis.controls import FRAME_RATE_HZ, Controls
from violute.analysis.onsets import pick_onsets
from violute.analysis.polyphony.separate_lines import separate_lines
from violute.transforms.runs import joined_runs

SHORTEST_SECONDS = 0.05

LEAP_SEMITONES = 0.7
"""Distance from a note's own pitch at which another begins; the widest vibrato stays below."""

LEAP_FRAMES = 3
"""Frames (30 ms) that the pitch must stay away, or it was a slip of the tracker."""

GAP_FRAMES = 5
"""Unpitched frames (50 ms) that end a note."""


class Note(NamedTuple):
    """One note of a performance or a score.

    Attributes:
        onset_seconds: Where it begins.
        offset_seconds: Where it ends, later than it begins.
        f0_hz: Its pitch.
        loudness_db: Of its loudest frame, A-weighted, relative to a full-scale 1 kHz sine; 0 where unknown.
        line: Which of several simultaneous lines plays it.
    """

    onset_seconds: float
    offset_seconds: float
    f0_hz: float
    loudness_db: float = 0.0
    line: int = 0


def notes_of(controls: Controls) -> list[Note]:
    """Return the notes of a performance, by onset, then offset; those of a chord overlap."""
    found = []
    for i, line in enumerate(separate_lines(controls)):
        is_sounding = harmonic_gate(line.periodicity[0] > 0.0, line.loudness_db[0]) > 0.5
        onset_seconds = pick_onsets(line.onset_strength) / FRAME_RATE_HZ
        for note in segment_notes(np.where(is_sounding, line.f0_hz[0], 0.0), onset_seconds):
            frames = slice(*(round(seconds * FRAME_RATE_HZ) for seconds in note[:2]))
            found.append(note._replace(loudness_db=float(line.loudness_db[0, frames].max()), line=i))
    return sorted(found)


def segment_notes(
    f0_hz: Float[np.ndarray, " frame"], onset_seconds: Float[np.ndarray, " onset"]
) -> list[Note]:
    """Cut the pitch track of one line into notes: at rests, at leaps, and at attacks on one pitch.

    Args:
        f0_hz: Hz, 0 where unpitched or silent; frame `i` is centred on second `i / FRAME_RATE_HZ`.
        onset_seconds: Attacks, rising.

    Returns:
        Notes of at least `SHORTEST_SECONDS` in order, each with the median of its track.
    """
    shortest = max(1, round(SHORTEST_SECONDS * FRAME_RATE_HZ))
    attacks = np.round(onset_seconds * FRAME_RATE_HZ).astype(int)
    notes = []
    for start, stop in _legato_parts(f0_hz):
        inside = [int(a) for a in attacks if start + shortest <= a <= stop - shortest]
        # Two cuts closer than a note are one attack.
        cuts = [start]
        for attack in inside:
            if attack - cuts[-1] >= shortest:
                cuts.append(attack)
        for first, last in zip(cuts, [*cuts[1:], stop], strict=True):
            pitched = f0_hz[first:last][f0_hz[first:last] > 0.0]
            if last - first >= shortest and pitched.size:
                notes.append(Note(first / FRAME_RATE_HZ, last / FRAME_RATE_HZ, float(np.median(pitched))))
    return notes


def _legato_parts(f0_hz: Float[np.ndarray, " frame"]) -> list[tuple[int, int]]:
    """Return (first, last + 1) of the stretches that hold one pitch without a rest."""
    parts = []
    for start, stop in joined_runs(f0_hz > 0.0, GAP_FRAMES - 1):
        semitones = 12.0 * np.log2(np.where(f0_hz[start:stop] > 0.0, f0_hz[start:stop], np.nan))
        first = 0
        away: list[int] = []
        for frame, pitch in enumerate(semitones):
            if np.isnan(pitch):
                continue
            # The note so far, half a second of it: a slow slide is one note.
            own = float(np.nanmedian(semitones[max(first, frame - 50) : max(frame - len(away), first + 1)]))
            if not np.isfinite(own) or abs(pitch - own) <= LEAP_SEMITONES:
                away = []
                continue
            away.append(frame)
            if len(away) >= LEAP_FRAMES:
                parts.append((start + first, start + away[0]))
                first, away = away[0], []
        parts.append((start + first, stop))
    return parts
