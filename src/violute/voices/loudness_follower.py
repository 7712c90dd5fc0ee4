"""Give what a network made the loudness of the recording, moment by moment, block by block.

Each frame's A-weighted level is measured in both, and the gain between them is joined in straight lines of
decibels. What the network drew too softly is raised only so far, so that its silence stays silent.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from violute.analysis.loudness import frame_loudness_db
from violute.voices.spool import Spool

N_FFT = 2048
HOP_LENGTH = 512
MOST_GAIN_DB = 18.0


class LoudnessFollower:
    """Follows a recording in mono, aligned with what will be pushed and of the same rate."""

    def __init__(self, recording: Spool, sample_rate: int) -> None:
        self._recording, self._sample_rate = recording, sample_rate
        # Frame i is centred on sample i * HOP_LENGTH; what lies before the start is silent.
        self._made = np.zeros(N_FFT // 2, np.float32)
        self._first_frame = 0
        self._last_gain_db: float | None = None

    def push(self, made: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " ready"]:
        """Take samples, and return those whose gain is known."""
        self._made = np.concatenate([self._made, made])
        n_frames = max((len(self._made) - N_FFT) // HOP_LENGTH + 1, 0)
        if n_frames == 0:
            return np.zeros(0, np.float32)
        start = self._first_frame * HOP_LENGTH - N_FFT // 2
        n_samples = (n_frames - 1) * HOP_LENGTH + N_FFT
        wanted_db = self._levels(self._recording.read(start, start + n_samples))
        gains_db = np.minimum(wanted_db - self._levels(self._made[:n_samples]), MOST_GAIN_DB)
        known = gains_db if self._last_gain_db is None else np.concatenate([[self._last_gain_db], gains_db])
        n_ready = (len(known) - 1) * HOP_LENGTH
        gain_db = np.interp(np.arange(n_ready) / HOP_LENGTH, np.arange(len(known)), known)
        # The samples before the first of these frames' middles that are still to be given out.
        at = N_FFT // 2 - (0 if self._last_gain_db is None else HOP_LENGTH)
        ready = self._made[at : at + n_ready] * np.float32(10.0) ** (gain_db / 20.0).astype(np.float32)
        self._made = self._made[n_frames * HOP_LENGTH :]
        self._first_frame += n_frames
        self._last_gain_db = float(known[-1])
        return ready

    def flush(self) -> Float32[np.ndarray, " sample"]:
        """Return the rest, and at least all that was pushed."""
        return self.push(np.zeros(N_FFT, np.float32))

    def _levels(self, audio: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " frame"]:
        frames = np.lib.stride_tricks.sliding_window_view(audio, N_FFT)[::HOP_LENGTH]
        window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
        magnitudes = np.abs(np.fft.rfft(frames * window, axis=1)) * np.float32(2.0 / window.sum())
        return frame_loudness_db(magnitudes, self._sample_rate)
