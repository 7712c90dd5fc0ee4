"""Fundamental frequency by harmonic salience, with octave repair, in one of the ranges of `pitch_range`.

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

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from violute.analysis.octave_repair import joined_wide, octave_doubt, overtone_doubt, repaired
from violute.analysis.pitch_range import HIGH, HIGHEST_PARTIAL_HZ, PitchRange, PitchWindow
from violute.transforms.matrix_products import matrix_product

Spectra = Float[np.ndarray, "frame bin"]
Candidates = Float[np.ndarray, "frame candidate"]
Track = Float[np.ndarray, " frame"]
WindowSpectra = Sequence[Float[np.ndarray, "frame _bin"]]
"""Arrays of a run of frames; the last is a list of spectra, one for each window of the range."""

BINS_PER_OCTAVE = 48
PARTIAL_FADE_OCTAVES = 0.5
"""Below the highest partial one leaves the kernel by and by."""
PRIMES = (1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)
N_CANDIDATES = 6
COMPRESSION = 0.8
"""Exponent on the magnitudes: 1 hears only the strongest partials, 0.5 hears the breath too."""

OCTAVE_PENALTY = 0.5
OVERTONE_PENALTY = 0.2
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


def candidate_grid_hz(window: PitchWindow) -> Float[np.ndarray, " candidate"]:
    """Candidate pitches in Hz, a quarter of a semitone apart."""
    n = int(np.log2(window.highest_hz / window.lowest_hz) * BINS_PER_OCTAVE) + 1
    return window.lowest_hz * 2.0 ** (np.arange(n) / BINS_PER_OCTAVE)


@lru_cache(maxsize=3)
def salience_kernels(window: PitchWindow) -> Float[np.ndarray, "bin candidate"]:
    """One kernel a candidate, of unit norm over its positive part.

    Source:
        Camacho & Harris 2008: a cosine from each valley to the next, with primes as in SWIPE'.
    """
    bins_hz = np.arange(window.n_bins) * window.bin_hz
    grid_hz = candidate_grid_hz(window)
    kernels = np.zeros((len(bins_hz), len(grid_hz)))
    for i, f0_hz in enumerate(grid_hz):
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


def track_pitch(spectra: WindowSpectra, pitch_range: PitchRange = HIGH) -> tuple[Track, Track]:
    """Follow one fundamental through the magnitudes of a run of frames.

    Returns:
        The fundamental in Hz, a path through every frame, sounding or not; and the periodicity,
        the share of the energy that lies on its harmonics, corrected for what noise would put
        there, from 0 to 1.
    """
    magnitudes = _used(spectra, pitch_range)
    compressed = [compressed_spectra(one) for one in magnitudes]
    wide = joined_wide(magnitudes)
    octaves, scores = _candidates(compressed, pitch_range)
    scores -= _penalties(wide, octaves, pitch_range)
    path = _best_path(octaves, scores * _weights(magnitudes[0])[:, None], _jump_costs(compressed[0]))
    chosen = repaired(wide, octaves[np.arange(len(octaves)), path], pitch_range)
    return _sharpened(magnitudes, 2.0**chosen, pitch_range)


class PitchFollower:
    """The twin of `track_pitch` for sound that is still being played: one spectrum at a time.

    The search cannot look ahead: each frame takes the end of the path that is best so far. A slip that
    the next frames would have mended is heard.
    """

    def __init__(self, pitch_range: PitchRange = HIGH) -> None:
        self._range = pitch_range
        self._octaves: Float[np.ndarray, " candidate"] | None = None
        self._costs = np.zeros(N_CANDIDATES * len(pitch_range.windows))

    def push(self, spectra: Sequence[Float[np.ndarray, " _bin"]]) -> tuple[float, float]:
        """Return the fundamental in Hz and the periodicity of the next frame, as `track_pitch` does."""
        frame = _used([one[None] for one in spectra], self._range)
        octaves, scores = _candidates([compressed_spectra(one) for one in frame], self._range)
        costs = _penalties(joined_wide(frame), octaves, self._range)[0] - scores[0]
        if self._octaves is not None:
            jumps = np.abs(octaves[0][:, None] - self._octaves)
            costs += (JUMP_COST_PER_OCTAVE * np.minimum(jumps, JUMP_OCTAVES_MAX) + self._costs).min(axis=1)
        self._octaves = octaves[0]
        # Only differences count, and the sum over a long concert would lose them.
        self._costs = costs - costs.min()
        f0_hz, periodicity = _sharpened(frame, 2.0 ** octaves[0, [costs.argmin()]], self._range)
        return float(f0_hz[0]), float(periodicity[0])


def _used(spectra: WindowSpectra, pitch_range: PitchRange) -> list[Float[np.ndarray, "frame _bin"]]:
    """The bins of each spectrum that are looked at."""
    return [one[:, : window.n_bins] for one, window in zip(spectra, pitch_range.windows, strict=True)]


def _penalties(wide: Spectra, octaves: Candidates, pitch_range: PitchRange) -> Candidates:
    """What candidates lose that are fractions or, where a range goes low, multiples of the true pitch."""
    penalty = OCTAVE_PENALTY * octave_doubt(wide, octaves, pitch_range)
    if len(pitch_range.windows) > 1:
        penalty += OVERTONE_PENALTY * overtone_doubt(wide, octaves, pitch_range)
    return penalty


def compressed_spectra(magnitudes: Spectra) -> Spectra:
    """The spectra that are compared with the kernels, each of unit norm."""
    compressed = magnitudes**COMPRESSION
    compressed /= np.maximum(np.linalg.norm(compressed, axis=1, keepdims=True), 1e-9)
    return compressed


def _jump_costs(spectra: Spectra) -> Float[np.ndarray, " step"]:
    """What an octave costs from each frame to the next: less where the spectrum changes."""
    likeness = np.einsum("fb,fb->f", spectra[:-3], spectra[3:])
    likeness = np.pad(likeness, 1, constant_values=1.0)[: max(len(spectra) - 1, 0)]
    change = np.clip((1.0 - likeness) / FULL_CHANGE, 0.0, 1.0)
    return JUMP_COST_STEADY + (JUMP_COST_CHANGING - JUMP_COST_STEADY) * change


def _candidates(spectra: WindowSpectra, pitch_range: PitchRange) -> tuple[Candidates, Candidates]:
    """Best peaks of the salience of each frame, in each window: log2 of their Hz, and their scores."""
    found = [_peaks(one, window) for one, window in zip(spectra, pitch_range.windows, strict=True)]
    octaves, scores = (np.hstack(columns) for columns in zip(*found, strict=True))
    return octaves, scores


def _peaks(spectra: Spectra, window: PitchWindow) -> tuple[Candidates, Candidates]:
    salience = matrix_product(spectra, salience_kernels(window))
    inner = salience[:, 1:-1]
    is_peak = (inner >= salience[:, :-2]) & (inner > salience[:, 2:])
    peaks = np.where(is_peak, inner, np.float32(-1.0))
    best = np.argpartition(-peaks, N_CANDIDATES, axis=1)[:, :N_CANDIDATES] + 1
    rows = np.arange(len(salience))[:, None]
    left, centre, right = salience[rows, best - 1], salience[rows, best], salience[rows, best + 1]
    curvature = left - 2.0 * centre + right
    offset = np.where(np.abs(curvature) > 1e-9, 0.5 * (left - right) / np.minimum(curvature, -1e-9), 0.0)
    octaves = np.log2(window.lowest_hz) + (best + np.clip(offset, -0.5, 0.5)) / BINS_PER_OCTAVE
    return octaves, np.where(is_peak[rows, best - 1], centre, -1.0)


def _weights(magnitudes: Spectra) -> Track:
    """How much each frame counts in the choice of a path, by its level among its neighbours."""
    level_db = 10.0 * np.log10(np.einsum("fb,fb->f", magnitudes, magnitudes) + 1e-20)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(level_db, LEVEL_FRAMES, mode="edge"), 2 * LEVEL_FRAMES + 1
    )
    return np.clip(1.0 + (level_db - around.max(axis=1)) / LEVEL_RANGE_DB, LEAST_WEIGHT, 1.0)


def _best_path(
    octaves: Candidates, scores: Candidates, jump_costs: Float[np.ndarray, " step"]
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


def _sharpened(magnitudes: WindowSpectra, f0_hz: Track, pitch_range: PitchRange) -> tuple[Track, Track]:
    """Refine the pitch of each frame, and measure its periodicity, in the spectrum that is its own."""
    refined, periodicity = np.empty(len(f0_hz)), np.empty(len(f0_hz), np.float32)
    is_low = f0_hz < pitch_range.split_hz
    for window, spectra, chosen in zip(
        (pitch_range.windows[0], pitch_range.windows[-1]),
        (magnitudes[0], magnitudes[-1]),
        (~is_low, is_low),
        strict=True,
    ):
        if chosen.any():
            own = spectra if chosen.all() else spectra[chosen]
            refined[chosen] = _refined(own, f0_hz[chosen], window.bin_hz)
            periodicity[chosen] = _periodicity(own, refined[chosen], window)
    return refined.astype(np.float32), periodicity


def _refined(magnitudes: Spectra, f0_hz: Track, bin_hz: float) -> Track:
    """Move the pitch onto the peaks of its lowest harmonics, which are sharper than the kernel's.

    Source:
        Smith & Serra, PARSHL (ICMC 1987), for the parabola through the logarithms of a peak.
    """
    n_bins = magnitudes.shape[1]
    rows = np.arange(len(magnitudes))
    moved, weights = np.zeros(len(f0_hz)), np.full(len(f0_hz), 1e-20)
    for number in range(1, REFINING_HARMONICS + 1):
        centre = number * f0_hz / bin_hz
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
        moved += weight * (best + offset) * bin_hz / number
        weights += weight
    return np.where(weights > 1e-18, moved / weights, f0_hz)


def _periodicity(magnitudes: Spectra, f0_hz: Track, window: PitchWindow) -> Track:
    """Share of the energy within two bins of a harmonic, with noise read as 0."""
    first = int(window.lowest_hz * 0.8 / window.bin_hz)
    power = np.square(magnitudes[:, first:])
    bins_hz = np.arange(first, magnitudes.shape[1]) * window.bin_hz
    # In place: arrays of the size of the spectra take longer to make than to fill.
    away_hz = bins_hz / f0_hz[:, None]
    np.maximum(np.rint(away_hz, out=away_hz), 1.0, out=away_hz)
    away_hz *= f0_hz[:, None]
    away_hz -= bins_hz
    all_power = power.sum(axis=1)
    power *= np.abs(away_hz, out=away_hz) <= 2.0 * window.bin_hz
    share = power.sum(axis=1) / np.maximum(all_power, 1e-20)
    by_chance = np.minimum(5.0 * window.bin_hz / f0_hz, 0.9)
    return np.clip((share - by_chance) / (1.0 - by_chance), 0.0, 1.0).astype(np.float32)
