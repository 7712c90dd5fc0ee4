"""Several lines as one performance: the same network plays each, and the sound is their sum.

Lines are told apart by `analysis.polyphony.chords`. The loudness of a frame was divided among them by power,
and the phases of their partials have nothing to do with each other, so the sum is as loud as the recording. A
line that rests costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Float32

from violute.analysis.conditioning import pitch_changes
from violute.analysis.controls import Controls
from violute.synthesis.room import PLACES, in_rooms
from violute.voices.contract import Performance
from violute.voices.mix import Dials

NEAR_ONSET_FRAMES = 6
"""An onset within 60 ms of a line's new note is that line's own."""


class HarmonicLine(Protocol):
    """One line as `violute.families.ddsp.voice` performs it."""

    sample_rate: int
    n_frames: int
    frame_rate_hz: float

    def dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise without a room."""


class ChordPerformance(Performance):
    """One performance of several lines, ready to be rendered at any mix.

    Args:
        lines: One performance of each line, all of the same frames and rate.
    """

    is_wide = True

    def __init__(self, lines: Sequence[HarmonicLine]) -> None:
        first = lines[0]
        super().__init__(first.sample_rate, first.n_frames, first.frame_rate_hz, n_lines=len(lines))
        self._lines = lines

    def blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise all lines at the dials and put them into one room."""
        for (audio,) in in_rooms(self._dry_blocks(dials), dials.room):
            yield audio

    def wide_blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, "2 _sample"]]:
        """Synthesise for two loudspeakers, with walls of its own for each."""
        return in_rooms(self._dry_blocks(dials), dials.room, seeds=PLACES)

    def _dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        for parts in zip(*(line.dry_blocks(dials) for line in self._lines), strict=True):
            yield np.asarray(np.sum(parts, axis=0), np.float32)


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
    kernel = np.ones(2 * NEAR_ONSET_FRAMES + 1)
    return np.asarray(np.convolve(begins, kernel, mode="full")[NEAR_ONSET_FRAMES:][: len(begins)] > 0.0)
