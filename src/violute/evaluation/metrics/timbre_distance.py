"""How far the colour of one set of sounds lies from that of another, whatever notes they play.

`mfcc_distance_db` compares two sounds by their average cepstra. `kernel_audio_distance` compares
two sets of recordings by their distributions: squared maximum mean discrepancy (MMD) of cepstral
statistics of patches of one second. The estimator is unbiased, so it needs no thousands of clips;
it may fall below 0, and 0 means that the sets cannot be told apart. Patches of one recording
share a player and a room, so only pairs from different recordings are compared within a set, and
every recording counts once. `real_to_real_floor` says how far halves of one set lie apart.

Outputs and target recordings play different notes; read a distance beside that of the sources to
the same target.

Source:
    Gretton et al., A kernel two-sample test (JMLR 13, 2012).
    Chung et al., KAD: No more FAD (ICML 2025): the distance for audio, with the median heuristic.
    Bińkowski et al., Demystifying MMD GANs (ICLR 2018): the polynomial kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import librosa
import numpy as np
import soxr
from jaxtyping import Float

from violute.errors import InputError, ShapeError
from violute.evaluation.metrics import loudness
from violute.evaluation.metrics.intervals import CONFIDENCE, N_RESAMPLES, Interval, draws, percentile_interval
from violute.evaluation.metrics.loudness import frame_loudness_db, sounding_frames, to_mono
from violute.evaluation.metrics.mix_path import N_MFCC, timbre_point
from violute.evaluation.metrics.timbre_kernel import (
    Kernel,
    Patches,
    check_patches,
    mean_discrepancy,
    median_bandwidth,
    scaled_patches,
    similarities_of,
)

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


def mfcc_distance_db(
    source: Float[np.ndarray, "... sample"],
    source_rate: int,
    output: Float[np.ndarray, "... other"],
    output_rate: int,
) -> float:
    """Return the distance of two sounds' average cepstra, as RMS decibels over the mel bands.

    Args:
        source: `(sample,)` or `(channel, sample)`; channels are averaged.
        source_rate: In Hz.
        output: Likewise; it may have another length.
        output_rate: In Hz.

    Returns:
        dB, 0 for equal colours at any gain; NaN where either is silent.

    Raises:
        AudioError: A sound is empty or not finite.

    Source:
        Davis and Mermelstein, Comparison of parametric representations (IEEE TASSP 1980); the
        cosine transform keeps lengths, so its distance is one of levels (Parseval).
    """
    wanted = timbre_point(source, source_rate).cepstrum
    made = timbre_point(output, output_rate).cepstrum
    return float(np.linalg.norm(made - wanted) / math.sqrt(_N_MELS))


def patch_embeddings(
    audio: Float[np.ndarray, "... sample"], sample_rate: int
) -> Float[np.ndarray, "patch dimension"]:
    """Describe the colour of every second of a recording, each half a second.

    Args:
        audio: `(sample,)` or `(channel, sample)`; channels are averaged.
        sample_rate: In Hz.

    Returns:
        Mean and standard deviation of the cepstral coefficients over the sounding frames of each
        patch, `N_DIMENSIONS` wide; no rows in silence.

    Raises:
        AudioError: The audio is empty or not finite.
    """
    every = round(loudness.FRAME_RATE_HZ / _FRAME_RATE_HZ)
    sounding = sounding_frames(frame_loudness_db(audio, sample_rate))[::every]
    mono = soxr.resample(to_mono(audio), sample_rate, _RATE)
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


def mmd2(
    samples: Float[np.ndarray, "sample dimension"],
    reference: Float[np.ndarray, "other dimension"],
    *,
    kernel: Kernel = "gaussian",
    bandwidth: float | None = None,
) -> float:
    """Estimate the squared MMD of independent samples of two distributions, without bias.

    Args:
        samples: One a row.
        reference: Likewise.
        kernel: `gaussian`, or `polynomial`: (x·y / dimension + 1) cubed.
        bandwidth: Standard deviation of the Gaussian; None is `median_bandwidth(reference)`.

    Returns:
        About 0 for equal distributions, also below; NaN with fewer than two rows on either side.

    Raises:
        ShapeError: The sides differ in dimension.
        InputError: The kernel is neither of the two, or the bandwidth not positive.

    Source:
        Gretton et al. (2012), equation 3.
    """
    rows = [[row[None] for row in side] for side in (samples, reference)]
    check_patches(rows[0] + rows[1])
    width = median_bandwidth(reference) if bandwidth is None else bandwidth
    return float(mean_discrepancy(*similarities_of(*rows, kernel=kernel, bandwidth=width)))


def kernel_audio_distance(
    recordings: Sequence[Patches],
    reference: Sequence[Patches],
    *,
    kernel: Kernel = "gaussian",
    confidence: float = CONFIDENCE,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Estimate the squared MMD between two sets of recordings, with a bootstrap over recordings.

    Dimensions are first scaled to the reference's standard deviation.

    Args:
        recordings: Patches of each, from `patch_embeddings`; those without a patch are left out.
        reference: Likewise, real recordings.
        kernel: `gaussian`, as wide as the median distance within the reference, or `polynomial`.
        confidence: Of the interval, in (0, 1).
        n_resamples: At least 1.
        seed: The same seed gives the same interval.

    Returns:
        NaN with fewer than two recordings on either side.

    Raises:
        ShapeError: Recordings differ in dimension.
        InputError: The kernel, the confidence or the number of resamples is not allowed.

    Source:
        Chung et al. (2025), equation 6, with pairs of patches from different recordings only.
    """
    scaled, real, bandwidth = scaled_patches(recordings, reference)
    if len(scaled) < 2 or len(real) < 2:
        return Interval(math.nan, math.nan, math.nan, len(scaled))
    similarities = similarities_of(scaled, real, kernel=kernel, bandwidth=bandwidth)
    # Two seeds, or the same places of both sets would be drawn together.
    chosen = (
        draws(len(side), n_resamples=n_resamples, seed=2 * seed + i) for i, side in enumerate((scaled, real))
    )
    drawn = [mean_discrepancy(*similarities, first, second) for first, second in zip(*chosen, strict=True)]
    return percentile_interval(
        float(mean_discrepancy(*similarities)), np.array(drawn), n=len(scaled), confidence=confidence
    )


