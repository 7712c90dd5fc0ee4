"""Each line of a performance by itself, with the onsets of its own notes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

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
    begins = np.stack([_near_beginnings(controls, line) for line in range(controls.n_lines)])
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


def _near_beginnings(controls: Controls, line: int) -> Bool[np.ndarray, " frame"]:
    """Frames about which a line begins a note."""
    is_voiced = controls.periodicity[line] > 0.0
    begins = is_voiced & (np.diff(is_voiced, prepend=False) | pitch_changes(controls.f0_hz[line]))
    return np.asarray(count_near(begins, NEAR_ONSET_FRAMES) > 0.0)
