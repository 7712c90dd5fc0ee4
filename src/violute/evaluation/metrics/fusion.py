"""Whether a sound is one line or several at once: harmonic series needed to explain it, and roughness.

Both figures rest on the peaks of short spectra and know nothing of any voice. Lower is more fused.
A room's tail and the overlap of fast notes are several series too, so a figure means most beside
that of the source, or of the cross-fade of a voice's own two ends, on the same notes.

What they cannot hear: lines at one pitch without detuning, and lines an octave or another whole
multiple apart, are one series; so are lines less than about half a semitone apart, whose beats are
heard by the roughness alone. Beats slower than about 20 Hz are no roughness.

Conventions: 44.1 kHz inside, Hann windows of 93 ms every 20 ms; frame `i` is centred on second
`i / FRAME_RATE_HZ`.

Source:
    Klapuri, Multiple fundamental frequency estimation by summing harmonic amplitudes (ISMIR 2006).
    Sethares, Local consonance and the relationship between timbre and scale (JASA 94, 1993).
    Hutchinson and Knopoff, The acoustic component of Western consonance (Interface 7, 1978).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Int

from violute.errors import ShapeError
from violute.evaluation.metrics.loudness import mono_at, sounding_frames_of
from violute.rates import SAMPLE_RATE
from violute.transforms.peaks import SALIENCE_COMPRESSION, harmonic_salience, peak_offset
from violute.transforms.runs import long_runs

N_FFT = 4096
HOP_LENGTH = 882
FRAME_RATE_HZ = SAMPLE_RATE / HOP_LENGTH

TOP_HZ = 8000.0
PEAK_RANGE_DB = 50.0
"""Peaks further than this below the frame's highest are left out."""

SIDE_LOBE_DB = 28.0
"""A peak this far below one within 54 Hz may be a side lobe of the Hann window, and is left out."""

N_PEAKS = 80
MAX_SERIES = 4
N_HARMONICS = 20

F0_RANGE_HZ = (150.0, 3700.0)

TOLERANCE_CENTS = 30.0
"""A peak this near a harmonic belongs to it: vibrato moves the high ones within a window."""

LEAST_SHARE_DB = -12.0
"""Power that a series must explain, relative to all peaks of the frame."""

LEAST_FRAMES = 6
"""Shorter runs (120 ms) of an added series are the passage from one note to the next."""

STEPS_PER_OCTAVE = 120

_PADDING = 2
_SIDE_LOBE_BINS = 5
_FRAMES_PER_GROUP = 256
_REACH_STEPS = 3


