"""Segments of one sound that were drawn apart, joined where their waves agree.

Two segments play the same notes at phases of their own, and a plain fade between them would beat. So each
segment is moved by a few milliseconds at most, to where it resembles the end of the one before it, and
its own end is cut by as much: no delay adds up.

Source:
    Verhelst & Roelands, WSOLA (ICASSP 1993), section 2, at joins alone.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

MOST_SHIFT_SAMPLES = 90
"""Either way: a period of the lowest note, 180 Hz at 16 kHz."""


class Joiner:
    """Joins segments that come in order.

    Args:
        n_segment: Samples that a segment adds.
        n_before: Samples of each segment that come before those.
        n_fade: Samples over which one fades into the next; each segment has twice as many after its own.
    """

    def __init__(self, n_segment: int, n_before: int, n_fade: int) -> None:
        self._n_segment, self._n_before, self._n_fade = n_segment, n_before, n_fade
        self._rise = np.square(np.sin(0.5 * np.pi * (np.arange(n_fade) + 0.5) / n_fade)).astype(np.float32)
        self._tail: Float32[np.ndarray, " fade"] | None = None

    def push(self, segment: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " ready"]:
        """Take the next segment and return the samples that no later one changes."""
        start = self._n_before
        if self._tail is not None:
            start += best_shift(self._tail, segment, start, min(MOST_SHIFT_SAMPLES, self._n_fade))
        ready = segment[start : start + self._n_segment].copy()
        if self._tail is not None:
            ready[: self._n_fade] = self._tail + self._rise * (ready[: self._n_fade] - self._tail)
        self._tail = segment[start + self._n_segment :][: self._n_fade].copy()
        return ready


def best_shift(
    tail: Float32[np.ndarray, " fade"], segment: Float32[np.ndarray, " sample"], start: int, most: int
) -> int:
    """Return by how many samples, `most` either way, to read a segment later: it resembles a tail most."""
    first = start - most
    nearby = segment[first : start + most + len(tail)].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(nearby, len(tail))
    likeness: Float[np.ndarray, " shift"] = windows @ tail.astype(np.float64)
    likeness /= np.sqrt(np.square(windows).sum(axis=1)) + 1e-9
    return int(np.argmax(likeness)) - most
