"""The phase in which a recording plays its fundamental: what a network that hears sines is taught with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Float64

from violute.analysis.controls import FRAME_RATE_HZ

WINDOW_SECONDS = 0.03
"""Six periods of a violin's lowest fundamental: the phase of a sine among its multiples."""

BLOCK_FRAMES = 2000
"""Frames worked on together."""


def cycles_played(
    audio: Float[np.ndarray, " _sample"], f0_hz: Float32[np.ndarray, " frame"], sample_rate: int
) -> Float64[np.ndarray, " frame"]:
    """Count the fundamental's cycles up to each frame, as the recording plays them: at whole ones it peaks.

    The sound around each frame is compared with a sine that follows `f0_hz`; by how much its phase leads
    is added to the sine's own cycles.

    Args:
        audio: Mono.
        f0_hz: Each 10 ms, as the analysis gives it.
        sample_rate: Of the audio, in Hz; a whole number of samples lasts 10 ms.
    """
    hop = round(sample_rate / FRAME_RATE_HZ)
    n_window = 2 * round(0.5 * WINDOW_SECONDS * sample_rate)
    n_frames = len(f0_hz)
    turned = np.concatenate([[0.0], np.cumsum(0.5 * (f0_hz[1:] + f0_hz[:-1]).astype(np.float64))])
    turned /= FRAME_RATE_HZ
    half = n_window // 2
    window = np.hanning(n_window + 1)[:-1]
    padded = np.pad(audio.astype(np.float32), (half, max(n_frames * hop + half - len(audio), 0)))
    framed = np.lib.stride_tricks.sliding_window_view(padded, n_window)[: n_frames * hop : hop]
    offsets = (np.arange(n_window) - half) / sample_rate
    phase = np.empty(n_frames)
    for first in range(0, n_frames, BLOCK_FRAMES):
        block = slice(first, min(first + BLOCK_FRAMES, n_frames))
        sines = window * np.exp(-2j * np.pi * f0_hz[block, None] * offsets)
        phase[block] = np.angle((framed[block] * sines).sum(axis=1))
    phase -= 2.0 * np.pi * (turned % 1.0)
    return turned + np.unwrap(phase) / (2.0 * np.pi)
