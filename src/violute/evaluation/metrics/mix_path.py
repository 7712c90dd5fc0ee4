"""What the dial does: how straight, even and steady the path from one end to the other is.

Source:
    Niu et al., SoundMorpher (2024): correspondence, intermediateness, smoothness.
    Caetano and Rodet, Musical instrument sound morphing guided by perceptually motivated features
    (TASLP 2013): linearity of descriptors along the path.
"""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
import scipy.stats
from jaxtyping import Bool, Float

from violute.errors import ShapeError
from violute.evaluation.metrics.loudness import FRAME_RATE_HZ, mono_at, sounding_frames_of
from violute.evaluation.metrics.pitch import cents_apart

_RATE = 22_050
_HOP = 220.5
_N_FFT = 2048
N_MFCC = 13
"""Cepstral coefficients, without the first, which is loudness."""

TILT_RANGE_HZ = (250.0, 8000.0)
"""Five octaves: the flute's lowest notes and the last octave in which every recording has sound."""


def spearman(posteriors: Float[np.ndarray, " mix"], mixes: Float[np.ndarray, " mix"]) -> float:
    """Return the rank correlation of the judge's posterior with the mix; NaN where one is constant."""
    _check_path(posteriors, mixes)
    if np.ptp(posteriors) == 0.0 or np.ptp(mixes) == 0.0:
        return float("nan")
    return float(scipy.stats.spearmanr(posteriors, mixes).statistic)


@dataclass(frozen=True)
class TimbrePoint:
    """The average colour of a sound over its sounding frames; NaN in silence.

    Attributes:
        centroid_octaves: Mean spectral centroid, in octaves above 1 Hz.
        tilt_db_per_octave: Slope of a straight line through the mean levels of the third-octave
            bands of `TILT_RANGE_HZ`; 0 for pink noise, 3 for white.
        cepstrum: Mean of `N_MFCC` cepstral coefficients.
    """

    centroid_octaves: float
    tilt_db_per_octave: float
    cepstrum: Float[np.ndarray, " coefficient"]


def timbre_point(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> TimbrePoint:
    """Measure the average colour of a rendering."""
    sounding = sounding_frames_of(audio, sample_rate, FRAME_RATE_HZ)
    mono = mono_at(audio, sample_rate, _RATE)
    starts = np.round(np.flatnonzero(sounding) * _HOP).astype(int)
    if starts.size == 0:
        return TimbrePoint(float("nan"), float("nan"), np.full(N_MFCC, np.nan))
    padded = np.pad(mono, (_N_FFT // 2, _N_FFT + int(_HOP)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[starts]
    power = np.square(np.abs(np.fft.rfft(windows * np.hanning(_N_FFT), axis=1)))
    frequencies = np.fft.rfftfreq(_N_FFT, 1.0 / _RATE)
    amplitude = np.sqrt(power)
    centroid_hz = (amplitude @ frequencies) / np.maximum(amplitude.sum(axis=1), 1e-12)
    mel = librosa.feature.melspectrogram(S=power.T, sr=_RATE, n_mels=64)
    cepstrum = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=60.0), n_mfcc=N_MFCC + 1)
    return TimbrePoint(
        float(np.mean(np.log2(np.maximum(centroid_hz, 1.0)))),
        _tilt_db_per_octave(power.mean(axis=0), frequencies),
        np.asarray(cepstrum[1:].mean(axis=1)),
    )


def _tilt_db_per_octave(power: Float[np.ndarray, " bin"], frequencies: Float[np.ndarray, " bin"]) -> float:
    lowest_hz, highest_hz = TILT_RANGE_HZ
    edges = lowest_hz * 2.0 ** np.arange(0.0, np.log2(highest_hz / lowest_hz) + 1e-9, 1.0 / 3.0)
    band = np.digitize(frequencies, edges) - 1
    levels_db = 10.0 * np.log10(
        np.maximum([power[band == i].sum() for i in range(len(edges) - 1)], power.max() * 1e-12)
    )
    return float(np.polyfit(np.log2(edges[:-1]), levels_db, 1)[0])


def path_linearity_r2(points: Float[np.ndarray, "mix dimension"], mixes: Float[np.ndarray, " mix"]) -> float:
    """Return how much of the path's variance a straight line in the mix explains.

    1 is a straight path at constant speed; NaN where nothing moves.
    """
    _check_path(points, mixes)
    centred = points - points.mean(axis=0)
    dial = mixes - mixes.mean()
    total = float(np.sum(np.square(centred)))
    # Equal points need not be equal to their rounded mean.
    if not np.ptp(points, axis=0).any() or not np.any(dial):
        return float("nan")
    slope = dial @ centred / np.sum(np.square(dial))
    return float(1.0 - np.sum(np.square(centred - dial[:, None] * slope)) / total)


def step_cv(points: Float[np.ndarray, "mix dimension"], mixes: Float[np.ndarray, " mix"]) -> float:
    """Return the coefficient of variation of the path's speed from mix to mix; 0 is even.

    Raises:
        ShapeError: There are not as many points as mixes, or fewer than two, or mixes don't rise.
    """
    _check_path(points, mixes)
    if np.any(np.diff(mixes) <= 0.0):
        raise ShapeError(f"mixes {mixes.tolist()} do not rise: sort them and give each once")
    speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(mixes)
    return float(np.std(speed) / np.mean(speed)) if np.mean(speed) > 0.0 else float("nan")


def pitch_drift_cents(f0_hz: Float[np.ndarray, "mix frame"], frames: Bool[np.ndarray, " frame"]) -> float:
    """Return how far the pitch moves with the dial: largest less smallest median offset, in cents.

    Offsets are from the first mix, over the `frames` pitched at every mix.
    """
    frames = frames & np.all(f0_hz > 0.0, axis=0)
    if not frames.any():
        return float("nan")
    offsets = [float(np.median(cents_apart(f0_hz[0, frames], track[frames]))) for track in f0_hz]
    return float(np.ptp(offsets))


def loudness_drift_db(
    loudness_db: Float[np.ndarray, "mix frame"], frames: Bool[np.ndarray, " frame"]
) -> float:
    """Return how far the loudness moves with the dial: largest less smallest energy mean, in dB."""
    if not frames.any():
        return float("nan")
    means_db = 10.0 * np.log10(np.mean(10.0 ** (loudness_db[:, frames] / 10.0), axis=1))
    return float(np.ptp(means_db))


def _check_path(points: Float[np.ndarray, "mix ..."], mixes: Float[np.ndarray, " other"]) -> None:
    if mixes.ndim != 1 or len(points) != len(mixes) or len(mixes) < 2:
        raise ShapeError(
            f"{len(points)} points against {len(mixes)} mixes: give one point a mix, at least two"
        )
