"""Notes into voices: each note whole in one voice, each voice going on as near to its last note as it can."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, permutations

import numpy as np

from violute.analysis.polyphony.note_tracks import TrackedNote

TOGETHER_FRAMES = 2
"""Time is cut into cells of this many frames and one, 60 ms; notes that begin in one are led together."""

REST_SEMITONES_PER_FRAME = 0.02
"""A voice that has rested a second counts as a semitone further away."""

OVERLAP_FRAMES = 2
"""A voice may take the next note this long before its last one ends."""

IDLE_SEMITONES = 12.0
"""So far away is a voice that has not sounded yet: a leap within an octave does not wake it."""


def lead_voices(
    notes: Sequence[TrackedNote], n_voices: int, *, first_hz: float = 0.0
) -> list[list[TrackedNote]]:
    """Lead notes in voices.

    Where more notes begin together than there are voices free, the least likely ones are left out.

    Args:
        notes: By their beginnings.
        n_voices: How many there may be.
        first_hz: Pitch that the first voice comes from; 0 if it has not sounded.

    Returns:
        Notes of each voice, by their beginnings; they overlap by `OVERLAP_FRAMES` at most.
    """
    voices: list[list[TrackedNote]] = [[] for _ in range(n_voices)]
    last_hz = [first_hz, *[0.0] * (n_voices - 1)]
    last_stop = [notes[0].start if notes else 0] * n_voices

    def cost(note: TrackedNote, voice: int) -> float:
        if last_hz[voice] <= 0.0:
            return IDLE_SEMITONES
        leap = 12.0 * abs(float(np.log2(note.f0_hz[0] / last_hz[voice])))
        return leap + REST_SEMITONES_PER_FRAME * max(note.start - last_stop[voice], 0)

    for _, together in groupby(notes, key=lambda note: note.start // (TOGETHER_FRAMES + 1)):
        group = sorted(together, key=lambda note: -float(note.probability.sum()))
        start = min(note.start for note in group)
        free = [v for v in range(n_voices) if not voices[v] or voices[v][-1].stop <= start + OVERLAP_FRAMES]
        group = group[: len(free)]
        if not group:
            continue
        led = min(
            permutations(free, len(group)),
            key=lambda order: sum(cost(note, v) for note, v in zip(group, order, strict=True)),
        )
        for note, voice in zip(group, led, strict=True):
            voices[voice].append(note)
            last_hz[voice], last_stop[voice] = float(note.f0_hz[-1]), note.stop
    return voices
