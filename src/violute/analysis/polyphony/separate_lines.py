"""Each line of a performance by itself, with the onsets of its own notes."""

from __future__ import annotations

import numpy as np

from violute.analysis.conditioning import pitch_changes
from violute.analysis.controls import Controls
from violute.transforms.runs import count_near

NEAR_ONSET_FRAMES = 6
"""An onset within 60 ms of a line's new note is that line's own."""


def separate_lines(controls: Controls) -> list[Controls]:
    """Return each line by itself, with the onsets of its own notes.

    Strength that belongs to a new note of another line is taken from those that hold theirs; where no line
    begins a note, all of them were bowed or tongued anew.
    """
    is_voiced = controls.periodicity > 0.0
    changes = np.stack([pitch_changes(line) for line in controls.f0_hz])
    begins = is_voiced & (np.diff(is_voiced, prepend=False, axis=1) | changes)
    begins = np.stack([count_near(line, NEAR_ONSET_FRAMES) > 0 for line in begins])
    nobody = ~begins.any(axis=0)
    return [
        Controls(
            controls.f0_hz[i : i + 1],
            controls.periodicity[i : i + 1],
            controls.loudness_db[i : i + 1],
            np.where(begins[i] | nobody, controls.onset_strength, 0.0).astype(np.float32),
            controls.frame_rate_hz,
        )
        for i in range(controls.n_lines)
    ]
