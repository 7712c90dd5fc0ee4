"""Several lines as one performance: the same network plays each, and the sound is their sum.

Lines are told apart by `analysis.polyphony.chords`. The loudness of a frame was divided among them by power,
and the phases of their partials have nothing to do with each other, so the sum is as loud as the recording. A
line that rests costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.controls import Controls
from violute.synthesis.room import PLACES, in_rooms
from violute.voices.contract import Performance
from violute.voices.mix import Dials


class HarmonicLine(Protocol):
    """One line as `violute.families.ddsp.voice` performs it."""

    sample_rate: int
    n_frames: int
    frame_rate_hz: float

    def dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise without a room."""

    def transposed(self, semitones: float) -> HarmonicLine:
        """Return the line at another pitch."""


class ChordPerformance(Performance):
    """One performance of several lines, ready to be rendered at any mix.

    Args:
        lines: One performance of each line, all of the same frames and rate.
        controls: What was heard, of all lines.
    """

    is_wide = True

    def __init__(self, lines: Sequence[HarmonicLine], controls: Controls | None = None) -> None:
        first = lines[0]
        super().__init__(first.sample_rate, first.n_frames, first.frame_rate_hz, n_lines=len(lines))
        self._lines = lines
        self.controls = controls

    def transposed(self, semitones: float) -> ChordPerformance:
        """Return the same lines at another pitch."""
        return ChordPerformance([line.transposed(semitones) for line in self._lines], self.controls)

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
