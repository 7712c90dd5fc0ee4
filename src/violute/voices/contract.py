"""The contract that every model family answers: analyse once, render as often as you like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float

from violute.voices.card import Card
from violute.voices.mix import Mix

Automation = Sequence[tuple[float, float]]
"""Break-points of a dial that moves: (seconds, mix), seconds rising."""

MixLike = float | Mix | Automation

OnProgress = Callable[[float], None]
"""Called with the share of the work done, rising from 0 to 1."""


class Take(Protocol):
    """One performance, analysed by one voice."""

    def render(
        self, mix: MixLike = 0.5, *, on_progress: OnProgress | None = None
    ) -> Float[np.ndarray, "... sample"]:
        """Play the performance at `mix`, in the source's shape, rate and loudness.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
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
    ) -> Take:
        """Measure a performance: `(sample,)` or `(channel, sample)`, any rate.

        Raises:
            AudioError: The audio is empty, silent, or not finite.
        """
        ...
