"""Attacks by spectral flux: quick to hear a note struck again, and prone to hear one attack as two.

`onsets` finds where notes begin and decides how timing is judged; the attacks found here only cut
notes of one pitch apart.

Source:
    Böck and Widmer, Maximum filter vibrato suppression for onset detection (DAFx 2013), as in librosa.
"""

from __future__ import annotations

import librosa
import numpy as np
import soxr
from jaxtyping import Float

from violute.evaluation.metrics.loudness import to_mono

_RATE = 22_050
_HOP = 220
_N_FFT = 1024


def attack_times(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Float[np.ndarray, " onset"]:
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
