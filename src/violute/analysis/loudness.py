"""A-weighted loudness per frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from violute.analysis.controls import SILENCE_DB

HANN_NOISE_BANDWIDTH = 1.5
"""Equivalent noise bandwidth of a Hann window in bins: a line's power is spread over this many."""


def a_weighting_db(frequency_hz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Gain of the A curve in dB, 0 at 1 kHz.

    Source:
        IEC 61672-1:2013, annex E, equation E.6.
    """
    f2 = np.square(np.maximum(np.asarray(frequency_hz, dtype=np.float64), 1e-3))
    gain = (12194.0**2 * f2 * f2) / (
        (f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2)
    )
    return np.asarray(20.0 * np.log10(gain) + 2.0)


@lru_cache(maxsize=4)
def _power_weights(n_bins: int, sample_rate: int) -> Float[np.ndarray, " {n_bins}"]:
    frequencies_hz = np.linspace(0.0, sample_rate / 2, n_bins)
    return (10.0 ** (a_weighting_db(frequencies_hz) / 10.0) / HANN_NOISE_BANDWIDTH).astype(np.float32)


def frame_loudness_db(
    magnitudes: Float[np.ndarray, "frame bin"], sample_rate: int
) -> Float[np.ndarray, " frame"]:
    """A-weighted level of Hann spectra in which a sine reads its amplitude, dB re a full-scale 1 kHz sine."""
    weights = _power_weights(magnitudes.shape[1], sample_rate)
    power = np.einsum("fb,fb,b->f", magnitudes, magnitudes, weights)
    return np.maximum(10.0 * np.log10(np.maximum(power, 1e-30)), SILENCE_DB).astype(np.float32)
