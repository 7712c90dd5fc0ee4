"""How far the colour of one set of sounds lies from that of another, whatever notes they play.

`kernel_audio_distance` compares two sets of recordings by their distributions: squared maximum mean
discrepancy (MMD), under a Gaussian kernel, of cepstral statistics of patches of one second. The estimator
is unbiased, so it needs no thousands of clips; it may fall below 0, and 0 means that the sets cannot be
told apart. Patches of one recording share a player and a room, so only pairs from different recordings
are compared within a set, and every recording counts once. `real_to_real_floor` says how far halves of
one set lie apart.

Outputs and target recordings play different notes; read a distance beside that of the sources to
the same target.

Source:
    Gretton et al., A kernel two-sample test (JMLR 13, 2012).
    Chung et al., KAD: No more FAD (ICML 2025): the distance for audio, with the median heuristic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import librosa
import numpy as np
import scipy.spatial.distance
from jaxtyping import Float

from violute.errors import ShapeError
from violute.evaluation.metrics.intervals import Interval, jackknife_interval, percentile_interval
from violute.evaluation.metrics.loudness import mono_at, sounding_frames_of
from violute.evaluation.metrics.mix_path import N_MFCC

Patches = Float[np.ndarray, "_patch dimension"]

PATCH_SECONDS = 1.0
PATCH_HOP_SECONDS = 0.5
LEAST_SOUNDING_SECONDS = 0.2
"""Patches with less sound than this have no colour to speak of."""

N_DIMENSIONS = 2 * N_MFCC
"""Mean and standard deviation of each cepstral coefficient but the first, which is level."""

N_SPLITS = 500

_RATE = 22_050
_N_FFT = 1024
_HOP_LENGTH = 441
_FRAME_RATE_HZ = _RATE / _HOP_LENGTH
_N_MELS = 64
_MEL_RANGE_HZ = (120.0, 11_000.0)


def patch_embeddings(
    audio: Float[np.ndarray, "... sample"], sample_rate: int
) -> Float[np.ndarray, "patch dimension"]:
    """Describe the colour of every second of a recording, each half a second.

    Returns:
        Mean and standard deviation of the cepstral coefficients over the sounding frames of each
        patch, `N_DIMENSIONS` wide; no rows in silence.
    """
    sounding = sounding_frames_of(audio, sample_rate, _FRAME_RATE_HZ)
    mono = mono_at(audio, sample_rate, _RATE)
    mel = librosa.feature.melspectrogram(
        # librosa warns of sounds shorter than its window; the silence added is not sounding.
        y=np.pad(mono, (0, max(0, _N_FFT - len(mono)))),
        sr=_RATE,
        n_fft=_N_FFT,
        hop_length=_HOP_LENGTH,
        n_mels=_N_MELS,
        fmin=_MEL_RANGE_HZ[0],
        fmax=_MEL_RANGE_HZ[1],
    )
    levels_db = librosa.power_to_db(mel, ref=np.max, amin=1e-20, top_db=60.0)
    cepstra = librosa.feature.mfcc(S=levels_db, n_mfcc=N_MFCC + 1)[1:].T
    n_frames = min(len(cepstra), len(sounding))
    length, hop = (round(seconds * _FRAME_RATE_HZ) for seconds in (PATCH_SECONDS, PATCH_HOP_SECONDS))
    rows = []
    for start in range(0, max(1, n_frames - length + 1), hop):
        frames = slice(start, min(start + length, n_frames))
        heard = cepstra[frames][sounding[frames]]
        if len(heard) >= LEAST_SOUNDING_SECONDS * _FRAME_RATE_HZ:
            rows.append(np.concatenate([heard.mean(axis=0), heard.std(axis=0)]))
    return np.array(rows, dtype=np.float64).reshape(len(rows), N_DIMENSIONS)


def kernel_audio_distance(recordings: Sequence[Patches], reference: Sequence[Patches]) -> Interval:
    """Estimate the squared MMD between two sets of recordings, with a jackknife over recordings.

    Dimensions are first scaled to the reference's standard deviation; the kernel is as wide as the median
    distance within the reference.

    Args:
        recordings: Patches of each, from `patch_embeddings`; those without a patch are left out.
        reference: Likewise, real recordings.

    Returns:
        NaN with fewer than two recordings on either side.

    Source:
        Chung et al. (2025), equation 6, with pairs of patches from different recordings only.
    """
    scaled, real, bandwidth = scaled_patches(recordings, reference)
    if len(scaled) < 2 or len(real) < 2:
        return Interval(math.nan, math.nan, math.nan, len(scaled))
    similarities = similarities_of(scaled, real, bandwidth=bandwidth)
    without = [
        np.array([mean_discrepancy(*similarities, left_out=(side, i)) for i in range(size)])
        for side, size in enumerate((len(scaled), len(real)))
    ]
    return jackknife_interval(mean_discrepancy(*similarities), without, n=len(scaled))


def real_to_real_floor(reference: Sequence[Patches], *, n_splits: int = N_SPLITS) -> Interval:
    """Return how far random halves of one set of recordings lie apart, in squared MMD.

    A distance up to `high` is one that real recordings have among themselves.

    Returns:
        The median of the splits and their interval; NaN with fewer than four recordings.
    """
    _, real, bandwidth = scaled_patches([], reference)
    if len(real) < 4:
        return Interval(math.nan, math.nan, math.nan, len(real))
    similarity, _, _ = similarities_of(real, [], bandwidth=bandwidth)
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(n_splits):
        order = rng.permutation(len(real))
        first, second = order[: len(real) // 2], order[len(real) // 2 :]
        blocks = (similarity[np.ix_(a, b)] for a, b in ((first, first), (second, second), (first, second)))
        apart.append(mean_discrepancy(*blocks))
    return percentile_interval(np.array(apart), n=len(real))


def median_bandwidth(samples: Float[np.ndarray, "sample dimension"]) -> float:
    """Return the median distance of all pairs of rows, the Gaussian kernel's usual width.

    Returns:
        1 where it would be 0, as for equal rows.

    Source:
        Gretton et al. (2012), section 8.
    """
    distances = scipy.spatial.distance.pdist(samples)
    median = float(np.median(distances)) if distances.size else 0.0
    return median if median > 0.0 else 1.0


def scaled_patches(
    recordings: Sequence[Patches], reference: Sequence[Patches]
) -> tuple[list[Patches], list[Patches], float]:
    """Return both sets in units of the reference's spread, without empty ones, and a bandwidth."""
    shapes = {patches.shape[1:] for patches in (*recordings, *reference)}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        raise ShapeError(
            f"embeddings of shapes {sorted(shapes)}: give (patch, dimension), all of one dimension"
        )
    kept, real = ([patches for patches in side if len(patches)] for side in (recordings, reference))
    if not real:
        return kept, real, 1.0
    pooled = np.concatenate(real)
    spread = pooled.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    kept, real = ([(patches - pooled.mean(axis=0)) / spread for patches in side] for side in (kept, real))
    pooled = np.concatenate(real)
    # Every pair of an hour of patches would be tens of millions; evenly picked ones do for a median.
    return kept, real, median_bandwidth(pooled[:: max(1, len(pooled) // 2000)])


def similarities_of(
    recordings: Sequence[Patches], reference: Sequence[Patches], *, bandwidth: float
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "m m"], Float[np.ndarray, "n m"]]:
    """Return the mean kernel of the patches of any two recordings: within both sets, and across."""
    everything = [*recordings, *reference]
    n = len(recordings)
    means = np.zeros((len(everything), len(everything)))
    if everything:
        pooled = np.concatenate(everything)
        sizes = np.array([len(patches) for patches in everything])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        for i, patches in enumerate(everything):
            squares = scipy.spatial.distance.cdist(patches, pooled, "sqeuclidean")
            values = np.exp(-squares / (2.0 * bandwidth**2))
            means[i] = np.add.reduceat(values.mean(axis=0), starts) / sizes
    return means[:n, :n], means[n:, n:], means[:n, n:]


def mean_discrepancy(
    within: Float[np.ndarray, "n n"],
    within_reference: Float[np.ndarray, "m m"],
    across: Float[np.ndarray, "n m"],
    *,
    left_out: tuple[int, int] | None = None,
) -> float:
    """Return the unbiased estimate, of all recordings or without one (its set and place in it).

    No recording is ever paired with itself.
    """
    counts = [np.ones(size) for size in across.shape]
    if left_out is not None:
        counts[left_out[0]][left_out[1]] = 0.0
    total = 0.0
    for similarity, count in zip((within, within_reference), counts, strict=True):
        n_pairs = np.sum(count) ** 2 - np.sum(np.square(count))
        if n_pairs <= 0.0:
            return math.nan
        pairs = count @ similarity @ count - np.sum(np.square(count) * np.diag(similarity))
        total += float(pairs / n_pairs)
    return total - 2.0 * float(counts[0] @ across @ counts[1] / (counts[0].sum() * counts[1].sum()))
