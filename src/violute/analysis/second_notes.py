"""A cheap doubt: where might more than one note sound? It decides where the network that hears chords listens.

The tracker has found one fundamental. Where much of the power of the spectral peaks lies beside its
harmonics for a good part of a second, there may be a second note, or a hall that rings, or a noisy attack;
which of them it is the network tells. Where nothing does, it is never asked, so one line costs what it did.

Source:
    Klapuri, Multiple fundamental frequency estimation by summing harmonic amplitudes (ISMIR 2006), for
    hearing the second note in what the first leaves over.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.pitch import LOWEST_HZ, N_FFT
from violute.analysis.spectra import SAMPLE_RATE

EVERY_FRAMES = 5
"""One frame of `Controls` in so many is looked at: every 50 ms."""

HIGHEST_BIN = 280
"""Up to 6 kHz."""

PEAK_RANGE_DB = 30.0
TOLERANCE_HZ = 12.0
TOLERANCE_SHARE = 0.02
"""A peak as far as this from every harmonic, or as its own frequency times this, belongs to no harmonic."""

FOREIGN_SHARE = 0.2
WINDOW_LOOKS = 20
"""One second."""

DOUBTFUL_SHARE = 0.3
MARGIN_LOOKS = 10


def doubtful_frames(
    magnitudes: Float[np.ndarray, "frame bin"], f0_hz: Float[np.ndarray, " frame"]
) -> Bool[np.ndarray, " frame"]:
    """Tell the frames around which more than one note may sound.

    Args:
        magnitudes: Spectra of `N_FFT` samples, one a frame of `Controls`.
        f0_hz: The fundamental that was tracked.
    """
    share = foreign_share(magnitudes[::EVERY_FRAMES], f0_hz[::EVERY_FRAMES])
    often = np.convolve(share > FOREIGN_SHARE, np.ones(WINDOW_LOOKS), mode="full")
    often = often[WINDOW_LOOKS // 2 : WINDOW_LOOKS // 2 + len(share)] >= DOUBTFUL_SHARE * WINDOW_LOOKS
    near = np.convolve(often, np.ones(2 * MARGIN_LOOKS + 1), mode="full")[MARGIN_LOOKS:][: len(share)] > 0.0
    return np.repeat(near, EVERY_FRAMES)[: len(f0_hz)]


def foreign_share(
    magnitudes: Float[np.ndarray, "look bin"], f0_hz: Float[np.ndarray, " look"]
) -> Float[np.ndarray, " look"]:
    """Share of the power of all spectral peaks that lies beside the harmonics of the fundamental."""
    used = magnitudes[:, :HIGHEST_BIN]
    below, here, above = used[:, :-2], used[:, 1:-1], used[:, 2:]
    floor = used.max(axis=1, keepdims=True) * np.float32(10.0 ** (-PEAK_RANGE_DB / 20.0))
    look, column = np.nonzero((here > below) & (here >= above) & (here > floor))
    low, middle, high = (np.log(np.maximum(part[look, column], 1e-12)) for part in (below, here, above))
    offset = 0.5 * (low - high) / np.minimum(low - 2.0 * middle + high, -1e-9)
    frequency_hz = (column + 1 + offset) * (SAMPLE_RATE / N_FFT)
    fundamental_hz = np.maximum(f0_hz, LOWEST_HZ)[look]
    number = np.maximum(np.rint(frequency_hz / fundamental_hz), 1.0)
    distance_hz = np.abs(frequency_hz - number * fundamental_hz)
    is_foreign = distance_hz > np.maximum(TOLERANCE_HZ, TOLERANCE_SHARE * frequency_hz)
    power = np.exp(2.0 * middle)
    n_looks = len(magnitudes)
    foreign = np.bincount(look, power * is_foreign, n_looks)
    return foreign / np.maximum(np.bincount(look, power, n_looks), 1e-20)
