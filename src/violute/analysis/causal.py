"""The analysis of sound that is still being played: the twin of `analyser` that cannot wait for the end.

A frame is known `LOOKAHEAD_SAMPLES` after its centre. Loudness and onsets are those of the analyser but for
1.6 ms. In the high range a network follows the pitch, and hears a new note after a frame or two. In the low
range it is the analyser's own search, whose windows lie further back: loudness comes 13 ms late, the pitch of
what sounds below 210 Hz 36 ms late. What the analyser takes from the whole piece (how loud it becomes, slips
of the octave that later frames would mend, whether a note lasts) is judged by what was heard so far.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.analyser import VOICED_PERIODICITY, VOICED_RANGE_DB
from violute.analysis.causal_pitch import CausalPitch
from violute.analysis.loudness import frame_loudness_db
from violute.analysis.octave_repair import LEAP_OCTAVES
from violute.analysis.onsets import FLOOR_DB, LAG_FRAMES, band_levels_db, onset_strength
from violute.analysis.pitch import PitchFollower
from violute.analysis.pitch_range import HIGH, PitchRange
from violute.errors import AudioError, ShapeError
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.transforms.spectra import magnitude_frames

LOOKAHEAD_SAMPLES = HOP_LENGTH
"""Samples after the centre of a frame that its windows reach: 10 ms."""

PEAK_FADE_DB = 0.002
"""A frame: what was loud once counts 12 dB less a minute later."""

STEADY_FRAMES = 2
"""Frames that a pitch of the search stands before it is believed; the analyser can wait, and asks for 5."""

CARRIED_PERIODICITY = 0.2
"""From here on a frame that is not yet voiced says what pitch the attack of a note has."""


class CausalFrame(NamedTuple):
    """What is known of one frame; fields as in `Controls`, of one line."""

    f0_hz: float
    periodicity: float
    loudness_db: float
    onset_strength: float


class CausalAnalyser:
    """Measures mono sound at `SAMPLE_RATE` as it arrives, in blocks of any size, always alike."""

    def __init__(self, pitch_range: PitchRange = HIGH) -> None:
        self._range = pitch_range
        # The longest window of the first frame begins so far before the first sample.
        self._n_heard = max(window.n_fft for window in pitch_range.windows)
        self._buffer = np.zeros(self._n_heard - LOOKAHEAD_SAMPLES, np.float32)
        self._pitch = CausalPitch() if pitch_range == HIGH else SteadySearch(pitch_range)
        self._levels_db = np.full((LAG_FRAMES + 1, 0), FLOOR_DB, np.float32)
        self._loudest_db = -np.inf
        self._peak_levels_db = FLOOR_DB
        self._carried_hz = 0.0

    def push(self, audio: Float[np.ndarray, " sample"]) -> list[CausalFrame]:
        """Take samples, and return the frames that they complete.

        Raises:
            ShapeError: The sound has channels.
            AudioError: A sample is not finite.
        """
        if audio.ndim != 1:
            raise ShapeError(f"audio {audio.shape} is not mono: give samples alone, such as audio[0]")
        if not np.isfinite(audio).all():
            raise AudioError("the sound holds values that are no numbers: check what is sent here")
        self._buffer = np.concatenate([self._buffer, audio.astype(np.float32, copy=False)])
        frames = []
        while len(self._buffer) >= self._n_heard:
            frames.append(self._frame(self._buffer[: self._n_heard]))
            self._buffer = self._buffer[HOP_LENGTH:]
        return frames

    def _frame(self, heard: Float32[np.ndarray, " window"]) -> CausalFrame:
        loudness_n_fft = self._range.loudness_n_fft
        short = magnitude_frames(heard, loudness_n_fft, len(heard) - loudness_n_fft // 2, 1)
        loudness_db = float(frame_loudness_db(short, SAMPLE_RATE)[0])
        strength = self._rise(band_levels_db(short, SAMPLE_RATE))
        f0_hz, periodicity = self._pitch.push(heard)
        self._loudest_db = max(loudness_db, self._loudest_db - PEAK_FADE_DB)
        is_voiced = periodicity > VOICED_PERIODICITY and loudness_db > self._loudest_db - VOICED_RANGE_DB
        if periodicity > CARRIED_PERIODICITY:
            self._carried_hz = f0_hz
        return CausalFrame(self._carried_hz, periodicity if is_voiced else 0.0, loudness_db, strength)

    def _rise(self, levels_db: Float32[np.ndarray, "1 band"]) -> float:
        """Onset strength of the newest frame, given those before it."""
        if self._levels_db.shape[1] == 0:
            self._levels_db = np.repeat(levels_db, LAG_FRAMES + 1, axis=0)
        self._levels_db = np.concatenate([self._levels_db[1:], levels_db])
        self._peak_levels_db = max(float(levels_db.max()), self._peak_levels_db - PEAK_FADE_DB)
        # One row more, as loud as the loudest so far, tells the measure what counts as silent.
        loudest = np.full((1, levels_db.shape[1]), self._peak_levels_db, np.float32)
        return float(onset_strength(np.concatenate([self._levels_db, loudest]))[LAG_FRAMES])


class SteadySearch:
    """Follows one pitch by the analyser's own search, and believes it once it stands."""

    def __init__(self, pitch_range: PitchRange) -> None:
        self._windows = pitch_range.windows
        self._follower = PitchFollower(pitch_range)
        self._last_octave, self._n_steady = 0.0, 0

    def push(self, heard: Float32[np.ndarray, " window"]) -> tuple[float, float]:
        """Return the newest frame's pitch in Hz, and how periodic it is; 0 where the search is not sure."""
        spectra = [
            magnitude_frames(heard, window.n_fft, len(heard) - window.n_fft // 2, 1)[0]
            for window in self._windows
        ]
        f0_hz, periodicity = self._follower.push(spectra)
        octave = float(np.log2(max(f0_hz, 1.0)))
        self._n_steady = self._n_steady + 1 if abs(octave - self._last_octave) <= LEAP_OCTAVES else 1
        self._last_octave = octave
        is_sure = periodicity > VOICED_PERIODICITY and self._n_steady >= STEADY_FRAMES
        return f0_hz, periodicity if is_sure else 0.0
