"""Lines whose pitch is known: the material that chords are summed from.

Nobody has to write down what sounds in a sum of recordings of one line: the tracker knows it of each of
them. A recording of a single note has one pitch, which is carried through the frames where the tracker is
unsure; in melodies those frames are marked, and no loss is taken from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float, Float32, UInt8

from violute.analysis.conditioning import hz_to_midi
from violute.analysis.polyphony.log_spectrum import CONTROLS_FRAMES, FRAME_RATE_HZ
from violute.data.features import Features, measure_all
from violute.data.recordings import Recording
from violute.errors import TrainingError
from violute.rates import SAMPLE_RATE

FRAME_SAMPLES = round(SAMPLE_RATE / FRAME_RATE_HZ)

OFF, SURE, UNSURE = 0, 1, 2
"""What a frame of a line is: silent, of known pitch, or loud without one."""

LOUD_PERCENTILE = 95
AUDIBLE_DB = -35.0
"""Frames further below the loud ones of their recording are silent."""

ONE_NOTE_CENTS = 60.0
"""Nine tenths of the pitches of a single note lie within so much of the median."""

LONGEST_NOTE_SECONDS = 8.0
SHORTEST_SURE_FRAMES = 6


@dataclass(frozen=True)
class Line:
    """One recording of one line.

    Attributes:
        name: Of the recording.
        source: Of the file that it comes from.
        audio: At `SAMPLE_RATE`, its loud frames about as loud as those of any other line.
        f0_hz: Per frame of 20 ms.
        state: `OFF`, `SURE` or `UNSURE`.
        loudness_db: Relative to the loud frames.
        note_midi: Pitch, where the whole is one note; None for a melody.
    """

    name: str
    source: str
    audio: Float32[np.ndarray, " sample"]
    f0_hz: Float32[np.ndarray, " frame"]
    state: UInt8[np.ndarray, " frame"]
    loudness_db: Float32[np.ndarray, " frame"]
    note_midi: float | None

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.f0_hz)

    def cut(self, start: float, n_frames: int, ratio: float) -> Line:
        """Return frames from `start`, played `ratio` times as fast and as high.

        The result is shorter than `n_frames` where the recording ends before.
        """
        n_frames = min(n_frames, int((self.n_frames - 1 - start) / ratio))
        frames = np.minimum(np.rint(start + ratio * np.arange(n_frames)).astype(int), self.n_frames - 1)
        first = round(start * FRAME_SAMPLES)
        played = self.audio[first : first + round((n_frames + 2) * FRAME_SAMPLES * ratio)]
        if ratio != 1.0:
            played = soxr.resample(played, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="LQ")
        audio = np.zeros(n_frames * FRAME_SAMPLES, np.float32)
        audio[: len(played)] = played[: len(audio)]
        return Line(
            self.name,
            self.source,
            audio,
            (self.f0_hz[frames] * ratio).astype(np.float32),
            self.state[frames],
            self.loudness_db[frames],
            None if self.note_midi is None else self.note_midi + 12.0 * float(np.log2(ratio)),
        )


def load_lines(
    recordings: Sequence[Recording], cache: Path, *, on_progress: Callable[[float], None] | None = None
) -> list[Line]:
    """Measure recordings, or read from `cache` what was measured, and keep those with a steady pitch.

    Raises:
        AudioError: A recording cannot be read.
        TrainingError: None of them has a steady pitch.
    """
    features = measure_all(recordings, cache, with_audio=True, on_progress=on_progress)
    lines = [line_of(item) for item in features if item.is_reliable.sum() >= 2 * SHORTEST_SURE_FRAMES]
    if not lines:
        raise TrainingError("no recording has a steady pitch: give recordings of one note at a time")
    return lines


def line_of(features: Features) -> Line:
    """Bring a measured recording to frames of 20 ms and an even level."""
    assert features.audio is not None
    controls = features.controls
    is_reliable, f0_hz = features.is_reliable, controls.f0_hz[0].copy()
    loud_db = float(np.percentile(controls.loudness_db[0][is_reliable], LOUD_PERCENTILE))
    loudness_db = controls.loudness_db[0] - loud_db
    is_audible = loudness_db > AUDIBLE_DB
    state = np.where(is_audible, np.where(is_reliable, SURE, UNSURE), OFF).astype(np.uint8)
    note_midi = _only_note(f0_hz[is_reliable], controls.n_frames / controls.frame_rate_hz)
    if note_midi is not None:
        sure = np.flatnonzero(is_reliable)
        inside = slice(sure[0], sure[-1] + 1)
        near = np.abs(hz_to_midi(f0_hz) - note_midi) < ONE_NOTE_CENTS / 100.0
        f0_hz = np.where(near, f0_hz, 440.0 * 2.0 ** ((note_midi - 69.0) / 12.0)).astype(np.float32)
        state[inside] = np.where(is_audible[inside], SURE, OFF)
    every = slice(None, None, CONTROLS_FRAMES)
    return Line(
        features.name,
        features.source,
        (features.audio * 10.0 ** ((-20.0 - loud_db) / 20.0)).astype(np.float32),
        f0_hz[every].astype(np.float32),
        state[every],
        loudness_db[every].astype(np.float32),
        note_midi,
    )


def _only_note(f0_hz: Float[np.ndarray, " frame"], seconds: float) -> float | None:
    """Pitch of a recording that holds one note, else None."""
    midi = hz_to_midi(f0_hz)
    middle = float(np.median(midi))
    spread = float(np.percentile(np.abs(midi - middle), 90))
    return middle if seconds < LONGEST_NOTE_SECONDS and spread < ONE_NOTE_CENTS / 100.0 else None
