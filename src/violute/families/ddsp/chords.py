"""Several lines as one performance: the same network plays each, and the sound is their sum.

Lines are told apart by `analysis.polyphony.chords`. The loudness of a frame was divided among them by power,
and the phases of their partials have nothing to do with each other, so the sum is as loud as the recording. A
line that rests costs nothing.

The first line is the whole piece as it is played where no chords are heard. It gives way to the others in the
passages of chords alone, so that a few of them change nothing of what stands between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Float32

from violute.analysis.controls import Controls
from violute.synthesis.room import PLACES, in_rooms
from violute.transforms.runs import joined_runs
from violute.voices.contract import Performance
from violute.voices.live_parameters import LiveTracks
from violute.voices.mix import Dials

FADE_FRAMES = 3
"""The line gives way to chords in the last 30 ms before a passage, and comes back in the last 30 ms of it."""

LEAST_LINE_FRAMES = 10
"""A shorter stretch between two passages is left to the lines of chords."""

ABSENT = 1e-12


def cross_fades(
    in_chords: Bool[np.ndarray, " frame"],
) -> tuple[Float32[np.ndarray, " frame"], Float32[np.ndarray, " frame"]]:
    """Return what is added to the loudness of the one line, and to that of the lines of chords, in dB.

    Both follow the same notes there, at phases of their own, so their powers add up to 1.
    """
    n_frames = len(in_chords)
    share = np.zeros(n_frames)
    for start, stop in joined_runs(in_chords, LEAST_LINE_FRAMES):
        frame = np.arange(max(start - FADE_FRAMES, 0), stop)
        rise = np.ones(len(frame)) if start == 0 else (frame - start + FADE_FRAMES) / FADE_FRAMES
        fall = np.ones(len(frame)) if stop == n_frames else (stop - frame) / FADE_FRAMES
        share[frame] = np.clip(np.minimum(rise, fall), 0.0, 1.0)
    one_db, chords_db = (
        (20.0 * np.log10(np.maximum(np.sin(0.5 * np.pi * part), ABSENT))).astype(np.float32)
        for part in (1.0 - share, share)
    )
    return one_db, chords_db


class HarmonicLine(Protocol):
    """One line as `violute.families.ddsp.voice` performs it."""

    sample_rate: int
    n_frames: int
    frame_rate_hz: float

    def dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise without a room."""

    def transposed(self, semitones: float) -> HarmonicLine:
        """Return the line at another pitch."""

    def live_tracks(self) -> list[LiveTracks]:
        """Return the parameters of both ends."""


class ChordPerformance(Performance):
    """One performance of several lines, ready to be rendered at any mix.

    Args:
        lines: The one line that gives way to chords, and each line of those, all of the same frames and rate.
        controls: What was heard, of all lines.
    """

    is_wide = True

    controls: Controls

    def __init__(self, lines: Sequence[HarmonicLine], controls: Controls) -> None:
        first = lines[0]
        super().__init__(
            first.sample_rate, first.n_frames, first.frame_rate_hz, n_lines=controls.n_lines, is_live=True
        )
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

    def live_tracks(self) -> list[LiveTracks]:
        """Return the parameters of all lines: a synthesiser plays their sum."""
        return [tracks for line in self._lines for tracks in line.live_tracks()]

    def _dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        for parts in zip(*(line.dry_blocks(dials) for line in self._lines), strict=True):
            yield np.asarray(np.sum(parts, axis=0), np.float32)
