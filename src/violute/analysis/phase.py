"""The phase in which a recording plays its fundamental: what a network that hears sines is taught with."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float16, Float32, Float64

from violute.analysis.controls import FRAME_RATE_HZ

WINDOW_SECONDS = 0.03
"""Six periods of a violin's lowest fundamental: the phase of a sine among its multiples."""

BLOCK_FRAMES = 2000
"""Frames worked on together."""


def cycles_played(
    audio: Float[np.ndarray, " _sample"], f0_hz: Float32[np.ndarray, " frame"], sample_rate: int
) -> Float64[np.ndarray, " frame"]:
    """Count the fundamental's cycles up to each frame, as the recording plays them: at whole ones it peaks.

    The sound around each frame is compared with a sine that follows `f0_hz`; by how much its phase leads is
    added to the sine's own cycles. Frames lie 10 ms apart, a whole number of samples.
    """
    framed, offsets = _around_frames(audio, len(f0_hz), sample_rate)
    turned = np.concatenate([[0.0], np.cumsum(0.5 * (f0_hz[1:] + f0_hz[:-1]).astype(np.float64))])
    turned /= FRAME_RATE_HZ
    window = np.hanning(len(offsets) + 1)[:-1]
    phase = np.empty(len(f0_hz))
    for first in range(0, len(f0_hz), BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        sines = window * np.exp(-2j * np.pi * f0_hz[block, None] * offsets)
        phase[block] = np.angle((framed[block] * sines).sum(axis=1))
    phase -= 2.0 * np.pi * (turned % 1.0)
    return turned + np.unwrap(phase) / (2.0 * np.pi)


def partial_leads(
    audio: Float[np.ndarray, " _sample"],
    f0_hz: Float32[np.ndarray, " frame"],
    cycles: Float64[np.ndarray, " frame"],
    n_harmonics: int,
    sample_rate: int,
) -> Float16[np.ndarray, "frame {n_harmonics}"]:
    """Measure by how much each partial leads the multiple of the fundamental's phase, of `cycles_played`.

    Returns:
        Own cycles in [-0.5, 0.5]; 0 above Nyquist.
    """
    framed, offsets = _around_frames(audio, len(f0_hz), sample_rate)
    window = np.hanning(len(offsets) + 1)[:-1].astype(np.float32)
    leads = np.zeros((len(f0_hz), n_harmonics), np.float16)
    for first in range(0, len(f0_hz), BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        turn = np.exp(-2j * np.pi * f0_hz[block, None] * offsets).astype(np.complex64)
        turned = framed[block] * window + np.complex64(0.0)
        n_audible = min(n_harmonics, int(0.5 * sample_rate / max(float(f0_hz[block].min()), 1.0)))
        for k in range(n_audible):
            turned *= turn
            lead = np.angle(turned.sum(axis=1)) / (2.0 * np.pi) - (k + 1) * cycles[block]
            is_audible = (k + 1) * f0_hz[block] < 0.5 * sample_rate
            leads[block, k] = np.where(is_audible, lead - np.rint(lead), 0.0)
    return leads


def _around_frames(
    audio: Float[np.ndarray, " _sample"], n_frames: int, sample_rate: int
) -> tuple[Float32[np.ndarray, "{n_frames} window"], Float64[np.ndarray, " window"]]:
    """Return the sound around each frame, and where its samples lie, in seconds from the frame."""
    hop, half = round(sample_rate / FRAME_RATE_HZ), round(0.5 * WINDOW_SECONDS * sample_rate)
    padded = np.pad(audio.astype(np.float32), (half, max(n_frames * hop + half - len(audio), 0)))
    framed = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[: n_frames * hop : hop]
    return framed, (np.arange(2 * half) - half) / sample_rate
