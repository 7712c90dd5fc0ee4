"""`Span`: the part of a sound between two times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from violute.audio.source import Source
from violute.errors import AudioError, InputError


@dataclass(frozen=True)
class Span:
    """From one time to another.

    Attributes:
        start_seconds: Where it begins, 0 or later.
        end_seconds: Where it ends; infinity is the end of the sound.

    Raises:
        InputError: It would end before it begins, or begin before 0.
    """

    start_seconds: float = 0.0
    end_seconds: float = math.inf

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_seconds < self.end_seconds:  # NaN is neither
            raise InputError(f"nothing lies {self._where}: give seconds from 0, the end after the beginning")

    @property
    def is_whole(self) -> bool:
        """Whether it leaves nothing out."""
        return self == Span()

    @property
    def label(self) -> str:
        """Name it for file names, `-1.50s-2.25s`; nothing where it is the whole."""
        if self.is_whole:
            return ""
        return f"-{_digits(self.start_seconds)}-" + (
            "end" if math.isinf(self.end_seconds) else _digits(self.end_seconds)
        )

    @property
    def _where(self) -> str:
        is_open = math.isinf(self.end_seconds)
        return (
            f"from {self.start_seconds:g} s on"
            if is_open
            else f"between {self.start_seconds:g} and {self.end_seconds:g} s"
        )

    def samples(self, source: Source) -> range:
        """Return the samples of a recording that lie in it.

        Raises:
            AudioError: There are none.
        """
        first, last = (
            round(min(seconds * source.sample_rate, source.n_samples))
            for seconds in (self.start_seconds, self.end_seconds)
        )
        samples = range(first, last)
        if not samples:
            raise AudioError(
                f"{source.name}: nothing of it lies {self._where}: "
                f"name another part, it has {source.n_samples / source.sample_rate:.2f} s"
            )
        return samples


WHOLE = Span()
"""All of a sound."""


def within(
    blocks: Iterator[Float32[np.ndarray, "channel sample"]], samples: range
) -> Iterator[Float32[np.ndarray, "channel sample"]]:
    """Leave of a sound's blocks the samples of a range, as they were; the blocks are read to their end."""
    at = 0
    for block in blocks:
        part = block[:, max(samples.start - at, 0) : max(samples.stop - at, 0)]
        at += block.shape[1]
        if part.shape[1]:
            yield part


def _digits(seconds: float) -> str:
    short = f"{seconds:.2f}"
    return (short if float(short) == seconds else f"{seconds:.6g}") + "s"
