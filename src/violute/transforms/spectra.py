"""Frames and magnitude spectra on the grid that every `Controls` shares."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from violute.rates import HOP_LENGTH

FRAMES_PER_GROUP = 64
"""Frames transformed together: few enough for their arrays to stay in the second-level cache."""


def count_frames(n_samples: int) -> int:
    """Number of frames that cover `n_samples`: the last one lies at or after the end."""
    return math.ceil(n_samples / HOP_LENGTH) + 1


@lru_cache(maxsize=8)
def hann(n: int) -> Float[np.ndarray, " {n}"]:
    """Periodic Hann window of `n` samples."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)).astype(np.float32)


def magnitude_frames(
    audio: Float[np.ndarray, " sample"],
    n_fft: int,
    start: int,
    n_frames: int,
    *,
    hop_length: int = HOP_LENGTH,
) -> Float[np.ndarray, "{n_frames} {n_fft}//2+1"]:
    """Magnitude spectra of Hann-windowed frames, scaled so that a sine reads its amplitude.

    The first frame is centred on sample `start`; samples outside `audio` count as 0.
    """
    first = start - n_fft // 2
    last = first + (n_frames - 1) * hop_length + n_fft
    padded = np.pad(
        audio[max(first, 0) : max(min(last, len(audio)), 0)].astype(np.float32, copy=False),
        (max(-first, 0), max(last - max(len(audio), first, 0), 0)),
    )[: last - first]
    if len(padded) < last - first:
        padded = np.pad(padded, (0, last - first - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = hann(n_fft)
    scale = np.float32(2.0 / window.sum())
    magnitudes = np.empty((n_frames, n_fft // 2 + 1), np.float32)
    for i in range(0, n_frames, FRAMES_PER_GROUP):
        group = magnitudes[i : i + FRAMES_PER_GROUP]
        np.abs(np.fft.rfft(frames[i : i + FRAMES_PER_GROUP] * window, axis=1), out=group)
        group *= scale
    return magnitudes
