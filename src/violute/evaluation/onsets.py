"""How well the timing of a performance survives: attacks found in the source and in the output.

Source:
    Böck and Widmer, Maximum filter vibrato suppression for onset detection (DAFx 2013), as in
    librosa: the detector. Raffel et al., mir_eval (ISMIR 2014): the matching.
"""

from __future__ import annotations

import librosa
import mir_eval
import numpy as np
import soxr
from jaxtyping import Float

from violute.errors import ShapeError
from violute.evaluation.loudness import to_mono

WINDOW_SECONDS = 0.05
"""Furthest apart that two onsets are the same."""

_RATE = 22_050
_HOP = 220
_N_FFT = 1024


def onset_times(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Float[np.ndarray, " onset"]:
    """Find attacks by spectral flux over 138 bands, deaf to vibrato.

    Args:
        audio: `(sample,)` or `(channel, sample)`; channels are averaged.
        sample_rate: In Hz.

    Returns:
        Seconds, rising.

    Raises:
        AudioError: The audio is empty or not finite.
    """
    mono = soxr.resample(to_mono(audio), sample_rate, _RATE)
    if np.max(np.abs(mono), initial=0.0) == 0.0:
        return np.zeros(0)
    mel = librosa.feature.melspectrogram(
        y=mono, sr=_RATE, n_fft=_N_FFT, hop_length=_HOP, n_mels=138, fmin=100.0, fmax=10_000.0
    )
    levels_db = librosa.power_to_db(mel, ref=np.max, top_db=60.0)
    envelope = librosa.onset.onset_strength(S=levels_db, sr=_RATE, hop_length=_HOP, lag=2, max_size=3)
    times = librosa.onset.onset_detect(
        onset_envelope=envelope, sr=_RATE, hop_length=_HOP, units="time", delta=0.05
    )
    return np.asarray(times, dtype=np.float64)


def onset_f1(
    source_seconds: Float[np.ndarray, " source"],
    output_seconds: Float[np.ndarray, " output"],
    *,
    window_seconds: float = WINDOW_SECONDS,
) -> float:
    """Return the F-measure of onsets matched one to one; 1 where neither side has any.

    Raises:
        ShapeError: Onsets are not a rising row of seconds.
    """
    for times in (source_seconds, output_seconds):
        if times.ndim != 1 or np.any(np.diff(times) < 0.0):
            raise ShapeError(f"onsets of shape {times.shape}: give one row of seconds in rising order")
    if source_seconds.size == 0 or output_seconds.size == 0:
        return float(source_seconds.size == output_seconds.size)
    f_measure, _, _ = mir_eval.onset.f_measure(source_seconds, output_seconds, window=window_seconds)
    return float(f_measure)
