"""What a recording's harmonics and noise measure, frame by frame, on its own time scale.

Each frame is read through a window of whole periods and resampled so that its pitch stands still.
Harmonic k then falls on one bin of the spectrum exactly, however fast the pitch glides, and the
bins between harmonics hold noise alone: neither side-lobes nor vibrato leak into them. The window
is about 25 ms long at any pitch, so that fast notes stay apart.

Source:
    Edler et al., A time-warped MDCT approach to speech transform coding (AES 126, 2009), for the
    idea of warping time until the pitch stands still; windows and estimates are worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from jaxtyping import Float, Int

from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, noise_bands

Frames = Float[np.ndarray, " frame"]
Levels = Float[np.ndarray, "frame harmonic"]
Points = Float[np.ndarray, "frame point"]

N_HARMONICS = 100
N_POINTS = 2048
WINDOW_SECONDS = 0.025
SHORTEST_PERIODS = 6
"""Fewest periods in a window: leaves one clean bin between the main lobes of neighbours."""

OVERSAMPLING = 2
"""The sound is oversampled before cubic interpolation, whose error grows with frequency."""

LOBE_BINS = 5
LOBE_SUM = 1.5
"""Bins of the main lobe of a Hann window, and its summed power over the power of its peak."""

LARGEST_DETUNE = 0.006
"""Relative error of the fundamental that one refinement can mend: 10 cents."""

BATCH_FRAMES = 256
FLOOR_DB = -140.0


@dataclass(frozen=True)
class Partials:
    """Measured levels of one recording.

    Attributes:
        f0_hz: Fundamental, refined until the harmonics stand still, in Hz.
        harmonic_db: Peak amplitude of harmonic k + 1, dB relative to full scale, noise taken off.
        noise_db: Noise in the gap above harmonic k (gap 0 lies below the first): the level of the
            white noise of full band that would measure the same there, dB relative to RMS 1.
    """

    f0_hz: Frames
    harmonic_db: Levels
    noise_db: Levels


def measure_partials(
    audio: Float[np.ndarray, " sample"], f0_hz: Frames, *, n_refinements: int = 2
) -> Partials:
    """Measure every frame of mono sound at 44.1 kHz at its fundamental, refined first; it is above 0."""
    margin = SAMPLE_RATE // 10
    fine = soxr.resample(np.pad(audio, margin), SAMPLE_RATE, SAMPLE_RATE * OVERSAMPLING)
    n_frames = len(f0_hz)
    refined = np.asarray(f0_hz, dtype=np.float64).copy()
    harmonic_db = np.full((n_frames, N_HARMONICS), FLOOR_DB, dtype=np.float32)
    noise_db = np.full((n_frames, N_HARMONICS), FLOOR_DB, dtype=np.float32)
    slopes = _slopes(refined)
    n_periods = np.maximum(SHORTEST_PERIODS, 2 * np.ceil(WINDOW_SECONDS * refined / 2)).astype(np.int64)
    # Frames that share a number of periods share their bins.
    for periods in np.unique(n_periods):
        members = np.flatnonzero(n_periods == periods)
        for start in range(0, len(members), BATCH_FRAMES):
            rows = members[start : start + BATCH_FRAMES]
            centres = (rows * HOP_LENGTH + margin) * OVERSAMPLING
            for _ in range(n_refinements):
                still = _still_frames(fine, centres, refined[rows], slopes[rows], int(periods))
                refined[rows] *= 1.0 + _detune(still, int(periods))
            still = _still_frames(fine, centres, refined[rows], slopes[rows], int(periods))
            harmonic_db[rows], noise_db[rows] = _levels_db(still, refined[rows], int(periods))
    return Partials(refined.astype(np.float32), harmonic_db, noise_db)


def _slopes(f0_hz: Frames) -> Frames:
    """Slope of the fundamental in Hz per second; 0 across jumps between notes."""
    if len(f0_hz) < 3:
        return np.zeros_like(f0_hz)
    octaves = np.log2(f0_hz)
    padded = np.pad(octaves, 2, mode="edge")
    slope = (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) / 10.0
    slope[np.abs(slope) > 0.02] = 0.0
    return slope * np.log(2.0) * f0_hz * (SAMPLE_RATE / HOP_LENGTH)


def _still_frames(
    fine: Float[np.ndarray, " sample"],
    centres: Int[np.ndarray, " frame"],
    f0_hz: Frames,
    slopes: Frames,
    n_periods: int,
) -> Points:
    """Read `n_periods` periods around each centre at equal steps of phase, by cubic interpolation."""
    periods = (np.arange(N_POINTS) / N_POINTS - 0.5) * n_periods
    linear = periods / f0_hz[:, None]
    seconds = linear - 0.5 * (slopes / f0_hz)[:, None] * np.square(linear)
    position = np.clip(centres[:, None] + seconds * (SAMPLE_RATE * OVERSAMPLING), 1.0, len(fine) - 3.0)
    index = position.astype(np.int64)
    t = (position - index).astype(np.float32)
    a, b, c, d = fine[index - 1], fine[index], fine[index + 1], fine[index + 2]
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _detune(still: Points, n_periods: int) -> Frames:
    """Relative error of the fundamental: how far the harmonics turn from first half to second."""
    half = N_POINTS // 2
    window = np.hanning(half + 1)[:half].astype(np.float32)
    # Beyond half a turn a harmonic's phase is ambiguous: high notes, with many periods, use fewer.
    unambiguous = int(0.5 / (LARGEST_DETUNE * n_periods / 2))
    n_used = max(min(8, half // n_periods, unambiguous), 1)
    harmonics = np.arange(1, n_used + 1)
    bins = harmonics * (n_periods // 2)
    first = np.fft.rfft(still[:, :half] * window, axis=1)[:, bins]
    second = np.fft.rfft(still[:, half:] * window, axis=1)[:, bins]
    turn = np.angle(second * np.conj(first)) / (2.0 * np.pi)  # cycles over n_periods / 2 periods
    weight = np.abs(first) * np.abs(second) + 1e-20
    detune = (weight * turn * harmonics).sum(axis=1) / (weight * np.square(harmonics)).sum(axis=1)
    return np.clip(detune / (n_periods / 2), -LARGEST_DETUNE, LARGEST_DETUNE)


def _levels_db(still: Points, f0_hz: Frames, n_periods: int) -> tuple[Levels, Levels]:
    """Levels on the harmonics and in the gaps between them."""
    window = np.hanning(N_POINTS + 1)[:N_POINTS].astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(still * window, axis=1)) * (2.0 / window.sum()))
    n_gaps = min(N_HARMONICS, (power.shape[1] - 1) // n_periods)
    gaps = power[:, : n_gaps * n_periods].reshape(len(still), n_gaps, n_periods)
    # The main lobe of Hann covers two bins on either side of a harmonic.
    # A note that swells leaks further; the median of the bins between hardly hears it. For noise,
    # whose power is distributed exponentially, it is the mean times log 2.
    noise_power = np.median(gaps[:, :, 3 : n_periods - 2], axis=2) / np.log(2.0)
    # A bowed partial is never quite still: its line is as broad as its pitch wavers. The lobe as a whole
    # holds its power; the sum over a Hann lobe is 1.5 times the peak of a still sine.
    lobe = sum(power[:, n_periods + i :: n_periods][:, : n_gaps - 1] for i in range(-2, 3)) / LOBE_SUM
    n_on = lobe.shape[1]
    beside = np.empty_like(noise_power)
    beside[:, :-1] = 0.5 * (noise_power[:, :-1] + noise_power[:, 1:])
    beside[:, -1] = noise_power[:, -1]
    noise_in_lobe = beside[:, :n_on] * (LOBE_BINS / LOBE_SUM)
    harmonic_power = np.maximum(lobe - noise_in_lobe, 0.1 * beside[:, :n_on])
    # A white noise of variance v at the recording's rate measures 6 v / (rate * window) here.
    window_seconds = n_periods / f0_hz[:, None]
    white_power = noise_power * SAMPLE_RATE * window_seconds / 6.0
    harmonic_db = np.full((len(still), N_HARMONICS), FLOOR_DB, dtype=np.float32)
    noise_db = np.full((len(still), N_HARMONICS), FLOOR_DB, dtype=np.float32)
    harmonic_db[:, :n_on] = 10.0 * np.log10(np.maximum(harmonic_power, 1e-14))
    noise_db[:, :n_gaps] = 10.0 * np.log10(np.maximum(white_power, 1e-14))
    above = np.arange(1, N_HARMONICS + 1) * f0_hz[:, None] > SAMPLE_RATE / 2
    harmonic_db[above] = FLOOR_DB
    noise_db[above] = FLOOR_DB
    return harmonic_db, noise_db


def bands_from_gaps(gap_db: Float[np.ndarray, "frame gap"], f0_hz: Frames) -> Float[np.ndarray, "frame band"]:
    """Read the noise between harmonics at the centres of the synthesiser's bands."""
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    n_gaps = gap_db.shape[1]
    position = np.clip(centres_hz / f0_hz[:, None] - 0.5, 0.0, n_gaps - 1.001)
    n_measured = np.maximum((gap_db > FLOOR_DB).sum(axis=1, keepdims=True), 2)
    position = np.minimum(position, n_measured - 1.001)
    low = position.astype(np.int64)
    rows = np.arange(len(gap_db))[:, None]
    part = position - low
    return ((1.0 - part) * gap_db[rows, low] + part * gap_db[rows, low + 1]).astype(np.float32)
