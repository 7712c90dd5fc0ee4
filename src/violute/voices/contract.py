"""The contract that every model family answers: analyse once, render as often as you like.

A family supplies a `Performance` (what it measured, and how it sounds at given dials) and a voice
that makes one from a `Source`. `violute.voices.take` does the rest alike for all families: rate,
length, channels, loudness, peaks, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float32

from violute.voices.card import Card
from violute.voices.mix import Dials, MixLike

OnProgress = Callable[[float], None]
"""Called with the share of the work done, rising from 0 to 1."""


class Performance(Protocol):
    """One performance as one family sees it: parameters of both ends, ready to be mixed."""

    @property
    def sample_rate(self) -> int:
        """Rate of `blocks`: the voice's, in Hz."""
        ...

    @property
    def n_frames(self) -> int:
        """Frames of the dials that `blocks` expects."""
        ...

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second; frame `i` is centred on second `i / frame_rate_hz`."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about this performance, such as "no steady pitch was found"."""
        ...

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Synthesise in mono at any level, in blocks of any size.

        The joined blocks last at least as long as the piece; the same dials give the same samples.
        """
        ...


class TakeLike(Protocol):
    """One performance, analysed by one voice; `violute.voices.take.Take` is ours."""

    def render(
        self, mix: MixLike = 0.5, *, on_progress: OnProgress | None = None
    ) -> Float[np.ndarray, "... sample"]:
        """Play the performance at `mix`, in the source's shape, rate and loudness.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        ...


class StreamLike(Protocol):
    """A voice that plays along with mono sound; `violute.families.ddsp.stream.HarmonicStream` is ours."""

    @property
    def sample_rate(self) -> int:
        """Rate of the sound that comes and goes, in Hz."""
        ...

    @property
    def latency_samples(self) -> int:
        """How far the output runs behind the input."""
        ...

    def set_mix(self, mix: MixLike) -> None:
        """Turn the dials while it plays.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        ...

    def push(self, audio: Float[np.ndarray, " sample"]) -> Float32[np.ndarray, " sample"]:
        """Take samples in a block of any size, and return as many, `latency_samples` late.

        Raises:
            AudioError: A sample is not finite.
        """
        ...

    def flush(self) -> Float32[np.ndarray, " sample"]:
        """Return the last `latency_samples`, when no more sound will come."""
        ...


class Voice(Protocol):
    """A trained voice with two ends."""

    @property
    def card(self) -> Card:
        """What the voice is, what made it, and where its limits are."""
        ...

    def analyse(
        self,
        audio: Float[np.ndarray, "... sample"],
        sample_rate: int,
        *,
        on_progress: OnProgress | None = None,
    ) -> TakeLike:
        """Measure a performance: `(sample,)` or `(channel, sample)`, any rate.

        Raises:
            AudioError: The audio is empty, silent, or not finite.
        """
        ...
