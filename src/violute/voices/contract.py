"""The contract that every model family answers: analyse once, render as often as you like.

A family supplies a `Performance` (what it measured, and how it sounds at given dials) and a voice
that makes one from a `Source`. `violute.voices.take` does the rest alike for all families: rate,
length, channels, loudness, peaks, files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, Protocol

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.controls import Controls
from violute.errors import VoiceError
from violute.transforms.transposition import transposed
from violute.voices.live_parameters import LiveTracks
from violute.voices.mix import ONE_DIAL, Dials, MixLike

OnProgress = Callable[[float], None]
"""Called with the share of the work done, rising from 0 to 1."""


class Performance(ABC):
    """One performance as one family sees it: parameters of both ends, ready to be mixed.

    Attributes:
        sample_rate: Rate of `blocks`: the voice's, in Hz.
        n_frames: Frames of the dials that `blocks` expects.
        frame_rate_hz: Frames per second; frame `i` is centred on second `i / frame_rate_hz`.
        n_lines: Notes that sound at once, at most; 1 where the family tells none apart.
        is_live: Whether there are `live_tracks`.
        warnings: What the user should know whatever the dials, such as "no steady pitch was found".
    """

    has_one_dial: ClassVar[bool] = False
    """Whether the tone is the only dial that does anything."""

    controls: Controls | None = None
    """Pitch, loudness and onsets, where the family measures them."""

    is_wide: ClassVar[bool] = False
    """Whether `wide_blocks` differ from one loudspeaker to the other where there is a room."""

    def __init__(
        self,
        sample_rate: int,
        n_frames: int,
        frame_rate_hz: float,
        *,
        n_lines: int = 1,
        is_live: bool = False,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.sample_rate, self.n_frames, self.frame_rate_hz = sample_rate, n_frames, frame_rate_hz
        self.n_lines, self.is_live, self.warnings = n_lines, is_live, warnings

    @abstractmethod
    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Synthesise in mono at any level, in blocks of any size.

        The joined blocks last at least as long as the piece; the same dials give the same samples.
        """

    def wide_blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, "2 _sample"]]:
        """Synthesise for two loudspeakers; without a room that is wide, both play the same."""
        for block in self.blocks(dials):
            yield np.stack([block, block])

    def transposed(self, semitones: float) -> Performance:
        """Return the performance at another pitch; a family that plays no other has its sound shifted."""
        return ShiftedPerformance(self, semitones)

    def warnings_for(self, dials: Dials) -> tuple[str, ...]:
        """What the user should know about a rendering at these dials."""
        return (*self.warnings, ONE_DIAL) if self.has_one_dial and not dials.is_one_dial else self.warnings

    def live_tracks(self) -> list[LiveTracks]:
        """Return the parameters of both ends over the whole piece, for a synthesiser elsewhere, line by line.

        Raises:
            VoiceError: There are none.
        """
        raise VoiceError("this voice has no live parameters: render it, or choose another voice")


class ShiftedPerformance(Performance):
    """A performance whose sound is brought to another pitch, as it can be done for every family."""

    def __init__(self, performance: Performance, semitones: float) -> None:
        super().__init__(
            performance.sample_rate,
            performance.n_frames,
            performance.frame_rate_hz,
            n_lines=performance.n_lines,
        )
        self._performance, self._semitones = performance, semitones

    def blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise and shift."""
        return transposed(self._performance.blocks(dials), self._semitones, self.sample_rate)


class TakeLike(Protocol):
    """One performance, analysed by a `Player`; that of a voice is `violute.voices.take.Take`."""

    def render(self, mix: float = 0.5) -> Float[np.ndarray, "... sample"]:
        """Play the performance at `mix`, in the source's shape, rate and loudness.

        Raises:
            MixError: The mix is not a number from 0 to 1.
        """


class Player(Protocol):
    """Whoever plays a performance between two ends: a voice of any family, or a baseline of the bench."""

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> TakeLike:
        """Measure a performance: `(sample,)` or `(channel, sample)`, any rate.

        Raises:
            AudioError: The audio is empty, silent, or not finite.
        """


class StreamLike(Protocol):
    """A voice that plays along with mono sound; `violute.families.ddsp.stream.HarmonicStream` is ours."""

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that comes and goes, in Hz."""

    @property
    def latency_samples(self) -> int:
        """How far the output runs behind the input."""

    def set_mix(self, mix: MixLike) -> None:
        """Turn the dials while it plays.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """

    def push(self, audio: Float[np.ndarray, " sample"]) -> Float32[np.ndarray, " sample"]:
        """Take samples in a block of any size, and return as many, `latency_samples` late.

        Raises:
            AudioError: A sample is not finite.
        """

    def flush(self) -> Float32[np.ndarray, " sample"]:
        """Return the last `latency_samples`, when no more sound will come."""