def spectral_peaks(
    audio: Float[np.ndarray, "... sample"], sample_rate: int
) -> tuple[Float[np.ndarray, "frame peak"], Float[np.ndarray, "frame peak"]]:
    """Find the partials of every frame by quadratic interpolation of the log spectrum.

    Returns:
        Frequencies in Hz, and amplitudes (a full-scale sine reads 1) from the highest down; places
        without a peak have amplitude 0.

    Source:
        Smith and Serra, PARSHL (ICMC 1987), section 5.
    """
    mono = mono_at(audio, sample_rate, SAMPLE_RATE)
    padded = np.pad(mono, (N_FFT // 2, N_FFT // 2 + -len(mono) % HOP_LENGTH))
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    hann = np.hanning(N_FFT + 1)[:-1]
    n_bins = 2 + int(TOP_HZ * N_FFT * _PADDING / SAMPLE_RATE)
    frequency_hz, amplitude = [], []
    for start in range(0, len(windows), _FRAMES_PER_GROUP):
        spectrum = np.fft.rfft(windows[start : start + _FRAMES_PER_GROUP] * hann, n=N_FFT * _PADDING, axis=1)
        magnitude = np.abs(spectrum[:, :n_bins]) * (2.0 / hann.sum())
        here, below, above = magnitude[:, 1:-1], magnitude[:, :-2], magnitude[:, 2:]
        highest = magnitude.max(axis=1, keepdims=True)
        is_peak = (here > below) & (here >= above) & (here > highest * 10.0 ** (-PEAK_RANGE_DB / 20.0))
        nearby = scipy.ndimage.maximum_filter1d(magnitude, 1 + 2 * _SIDE_LOBE_BINS * _PADDING, axis=1)
        is_peak &= here > nearby[:, 1:-1] * 10.0 ** (-SIDE_LOBE_DB / 20.0)
        low, middle, high = (np.log(np.maximum(part, 1e-15)) for part in (below, here, above))
        offset = np.where(is_peak, peak_offset(low, middle, high, least_bend=1e-12), 0.0)
        bins = np.arange(1, n_bins - 1) + offset
        found = np.where(is_peak, np.exp(middle - 0.25 * (low - high) * offset), 0.0)
        order = np.argsort(-found, axis=1, kind="stable")[:, :N_PEAKS]
        frequency_hz.append(np.take_along_axis(bins * (SAMPLE_RATE / (N_FFT * _PADDING)), order, axis=1))
        amplitude.append(np.take_along_axis(found, order, axis=1))
    return np.concatenate(frequency_hz), np.concatenate(amplitude)


def harmonic_series(
    frequency_hz: Float[np.ndarray, "frame peak"], amplitude: Float[np.ndarray, "frame peak"]
) -> Float[np.ndarray, "frame series"]:
    """Explain the peaks of each frame by as few harmonic series as can be.

    The most salient fundamental takes every peak at its whole multiples with it; then the next is
    sought in what is left, until what it would explain is below `LEAST_SHARE_DB` of the frame.

    Returns:
        Fundamentals in Hz, `MAX_SERIES` a frame, from the most salient on; 0 where none is needed.

    Raises:
        ShapeError: Frequencies and amplitudes differ in shape.

    Source:
        Klapuri (ISMIR 2006), equations 1 and 5 and section 2.4: salience, weights, cancellation.
    """
    if frequency_hz.shape != amplitude.shape or frequency_hz.ndim != 2:
        raise ShapeError(
            f"frequencies {frequency_hz.shape} against amplitudes {amplitude.shape}: give (frame, peak) alike"
        )
    left = amplitude.copy()
    least = np.sum(np.square(amplitude), axis=1) * 10.0 ** (LEAST_SHARE_DB / 10.0)
    series_hz = np.zeros((len(amplitude), MAX_SERIES))
    needed = least > 0.0
    for place in range(MAX_SERIES):
        f0_hz, belongs, explained = _refined(frequency_hz, left, _most_salient(frequency_hz, left))
        for part in (2.0, 3.0):
            # A violin's low notes have little fundamental, and the second partial is taken for it.
            lower_hz, members, more = _refined(frequency_hz, left, f0_hz / part)
            lowest = members & (np.abs(frequency_hz / lower_hz[:, None] - 1.0) < 0.1)
            deeper = lowest.any(axis=1) & (more >= explained + least)
            f0_hz, explained = np.where(deeper, lower_hz, f0_hz), np.where(deeper, more, explained)
            belongs = np.where(deeper[:, None], members, belongs)
        needed = needed & (explained >= least)
        series_hz[:, place] = np.where(needed, f0_hz, 0.0)
        left = np.where(belongs, 0.0, left)
    return series_hz


def n_series(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Int[np.ndarray, " frame"]:
    """Count the simultaneous f0 tracks of every frame; one counts where it lasts `LEAST_FRAMES`.

    Returns:
        0 to `MAX_SERIES`; 0 in digital silence, and in noise of which no series explains enough.
    """
    found = np.count_nonzero(harmonic_series(*spectral_peaks(audio, sample_rate)), axis=1)
    added = [long_runs(found >= least, LEAST_FRAMES) for least in range(2, MAX_SERIES + 1)]
    return np.asarray(np.minimum(found, 1) + np.sum(added, axis=0), dtype=np.int64)


def mean_f0_tracks(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> float:
    """Return the mean number of simultaneous f0 tracks over sounding frames; 1 is one fused line.

    Frames of breath or bow without a pitch count as 1: noise is no merit and no second line.

    Returns:
        1 to `MAX_SERIES`; NaN in silence.
    """
    counts = np.maximum(n_series(audio, sample_rate), 1)
    return _mean_over_sounding(counts.astype(np.float64), audio, sample_rate)


def dissonance(
    first_hz: Float[np.ndarray, "..."], second_hz: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Return how rough two sines of equal strength are together, 0 (unison, far apart) to 1.

    Source:
        Plomp and Levelt, Tonal consonance and critical bandwidth (JASA 38, 1965), as fitted by
        Sethares (1993), equations 1 to 3.
    """
    apart = np.abs(second_hz - first_hz) * 0.24 / (0.0207 * np.minimum(first_hz, second_hz) + 18.96)
    worst = np.log(5.75 / 3.51) / (5.75 - 3.51)
    scale = np.exp(-3.51 * worst) - np.exp(-5.75 * worst)
    return np.asarray((np.exp(-3.51 * apart) - np.exp(-5.75 * apart)) / scale)


def roughness(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> float:
    """Return the mean roughness of sounding frames: the dissonance of all pairs of partials.

    Pairs weigh by the product of their amplitudes, relative to the power of the frame, so that
    level counts for nothing; two equal sines at the worst distance read 0.5.

    Returns:
        0 or more; NaN in silence.

    Source:
        Sethares (1993), equation 4, with the normalisation of Hutchinson and Knopoff (1978).
    """
    frequency_hz, amplitude = spectral_peaks(audio, sample_rate)
    rough = np.zeros(len(amplitude))
    # Pairs of 80 peaks: a few frames at a time.
    for start in range(0, len(amplitude), 64):
        hz, level = frequency_hz[start : start + 64], amplitude[start : start + 64]
        pairs = dissonance(hz[:, :, None], hz[:, None, :]) * level[:, :, None] * level[:, None, :]
        power = np.sum(np.square(level), axis=1)
        rough[start : start + 64] = 0.5 * pairs.sum(axis=(1, 2)) / np.maximum(power, 1e-30)
    return _mean_over_sounding(rough, audio, sample_rate)


@cache
def _grid_hz() -> Float[np.ndarray, " step"]:
    n_steps = int(STEPS_PER_OCTAVE * np.log2(F0_RANGE_HZ[1] / F0_RANGE_HZ[0]))
    return np.asarray(F0_RANGE_HZ[0] * 2.0 ** (np.arange(n_steps) / STEPS_PER_OCTAVE))


def _most_salient(
    frequency_hz: Float[np.ndarray, "frame peak"], amplitude: Float[np.ndarray, "frame peak"]
) -> Float[np.ndarray, " frame"]:
    """Return the fundamental whose harmonics hold most, on a grid of 10 cents."""
    grid_hz = _grid_hz()
    n_steps = len(grid_hz) + int(STEPS_PER_OCTAVE * np.log2(N_HARMONICS)) + 1
    step = np.round(STEPS_PER_OCTAVE * np.log2(np.maximum(frequency_hz, 1.0) / F0_RANGE_HZ[0])).astype(int)
    held = (amplitude > 0.0) & (step >= 0) & (step < n_steps)
    frame, peak = np.nonzero(held)
    level = amplitude[frame, peak] ** SALIENCE_COMPRESSION
    spectrum = np.zeros((len(amplitude), n_steps + 2 * _REACH_STEPS))
    for reach in range(-_REACH_STEPS, _REACH_STEPS + 1):
        place = (frame, step[frame, peak] + _REACH_STEPS + reach)
        np.maximum.at(spectrum, place, level * (1.0 - abs(reach) / (_REACH_STEPS + 2)))
    shifts = [_REACH_STEPS + round(STEPS_PER_OCTAVE * np.log2(k)) for k in range(1, N_HARMONICS + 1)]
    return np.asarray(grid_hz[harmonic_salience(spectrum, grid_hz, shifts).argmax(axis=1)])


def _refined(
    frequency_hz: Float[np.ndarray, "frame peak"],
    amplitude: Float[np.ndarray, "frame peak"],
    f0_hz: Float[np.ndarray, " frame"],
) -> tuple[Float[np.ndarray, " frame"], Bool[np.ndarray, "frame peak"], Float[np.ndarray, " frame"]]:
    """Return the fundamental that the partials of a coarse one agree on, those partials, their power."""
    for _ in range(2):
        number, belongs = _members(frequency_hz, amplitude, f0_hz)
        weight = np.where(belongs, amplitude, 0.0)
        mean_hz = np.sum(weight * frequency_hz / number, axis=1) / np.maximum(weight.sum(axis=1), 1e-15)
        f0_hz = np.where(belongs.any(axis=1), mean_hz, f0_hz)
    _, belongs = _members(frequency_hz, amplitude, f0_hz)
    return f0_hz, belongs, np.sum(np.square(np.where(belongs, amplitude, 0.0)), axis=1)


def _members(
    frequency_hz: Float[np.ndarray, "frame peak"],
    amplitude: Float[np.ndarray, "frame peak"],
    f0_hz: Float[np.ndarray, " frame"],
) -> tuple[Float[np.ndarray, "frame peak"], Bool[np.ndarray, "frame peak"]]:
    """Return the nearest harmonic of every peak, and which peaks belong to theirs."""
    number = np.maximum(np.round(frequency_hz / f0_hz[:, None]), 1.0)
    harmonic_hz = number * f0_hz[:, None]
    # Low partials are known no better than to a bin of the spectrum.
    tolerance_hz = np.maximum(harmonic_hz * (2.0 ** (TOLERANCE_CENTS / 1200.0) - 1.0), SAMPLE_RATE / N_FFT)
    return number, (np.abs(frequency_hz - harmonic_hz) <= tolerance_hz) & (amplitude > 0.0)


def _mean_over_sounding(
    figures: Float[np.ndarray, " frame"], audio: Float[np.ndarray, "..."], sample_rate: int
) -> float:
    sounding = sounding_frames_of(audio, sample_rate, FRAME_RATE_HZ)
    n_frames = min(len(sounding), len(figures))
    kept = figures[:n_frames][sounding[:n_frames]]
    return float(np.mean(kept)) if kept.size else float("nan")