def kernel_audio_distance_change(
    before: Sequence[Patches],
    after: Sequence[Patches],
    reference: Sequence[Patches],
    *,
    confidence: float = CONFIDENCE,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Estimate by how much a distance changed between two renderings of the same recordings.

    Both distances are taken of the same recordings drawn, so what those have in common cancels: the
    interval is that of the change, narrower than the two intervals beside each other suggest.

    Args:
        before: Patches of each recording, rendered one way; each has some.
        after: Of the same recordings in the same order, rendered the other way.
        reference: Real recordings.
        confidence: Of the interval, in (0, 1).
        n_resamples: At least 1.
        seed: The same seed gives the same interval.

    Returns:
        Below 0 where `after` is nearer to the reference; NaN with fewer than two recordings.

    Raises:
        ShapeError: The renderings are not of as many recordings, or differ in dimension.
        InputError: The confidence or the number of resamples is not allowed.
    """
    sides = [scaled_patches(one, reference) for one in (before, after)]
    n, n_real = len(sides[0][0]), len(sides[0][1])
    if len(before) != len(after) or n != len(sides[1][0]):
        raise ShapeError(
            f"{n} recordings before and {len(sides[1][0])} after: give the same with sound in each"
        )
    if n < 2 or n_real < 2:
        return Interval(math.nan, math.nan, math.nan, n)
    first, second = (
        similarities_of(one, real, kernel="gaussian", bandwidth=width) for one, real, width in sides
    )
    chosen = (draws(size, n_resamples=n_resamples, seed=2 * seed + i) for i, size in enumerate((n, n_real)))
    drawn = [
        mean_discrepancy(*second, own, real) - mean_discrepancy(*first, own, real)
        for own, real in zip(*chosen, strict=True)
    ]
    return percentile_interval(
        float(mean_discrepancy(*second) - mean_discrepancy(*first)),
        np.array(drawn),
        n=n,
        confidence=confidence,
    )


def real_to_real_floor(
    reference: Sequence[Patches],
    *,
    kernel: Kernel = "gaussian",
    confidence: float = CONFIDENCE,
    n_splits: int = N_SPLITS,
    seed: int = 0,
) -> Interval:
    """Return how far random halves of one set of recordings lie apart, in squared MMD.

    A distance up to `high` is one that real recordings have among themselves.

    Args:
        reference: Patches of each recording, from `patch_embeddings`.
        kernel: As for `kernel_audio_distance`.
        confidence: Share of the splits inside the interval.
        n_splits: At least 1.
        seed: The same seed gives the same splits.

    Returns:
        The median of the splits and their interval; NaN with fewer than four recordings.

    Raises:
        ShapeError: Recordings differ in dimension.
        InputError: The kernel, the confidence or the number of splits is not allowed.
    """
    if n_splits < 1:
        raise InputError(f"{n_splits} splits were asked for: ask for at least 1, better 500")
    _, real, bandwidth = scaled_patches([], reference)
    if len(real) < 4:
        return Interval(math.nan, math.nan, math.nan, len(real))
    similarity, _, _ = similarities_of(real, [], kernel=kernel, bandwidth=bandwidth)
    rng = np.random.default_rng(seed)
    apart = []
    for _ in range(n_splits):
        order = rng.permutation(len(real))
        first, second = order[: len(real) // 2], order[len(real) // 2 :]
        blocks = (similarity[np.ix_(a, b)] for a, b in ((first, first), (second, second), (first, second)))
        apart.append(mean_discrepancy(*blocks))
    return percentile_interval(float(np.median(apart)), np.array(apart), n=len(real), confidence=confidence)
