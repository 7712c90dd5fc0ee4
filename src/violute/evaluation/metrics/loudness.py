"""How well the dynamics of a performance survive: A-weighted loudness, frame by frame.

Written apart from the analysis that conditions a voice, so that a fault there cannot hide here.
Frame `i` is centred on second `i / FRAME_RATE_HZ`; 0 dB is a full-scale 1 kHz sine.

Frames count as sounding within `GATE_DB` of the source's loud frames (95th percentile); a frame
of either side is never taken as softer than `FLOOR_DB` below the source's loud frames, so that
the depth of silence weighs nothing. With nothing to measure, a figure is NaN.
"""

from __future__ import annotations

import numpy as np
import soxr
from jaxtyping import Bool, Float

from violute.errors import AudioError, ShapeError
from violute.rates import HOP_LENGTH, SAMPLE_RATE

FRAME_RATE_HZ = 100.0
N_FFT = 2048

GATE_DB = -30.0
FLOOR_DB = -60.0
SILENCE_DB = -120.0
LOUD_PERCENTILE = 95.0


def to_mono(audio: Float[np.ndarray, "... sample"]) -> Float[np.ndarray, " sample"]:
    """Average the channels of `(sample,)` or `(channel, sample)`.

    Raises:
        AudioError: No samples, or samples that are not finite.
    """
    mono = np.atleast_2d(np.asarray(audio, dtype=np.float64)).mean(axis=0)
    if mono.size == 0:
        raise AudioError("the clip holds no samples: give at least a tenth of a second of sound")
    if not np.all(np.isfinite(mono)):
        raise AudioError("the clip holds samples that are not finite: repair the recording")
    return np.asarray(mono)


def mono_at(
    audio: Float[np.ndarray, "... sample"], sample_rate: int, rate: int
) -> Float[np.ndarray, " resampled"]:
    """Average the channels and resample to `rate`, in Hz."""
    mono = to_mono(audio)
    return mono if sample_rate == rate else np.asarray(soxr.resample(mono, sample_rate, rate))


def a_weighting_db(frequency_hz: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
    """Return the A-weighting, 0 dB at 1 kHz; -inf at 0 Hz.

    Source:
        IEC 61672-1:2013, annex E.
    """
    squared = np.square(np.asarray(frequency_hz, dtype=np.float64))
    response = 12194.0**2 * np.square(squared)
    response = response / (squared + 20.6**2) / (squared + 12194.0**2)
    response = response / np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(response) + 2.0)


def frame_loudness_db(
    audio: Float[np.ndarray, "... sample"], sample_rate: int
) -> Float[np.ndarray, " frame"]:
    """Measure A-weighted loudness every 10 ms, over a Hann window of 46 ms.

    Returns:
        dB relative to a full-scale 1 kHz sine, at least `SILENCE_DB`.
    """
    mono = mono_at(audio, sample_rate, SAMPLE_RATE)
    padded = np.pad(mono, (N_FFT // 2, N_FFT // 2 + -len(mono) % HOP_LENGTH))
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP_LENGTH]
    hann = np.hanning(N_FFT + 1)[:-1]
    # By Parseval's theorem this sums to twice the mean square, which is 1 for a full-scale sine.
    weights = 4.0 * 10.0 ** (a_weighting_db(np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)) / 10.0)
    weights /= N_FFT * np.sum(np.square(hann))
    power = np.concatenate(
        [
            np.square(np.abs(np.fft.rfft(windows[start : start + 512] * hann, axis=1))) @ weights
            for start in range(0, len(windows), 512)
        ]
    )
    return np.asarray(10.0 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DB / 10.0))))


def sounding_frames(loudness_db: Float[np.ndarray, " frame"]) -> Bool[np.ndarray, " frame"]:
    """Mark the frames within `GATE_DB` of the loud ones; none in digital silence."""
    if loudness_db.size == 0:
        return np.zeros(0, dtype=bool)
    loud_db = float(np.percentile(loudness_db, LOUD_PERCENTILE))
    return np.asarray((loudness_db >= loud_db + GATE_DB) & (loudness_db > SILENCE_DB))


def sounding_frames_of(
    audio: Float[np.ndarray, "... sample"], sample_rate: int, frame_rate_hz: float
) -> Bool[np.ndarray, " frame"]:
    """Mark the frames of a sound that are not silent, at a rate that divides `FRAME_RATE_HZ`."""
    return sounding_frames(frame_loudness_db(audio, sample_rate))[:: round(FRAME_RATE_HZ / frame_rate_hz)]


def loudness_l1_db(source_db: Float[np.ndarray, " frame"], output_db: Float[np.ndarray, " frame"]) -> float:
    """Return the mean absolute difference over sounding frames after one gain for the whole clip.

    The gain is the one that suits best: the median of the differences.
    """
    source, output = _compared(source_db, output_db)
    if source.size == 0:
        return float("nan")
    difference = output - source
    return float(np.mean(np.abs(difference - np.median(difference))))


def loudness_correlation(
    source_db: Float[np.ndarray, " frame"], output_db: Float[np.ndarray, " frame"]
) -> float:
    """Return Pearson's correlation over sounding frames; NaN where either track is constant."""
    source, output = _compared(source_db, output_db)
    if source.size < 2 or np.ptp(source) == 0.0 or np.ptp(output) == 0.0:
        return float("nan")
    return float(np.corrcoef(source, output)[0, 1])


def fitted(track: Float[np.ndarray, " any"], n_frames: int, fill: float = 0.0) -> Float[np.ndarray, " frame"]:
    """Cut or fill a track: trackers differ by a frame in how they count the last one."""
    found = np.full(n_frames, fill)
    found[: min(n_frames, len(track))] = track[:n_frames]
    return found


def _compared(
    source_db: Float[np.ndarray, " frame"], output_db: Float[np.ndarray, " other"]
) -> tuple[Float[np.ndarray, " sounding"], Float[np.ndarray, " sounding"]]:
    if source_db.shape != output_db.shape:
        raise ShapeError(
            f"{source_db.size} frames against {output_db.size}: cut both tracks to the same length"
        )
    sounding = sounding_frames(source_db)
    if not sounding.any():
        return np.zeros(0), np.zeros(0)
    # The output is brought to the source's level before the floor, lest a soft rendering lie under it.
    gain_db = float(np.median(output_db[sounding] - source_db[sounding]))
    floor_db = float(np.percentile(source_db, LOUD_PERCENTILE)) + FLOOR_DB
    return source_db[sounding], np.maximum(output_db[sounding] - gain_db, floor_db)
