"""What baselines share that play a performance with frames borrowed from recordings of both ends."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from violute.audio.channels import spread_over_channels, to_mono
from violute.audio.resample import resample
from violute.audio.source import ArraySource
from violute.evaluation.baselines.reference_frames import ReferenceFrames
from violute.evaluation.baselines.references import LevelledTake
from violute.rates import SAMPLE_RATE


class BorrowingTake(LevelledTake):
    """One performance; a subclass measures `mono` and plays it with frames of both ends' recordings.

    Attributes:
        mono: The performance at `SAMPLE_RATE`.
    """

    def __init__(
        self, audio: Float[np.ndarray, "... sample"], sample_rate: int, frames: ReferenceFrames
    ) -> None:
        super().__init__(audio, sample_rate)
        self._shape = audio.shape
        self.mono = resample(to_mono(ArraySource(audio, sample_rate)), sample_rate, SAMPLE_RATE)
        self.prepare(frames)

    @abstractmethod
    def prepare(self, frames: ReferenceFrames) -> None:
        """Measure the performance and find the frames that are played most like it."""

    @abstractmethod
    def play_mono(self, mix: float) -> Float[np.ndarray, " sample"]:
        """Play at a mix from 0 to 1: at `SAMPLE_RATE`, at any level, about as long as `mono`."""

    def play(self, mix: float) -> Float[np.ndarray, "... sample"]:
        """Play the performance in the recording's shape and rate."""
        played = self.play_mono(mix).astype(np.float32)
        mono = resample(played, SAMPLE_RATE, self._sample_rate)[: self._shape[-1]]
        mono = np.pad(mono, (0, self._shape[-1] - mono.size))
        return spread_over_channels(mono, self.measurement.channel_gains).reshape(self._shape)


class BorrowingBaseline:
    """Plays with frames that it borrows."""

    take_type: ClassVar[type[BorrowingTake]]

    def __init__(self, frames: ReferenceFrames) -> None:
        self._frames = frames

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> BorrowingTake:
        """Measure a performance and find its nearest frames."""
        return self.take_type(audio, sample_rate, self._frames)
