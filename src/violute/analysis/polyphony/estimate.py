"""How much of a recording is more than one note at a time: a quick estimate from spectral peaks.

In each frame the most salient fundamental takes every peak at its whole multiples with it; the frame
is polyphonic if another fundamental then explains a sixth of the power of all peaks, for three
frames on end. The peaks lie on a grid in log frequency, where the harmonics of every candidate are
the same shifts.

What it cannot tell: an octave, whose notes share all partials, counts as one note; a hall's tail under
quick notes counts as a second one, as it would to the ear. So the figure sorts recordings into lines
and chords; it does not count chords. On solo violin in a hall with aligned scores, lines (0 to 3 %
polyphonic by the score) read 5 to 7 %, and pieces of 42 and 78 % both read 35 %.

Source:
    Klapuri, Multiple fundamental frequency estimation by summing harmonic amplitudes (ISMIR 2006),
    equations 1 and 5 and section 2.4: salience, its weights, cancellation.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from violute.transforms.peaks import SALIENCE_COMPRESSION, find_peaks, harmonic_salience
from violute.transforms.runs import long_runs

SAMPLE_RATE = 22_050
N_FFT = 2048
HOP_LENGTH = 1024
"""Frames of 93 ms every 46 ms."""

SHORTEST_FRAMES = 3
"""Fewer polyphonic frames on end (140 ms) are the passage from a note to the next, in a hall."""

STEPS_PER_OCTAVE = 60
LOWEST_HZ, HIGHEST_HZ = 150.0, 8000.0
HIGHEST_F0_HZ = 2400.0
N_HARMONICS = 20
TOLERANCE_STEPS = 1
"""A peak within 20 cents, and the rounding, of a harmonic belongs to it."""

PEAK_RANGE_DB = 40.0
LEAST_SHARE_DB = -8.0

SOUNDING_RANGE_DB = 35.0
"""Frames further than this below the loud ones do not sound."""

_N_STEPS = 1 + round(np.log2(HIGHEST_HZ / LOWEST_HZ) * STEPS_PER_OCTAVE)
_N_CANDIDATES = 1 + round(np.log2(HIGHEST_F0_HZ / LOWEST_HZ) * STEPS_PER_OCTAVE)
_SHIFTS = np.round(np.log2(np.arange(1, N_HARMONICS + 1)) * STEPS_PER_OCTAVE).astype(int)
_F0_HZ = LOWEST_HZ * 2.0 ** (np.arange(_N_CANDIDATES) / STEPS_PER_OCTAVE)


class PolyphonyMeter:
    """Estimate the polyphonic share of a mono recording at `SAMPLE_RATE` that comes in blocks."""

    def __init__(self) -> None:
        self._waiting = np.zeros(N_FFT // 2, dtype=np.float32)
        self._is_several: list[Bool[np.ndarray, " frame"]] = []
        self._levels_db: list[Float[np.ndarray, " frame"]] = []

    def push(self, block: Float[np.ndarray, " sample"]) -> None:
        """Measure the next block, of any length."""
        self._waiting = np.concatenate([self._waiting, block.astype(np.float32, copy=False)])
        n_frames = (len(self._waiting) - N_FFT) // HOP_LENGTH + 1
        if n_frames < 1:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._waiting, N_FFT)[::HOP_LENGTH][:n_frames]
        hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT)
        spectra = np.abs(np.fft.rfft(windows * hann.astype(np.float32), axis=1)) * (2.0 / hann.sum())
        self._is_several.append(has_several_notes(spectra))
        self._levels_db.append(10.0 * np.log10(np.sum(np.square(spectra), axis=1) + 1e-20))
        self._waiting = self._waiting[n_frames * HOP_LENGTH :]

    def share(self) -> float:
        """Return the share of the sounding frames so far with several notes, 0 to 1; 0 if none sounds."""
        if not self._levels_db:
            return 0.0
        levels_db = np.concatenate(self._levels_db)
        is_sounding = levels_db > max(np.percentile(levels_db, 95) - SOUNDING_RANGE_DB, -90.0)
        is_several = long_runs(np.concatenate(self._is_several), SHORTEST_FRAMES)
        return float(np.mean(is_several[is_sounding])) if is_sounding.any() else 0.0


def has_several_notes(magnitudes: Float[np.ndarray, "frame bin"]) -> Bool[np.ndarray, " frame"]:
    """Tell the frames, under Hann windows of `N_FFT` samples, that one harmonic series does not explain."""
    power = _peak_power(magnitudes)
    whole = power.sum(axis=1)
    rest = _without_best_series(power)
    second = rest - _without_best_series(rest)
    explained = second.sum(axis=1)
    return np.asarray((explained > whole * 10.0 ** (LEAST_SHARE_DB / 10.0)) & (whole > 0.0), dtype=bool)


def _peak_power(magnitudes: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, "frame step"]:
    """Put the power of each spectral peak on the step of log frequency where it lies."""
    frame, _, place, log_magnitude = find_peaks(magnitudes, range_db=PEAK_RANGE_DB, least=1e-6)
    frequency_hz = place * (SAMPLE_RATE / N_FFT)
    step = np.round(np.log2(np.maximum(frequency_hz, 1.0) / LOWEST_HZ) * STEPS_PER_OCTAVE).astype(int)
    is_inside = (step >= 0) & (step < _N_STEPS)
    power = np.zeros((len(magnitudes), _N_STEPS))
    np.add.at(power, (frame[is_inside], step[is_inside]), np.exp(2.0 * log_magnitude[is_inside]))
    return power


def _without_best_series(power: Float[np.ndarray, "frame step"]) -> Float[np.ndarray, "frame step"]:
    """Take the peaks of the most salient fundamental away."""
    amplitude = power ** (0.5 * SALIENCE_COMPRESSION)
    near = np.zeros((len(power), _N_CANDIDATES + _SHIFTS[-1] + 2 * TOLERANCE_STEPS))
    near[:, TOLERANCE_STEPS : TOLERANCE_STEPS + _N_STEPS] = amplitude
    near = np.max(
        [near[:, i : near.shape[1] - 2 * TOLERANCE_STEPS + i] for i in range(2 * TOLERANCE_STEPS + 1)], axis=0
    )
    best = harmonic_salience(near, _F0_HZ, _SHIFTS).argmax(axis=1)
    rest = power.copy()
    rows = np.arange(len(power))
    for shift in _SHIFTS:
        for offset in range(-TOLERANCE_STEPS, TOLERANCE_STEPS + 1):
            step = best + shift + offset
            is_inside = (step >= 0) & (step < _N_STEPS)
            rest[rows[is_inside], step[is_inside]] = 0.0
    return rest
