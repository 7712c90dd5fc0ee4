"""Fundamental frequency by harmonic salience, with octave repair, from 160 Hz to 3.9 kHz.

Each spectrum is compared with a kernel per candidate pitch: bumps on the fundamental and the prime
harmonics, valleys between them. Candidates whose own partials are much weaker than those of their
second to fifth multiples are octave (or twelfth, ...) errors and pay for it. A Viterbi search then
chooses the path, `octave_repair` mends it, the peaks of the lowest harmonics sharpen it, and the energy
on its harmonics says how periodic each frame is.

Source:
    Camacho & Harris, A sawtooth waveform inspired pitch estimator for speech and music (JASA
    2008), for the kernel of SWIPE'; the repair and the search are ours.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from violute.analysis.octave_repair import octave_doubt, repaired, widened
from violute.rates import SAMPLE_RATE
from violute.transforms.matrix_products import matrix_product

N_FFT = 2048
BIN_HZ = SAMPLE_RATE / N_FFT
LOWEST_HZ = 160.0
HIGHEST_HZ = 3900.0
BINS_PER_OCTAVE = 48
HIGHEST_PARTIAL_HZ = 10_000.0
PARTIAL_FADE_OCTAVES = 0.5
"""Below that limit a partial leaves the kernel by and by."""
PRIMES = (1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
N_CANDIDATES = 6
COMPRESSION = 0.8
"""Exponent on the magnitudes: 1 hears only the strongest partials, 0.5 hears the breath too."""

OCTAVE_PENALTY = 0.5
JUMP_COST_PER_OCTAVE = 0.3
"""For the follower, which cannot hear what comes."""

JUMP_COST_STEADY, JUMP_COST_CHANGING = 0.6, 0.07
FULL_CHANGE = 0.15
"""Unlikeness of two spectra 30 ms apart between which another note has begun."""

JUMP_OCTAVES_MAX = 1.25

LEVEL_FRAMES = 5
LEVEL_RANGE_DB = 15.0
LEAST_WEIGHT = 0.1
"""Weight in the choice of a path of a frame so far below the loudest within `LEVEL_FRAMES`.

