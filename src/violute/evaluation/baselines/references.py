"""What the baselines of the bench share: recordings of both instruments, a mix, and a rendering's loudness.

They answer the contract of `violute.voices.contract.Player`, errors and all, as voices do, so that no metric
needs to know which of them it measures.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from violute.audio.channels import measure
from violute.audio.level import bring_to_loudness
from violute.audio.source import ArraySource
from violute.errors import InputError, MixError

References = Mapping[str, Sequence[tuple[Float[np.ndarray, "... sample"], int]]]
"""Recordings (audio, rate in Hz) of each end's instrument, by the end's name; the end of mix 0 first."""


def check_references(references: References) -> tuple[str, str]:
    """Return the names of both ends, that of mix 0 first.

    Raises:
        InputError: There are not two ends, or one is without recordings.
    """
    if len(references) != 2:
        raise InputError(f"references for {list(references)} came: give recordings of two instruments")
    for end, recordings in references.items():
        if not recordings:
            raise InputError(f"there are no reference recordings of {end}: give at least one")
    first, second = references
    return first, second


def check_mix(mix: float) -> float:
    """Return a mix that is a number from 0 to 1.

    Raises:
        MixError: It is not.
    """
    if not (math.isfinite(mix) and 0.0 <= mix <= 1.0):
        raise MixError(f"a mix of {mix} came: a baseline takes one number from 0 to 1")
    return float(mix)


class LevelledTake(ABC):
    """One performance, rendered at the loudness of its recording."""

    def __init__(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> None:
        self.measurement = measure(ArraySource(audio, sample_rate))
        self._sample_rate = sample_rate

    @abstractmethod
    def play(self, mix: float) -> Float[np.ndarray, "... sample"]:
        """Play in the recording's shape at a mix from 0 to 1, at any level."""

    def render(self, mix: float = 0.5) -> Float[np.ndarray, "... sample"]:
        """Play the performance at the recording's loudness."""
        return bring_to_loudness(self.play(check_mix(mix)), self.measurement.loudness_lufs, self._sample_rate)
