"""`Source`: a recording read block by block, in constant memory; from an array, or see `file_source`.

Samples are float32 in (channel, sample); integer PCM becomes [-1, 1) by its full scale, and nothing is
clipped on the way in. A source is validated when it is made and can be read any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Num

from violute.errors import AudioError

BLOCK_SAMPLES = 65_536
"""Default length of a block: 1.5 s at 44.1 kHz."""

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000
MIN_SAMPLES = 2

INAUDIBLE = 1e-6
"""A recording that never moves further than this, -120 dB of full scale, counts as silent."""

LARGEST_SAMPLE = 1e6
"""Times full scale, 120 dB over it: what is larger was never sound."""
_MAX_CHANNELS = 1_024


class Source(Protocol):
    """A recording: what it is, and its samples block by block, from the start on every call."""

    @property
    def name(self) -> str:
        """What to call the recording in a message."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the recording, such as "its header gives no length"."""

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz."""

    @property
    def n_channels(self) -> int:
        """Number of channels, 1 or more."""

    @property
    def n_samples(self) -> int:
        """Samples per channel, 2 or more."""

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Read the recording from its start, `n_samples` at a time; the last block may be shorter.

        Raises:
            AudioError: The recording is damaged, ends early, or holds NaN or infinity.
        """


class ArraySource:
    """A recording in memory.

    Args:
        audio: `(sample,)` or `(channel, sample)`; floating point with full scale 1, or integer PCM of
            8 (unsigned or signed), 16 or 32 bits.
        sample_rate: In Hz, 1,000 to 768,000.
        name: What to call it in messages.

    Raises:
        AudioError: The array is no recording: empty, one sample, not finite, of another type or
            shape, or the rate is out of range.
    """

    def __init__(self, audio: Num[np.ndarray, "... sample"], sample_rate: int, name: str = "audio") -> None:
        self.name = name
        self.warnings: tuple[str, ...] = ()
        if audio.ndim not in (1, 2):
            raise AudioError(f"{name} has {audio.ndim} dimensions: give (sample,) or (channel, sample)")
        if audio.ndim == 2 and audio.shape[0] > 64 and audio.shape[0] > audio.shape[1]:
            raise AudioError(
                f"{name} has the shape {audio.shape}, which reads as {audio.shape[0]} channels: "
                "give (channel, sample), transposed"
            )
        check_counts(name, audio.shape[-1], 1 if audio.ndim == 1 else audio.shape[0], sample_rate)
        self._audio = np.atleast_2d(_full_scale(audio, name))
        self.sample_rate = int(sample_rate)
        self.n_channels, self.n_samples = self._audio.shape
        check_samples(self._audio, name)

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Read the array from its start, `n_samples` at a time; the last block may be shorter."""
        for start in range(0, self.n_samples, n_samples):
            yield self._audio[:, start : start + n_samples]


def added(
    blocks: Iterable[Float32[np.ndarray, "channel _sample"]], source: Source, gain: float
) -> Iterator[Float32[np.ndarray, "channel _sample"]]:
    """Add a recording, times a linear gain, to a sound as long as it is."""
    recording = source.blocks()
    ahead = np.zeros((source.n_channels, 0), np.float32)
    for block in blocks:
        n_samples = block.shape[1]
        while ahead.shape[1] < n_samples:
            ahead = np.concatenate([ahead, next(recording)], axis=1)
        yield block + np.float32(gain) * ahead[:, :n_samples]
        ahead = ahead[:, n_samples:]


def check_counts(name: str, n_samples: int, n_channels: int, sample_rate: int) -> None:
    """Make sure that a recording has samples, and a rate and channels that can be.

    Raises:
        AudioError: It does not.
    """
    if n_samples == 0 or n_channels == 0:
        raise AudioError(f"{name} holds no samples: choose a recording with sound in it")
    if n_samples < MIN_SAMPLES:
        raise AudioError(f"{name} holds a single sample: choose a recording with sound in it")
    if n_channels > _MAX_CHANNELS:
        raise AudioError(f"{name} has {n_channels} channels: at most {_MAX_CHANNELS} are possible")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"{name} has a sample rate of {sample_rate} Hz: resample it to one between "
            f"{MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz"
        )


def _full_scale(audio: Num[np.ndarray, "... sample"], name: str) -> Float32[np.ndarray, "... sample"]:
    if np.issubdtype(audio.dtype, np.floating):
        # A double beyond float32's range becomes infinity, which the caller reports.
        with np.errstate(over="ignore", invalid="ignore"):
            return audio.astype(np.float32)
    if audio.dtype == np.uint8:
        return (audio.astype(np.float32) - 128) / 128
    if audio.dtype in (np.int8, np.int16, np.int32):
        return (audio / -float(np.iinfo(audio.dtype).min)).astype(np.float32)
    raise AudioError(
        f"{name} is an array of {audio.dtype}: give floating point with full scale 1, or PCM as uint8, "
        "int8, int16 or int32"
    )


def check_samples(samples: Float32[np.ndarray, "..."], name: str) -> None:
    """Make sure that samples are a sound: finite, and not absurdly loud, as those of damaged floats are.

    Raises:
        AudioError: They are not.
    """
    lowest, highest = float(samples.min(initial=0.0)), float(samples.max(initial=0.0))
    if not np.isfinite((lowest, highest)).all():
        raise AudioError(f"{name} holds NaN or infinity: export it again from the program that made it")
    if max(highest, -lowest) > LARGEST_SAMPLE:
        raise AudioError(
            f"{name} is damaged, it holds samples of {max(highest, -lowest):.0e} times full scale (sound has "
            f"up to {LARGEST_SAMPLE:.0e}): export it again from the program that made it"
        )