What sounds between two short notes must not decide about them."""

REFINING_HARMONICS = 5
REFINING_REACH = 0.03
"""How far from the path a harmonic is looked for, as a share of its frequency: 50 cents."""

USED_BINS = int(np.ceil(HIGHEST_PARTIAL_HZ * 1.1 / BIN_HZ))
"""Bins of a spectrum that the tracker looks at."""


@lru_cache(maxsize=1)
def candidate_grid_hz() -> Float[np.ndarray, " candidate"]:
    """Candidate pitches in Hz, a quarter of a semitone apart."""
    n = int(np.log2(HIGHEST_HZ / LOWEST_HZ) * BINS_PER_OCTAVE) + 1
    return LOWEST_HZ * 2.0 ** (np.arange(n) / BINS_PER_OCTAVE)


@lru_cache(maxsize=1)
def salience_kernels() -> Float[np.ndarray, "bin candidate"]:
    """One kernel a candidate, of unit norm over its positive part.

    Source:
        Camacho & Harris 2008: a cosine from each valley to the next, with primes as in SWIPE'.
    """
    bins_hz = np.arange(USED_BINS) * BIN_HZ
    kernels = np.zeros((USED_BINS, len(candidate_grid_hz())))
    for i, f0_hz in enumerate(candidate_grid_hz()):
        ratio = bins_hz / f0_hz
        kernel = kernels[:, i]
        for prime in PRIMES:
            if prime * f0_hz > HIGHEST_PARTIAL_HZ:
                break
            # A partial that left the kernel at once would make its neighbour the better candidate.
            fade = min(np.log2(HIGHEST_PARTIAL_HZ / (prime * f0_hz)) / PARTIAL_FADE_OCTAVES, 1.0)
            distance = np.abs(ratio - prime)
            peak, valley = distance < 0.25, (distance >= 0.25) & (distance < 0.75)
            kernel[peak] = fade * np.cos(2.0 * np.pi * ratio[peak])
            kernel[valley] += 0.5 * fade * np.cos(2.0 * np.pi * ratio[valley])
        kernel *= np.sqrt(1.0 / np.maximum(bins_hz, f0_hz / 4.0))
        kernel /= np.linalg.norm(kernel[kernel > 0.0])
    return kernels.astype(np.float32)


def track_pitch(
    magnitudes: Float[np.ndarray, "frame bin"],
) -> tuple[Float[np.ndarray, " frame"], Float[np.ndarray, " frame"]]:
    """Follow one fundamental through a run of spectra.

    Args:
        magnitudes: Spectra of `N_FFT` samples at `SAMPLE_RATE`, one a frame.

    Returns:
        The fundamental in Hz, a path through every frame, sounding or not; and the periodicity,
        the share of the energy that lies on its harmonics, corrected for what noise would put
        there, from 0 to 1.
    """
    magnitudes = magnitudes[:, :USED_BINS]
    spectra, wide = _compressed(magnitudes), widened(magnitudes)
    octaves, scores = _candidates(spectra)
    scores -= OCTAVE_PENALTY * octave_doubt(wide, octaves, BIN_HZ)
    path = _best_path(octaves, scores * _weights(magnitudes)[:, None], _jump_costs(spectra))
    chosen = repaired(wide, octaves[np.arange(len(octaves)), path], BIN_HZ)
    f0_hz = _refined(magnitudes, 2.0**chosen)
    return f0_hz.astype(np.float32), _periodicity(magnitudes, f0_hz)


class PitchFollower:
    """The twin of `track_pitch` for sound that is still being played: one spectrum at a time.

    The search cannot look ahead: each frame takes the end of the path that is best so far. A slip that
    the next frames would have mended is heard.
    """

    def __init__(self) -> None:
        self._octaves: Float[np.ndarray, " candidate"] | None = None
        self._costs = np.zeros(N_CANDIDATES)

    def push(self, magnitudes: Float[np.ndarray, " bin"]) -> tuple[float, float]:
        """Return the fundamental in Hz and the periodicity of the next frame, as `track_pitch` does.

        Args:
            magnitudes: Spectrum of `N_FFT` samples at `SAMPLE_RATE`.
        """
        frame = magnitudes[None, :USED_BINS]
        octaves, scores = _candidates(_compressed(frame))
        costs = OCTAVE_PENALTY * octave_doubt(widened(frame), octaves, BIN_HZ)[0] - scores[0]
        if self._octaves is not None:
            jumps = np.abs(octaves[0][:, None] - self._octaves)
            costs += (JUMP_COST_PER_OCTAVE * np.minimum(jumps, JUMP_OCTAVES_MAX) + self._costs).min(axis=1)
        self._octaves = octaves[0]
        # Only differences count, and the sum over a long concert would lose them.
        self._costs = costs - costs.min()
        f0_hz = _refined(frame, 2.0 ** octaves[0, [costs.argmin()]])
        return float(f0_hz[0]), float(_periodicity(frame, f0_hz)[0])


def _compressed(magnitudes: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, "frame bin"]:
    """The spectra that are compared with the kernels, each of unit norm."""
    compressed = magnitudes**COMPRESSION
    compressed /= np.maximum(np.linalg.norm(compressed, axis=1, keepdims=True), 1e-9)
    return compressed


def _jump_costs(spectra: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, " step"]:
    """What an octave costs from each frame to the next: less where the spectrum changes."""
    likeness = np.einsum("fb,fb->f", spectra[:-3], spectra[3:])
    likeness = np.pad(likeness, 1, constant_values=1.0)[: max(len(spectra) - 1, 0)]
    change = np.clip((1.0 - likeness) / FULL_CHANGE, 0.0, 1.0)
    return JUMP_COST_STEADY + (JUMP_COST_CHANGING - JUMP_COST_STEADY) * change


def _candidates(
    spectra: Float[np.ndarray, "frame bin"],
) -> tuple[Float[np.ndarray, "frame candidate"], Float[np.ndarray, "frame candidate"]]:
    """Best peaks of the salience of each frame: log2 of their Hz, and their scores."""
    salience = matrix_product(spectra, salience_kernels())
    inner = salience[:, 1:-1]
    is_peak = (inner >= salience[:, :-2]) & (inner > salience[:, 2:])
    peaks = np.where(is_peak, inner, np.float32(-1.0))
    best = np.argpartition(-peaks, N_CANDIDATES, axis=1)[:, :N_CANDIDATES] + 1
    rows = np.arange(len(salience))[:, None]
    left, centre, right = salience[rows, best - 1], salience[rows, best], salience[rows, best + 1]
    curvature = left - 2.0 * centre + right
    offset = np.where(np.abs(curvature) > 1e-9, 0.5 * (left - right) / np.minimum(curvature, -1e-9), 0.0)
    octaves = np.log2(LOWEST_HZ) + (best + np.clip(offset, -0.5, 0.5)) / BINS_PER_OCTAVE
    return octaves, np.where(is_peak[rows, best - 1], centre, -1.0)


def _weights(magnitudes: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, " frame"]:
    """How much each frame counts in the choice of a path, by its level among its neighbours."""
    level_db = 10.0 * np.log10(np.einsum("fb,fb->f", magnitudes, magnitudes) + 1e-20)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(level_db, LEVEL_FRAMES, mode="edge"), 2 * LEVEL_FRAMES + 1
    )
    return np.clip(1.0 + (level_db - around.max(axis=1)) / LEVEL_RANGE_DB, LEAST_WEIGHT, 1.0)


def _best_path(
    octaves: Float[np.ndarray, "frame candidate"],
    scores: Float[np.ndarray, "frame candidate"],
    jump_costs: Float[np.ndarray, " step"],
) -> Int[np.ndarray, " frame"]:
    """Viterbi: the candidates that score best while the pitch jumps least."""
    n_frames, n_candidates = octaves.shape
    columns = np.arange(n_candidates)
    came_from = np.zeros((n_frames, n_candidates), dtype=np.int64)
    jumps = np.minimum(np.abs(octaves[1:, :, None] - octaves[:-1, None, :]), JUMP_OCTAVES_MAX)
    jumps *= jump_costs[:, None, None]
    total = -scores[0]
    for i in range(1, n_frames):
        costs = jumps[i - 1] + total
        came_from[i] = costs.argmin(axis=1)
        total = costs[columns, came_from[i]] - scores[i]
    path = np.zeros(n_frames, dtype=np.int64)
    path[-1] = total.argmin()
    for i in range(n_frames - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path


def _refined(
    magnitudes: Float[np.ndarray, "frame bin"], f0_hz: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, " frame"]:
    """Move the pitch onto the peaks of its lowest harmonics, which are sharper than the kernel's.

    Source:
        Smith & Serra, PARSHL (ICMC 1987), for the parabola through the logarithms of a peak.
    """
    n_bins = magnitudes.shape[1]
    rows = np.arange(len(magnitudes))
    moved, weights = np.zeros(len(f0_hz)), np.full(len(f0_hz), 1e-20)
    for number in range(1, REFINING_HARMONICS + 1):
        centre = number * f0_hz / BIN_HZ
        reach = np.maximum(REFINING_REACH * centre, 1.0)
        furthest = int(np.ceil(reach.max()))
        bins = np.rint(centre).astype(np.int64)[:, None] + np.arange(-furthest, furthest + 1)
        is_near = (np.abs(bins - centre[:, None]) <= reach[:, None]) & (bins < n_bins - 1)
        bins = np.clip(bins, 1, n_bins - 2)
        best = bins[rows, np.where(is_near, magnitudes[rows[:, None], bins], -1.0).argmax(axis=1)]
        left, top, right = (np.log(magnitudes[rows, best + i] + 1e-12) for i in (-1, 0, 1))
        curvature = left - 2.0 * top + right
        is_peak = is_near.any(axis=1) & (top >= left) & (top >= right) & (curvature < 0.0)
        offset = 0.5 * (left - right) / np.where(is_peak, curvature, -1.0)
        # A higher harmonic tells the pitch that much more finely.
        weight = is_peak * np.square(number * magnitudes[rows, best])
        moved += weight * (best + offset) * BIN_HZ / number
        weights += weight
    return np.where(weights > 1e-18, moved / weights, f0_hz)


def _periodicity(
    magnitudes: Float[np.ndarray, "frame bin"], f0_hz: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, " frame"]:
    """Share of the energy within two bins of a harmonic, with noise read as 0."""
    first = int(LOWEST_HZ * 0.8 / BIN_HZ)
    power = np.square(magnitudes[:, first:])
    bins_hz = np.arange(first, magnitudes.shape[1]) * BIN_HZ
    # In place: arrays of the size of the spectra take longer to make than to fill.
    away_hz = bins_hz / f0_hz[:, None]
    np.maximum(np.rint(away_hz, out=away_hz), 1.0, out=away_hz)
    away_hz *= f0_hz[:, None]
    away_hz -= bins_hz
    all_power = power.sum(axis=1)
    power *= np.abs(away_hz, out=away_hz) <= 2.0 * BIN_HZ
    share = power.sum(axis=1) / np.maximum(all_power, 1e-20)
    by_chance = np.minimum(5.0 * BIN_HZ / f0_hz, 0.9)
    return np.clip((share - by_chance) / (1.0 - by_chance), 0.0, 1.0).astype(np.float32)
