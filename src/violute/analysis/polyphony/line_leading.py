"""Notes into lines: each note whole in one line, each line going on as near to its last note as it can."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, permutations

import numpy as np

from violute.analysis.polyphony.note_tracks import TrackedNote

TOGETHER_FRAMES = 2
"""Time is cut into cells of this many frames and one, 60 ms; notes that begin in one are led together."""

REST_SEMITONES_PER_FRAME = 0.02
"""A line that has rested a second counts as a semitone further away."""

OVERLAP_FRAMES = 2
"""A line may take the next note this long before its last one ends."""

IDLE_SEMITONES = 12.0
"""So far away is a line that has not sounded yet: a leap within an octave does not wake it."""


def lead_lines(
    notes: Sequence[TrackedNote], n_lines: int, *, first_hz: float = 0.0
) -> list[list[TrackedNote]]:
    """Lead notes, sorted by their beginnings, in up to `n_lines` lines.

    The first line comes from `first_hz`, 0 if it has not sounded. Where more notes begin together than lines
    are free, the least likely ones are left out; notes of a line overlap by `OVERLAP_FRAMES` at most.
    """
    lines: list[list[TrackedNote]] = [[] for _ in range(n_lines)]
    last_hz = [first_hz, *[0.0] * (n_lines - 1)]
    last_stop = [notes[0].start if notes else 0] * n_lines

    def cost(note: TrackedNote, line: int) -> float:
        if last_hz[line] <= 0.0:
            return IDLE_SEMITONES
        leap = 12.0 * abs(float(np.log2(note.f0_hz[0] / last_hz[line])))
        return leap + REST_SEMITONES_PER_FRAME * max(note.start - last_stop[line], 0)

    for _, together in groupby(notes, key=lambda note: note.start // (TOGETHER_FRAMES + 1)):
        group = sorted(together, key=lambda note: -float(note.probability.sum()))
        start = min(note.start for note in group)
        free = [v for v in range(n_lines) if not lines[v] or lines[v][-1].stop <= start + OVERLAP_FRAMES]
        group = group[: len(free)]
        if not group:
            continue
        led = min(
            permutations(free, len(group)),
            key=lambda order: sum(cost(note, v) for note, v in zip(group, order, strict=True)),
        )
        for note, line in zip(group, led, strict=True):
            lines[line].append(note)
            last_hz[line], last_stop[line] = float(note.f0_hz[-1]), note.stop
    return lines
