"""Frames of an instrument's recordings, found by pitch and loudness.

Baselines that borrow from real recordings (`BorrowingBaseline`) ask here for the frame that was played most
like the one at hand. Pitch and loudness are those of conversion, so that no baseline suffers, or gains, by a
tracker of its own; loudness is relative to the loud notes of its recording, so that gain means nothing.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree

from violute.analysis.analyser import analyse
from violute.analysis.conditioning import hz_to_midi, reference_loudness_db
from violute.analysis.controls import Controls
from violute.audio.channels import spread_over_channels, to_mono
from violute.audio.resample import resample
from violute.audio.source import ArraySource
from violute.errors import InputError
from violute.evaluation.baselines.references import LevelledTake, References, check_references
from violute.evaluation.metrics.loudness import mono_at
from violute.rates import SAMPLE_RATE

DB_PER_SEMITONE = 3.0
"""So much loudness lies as far as a semitone of pitch."""

EDGE_FRAMES = 3
"""Frames so close to where a note begins or ends are not borrowed: their windows hold half a note, and a
pitch that is a little off would be picked just because it is."""

UNPITCHED_HZ = 440.0
"""Pitch of a performance that has none anywhere."""


@dataclass(frozen=True)
class Course:
    """Pitch and loudness of a performance, frame by frame, as frames are compared.

    Attributes:
        f0_hz: Fundamental, carried through rests, above 0.
        is_voiced: 1 where the frame is pitched, else 0.
        relative_db: A-weighted loudness relative to the performance's loud notes.
    """

    f0_hz: Float[np.ndarray, " frame"]
    is_voiced: Float[np.ndarray, " frame"]
    relative_db: Float[np.ndarray, " frame"]

    @classmethod
    def of(cls, controls: Controls) -> Course:
        """Take over what is compared."""
        f0_hz = controls.f0_hz[0].astype(np.float64)
        return cls(
            np.where(f0_hz > 0.0, f0_hz, UNPITCHED_HZ),
            (controls.periodicity[0] > 0.0).astype(np.float64),
            controls.loudness_db[0].astype(np.float64) - reference_loudness_db(controls),
        )


class EndFrames:
    """The frames inside the notes of one end's recordings.

    Args:
        recordings: Mono, at `SAMPLE_RATE`.
        name: Of the end, for messages.

    Attributes:
        recordings: As given.
        recording: Index into `recordings` of each frame.
        frame: Index within its recording, 10 ms each.
        f0_hz: Fundamental of each frame.

    Raises:
        InputError: No recording holds a steady pitch.
    """

    def __init__(self, recordings: list[Float[np.ndarray, " _sample"]], name: str) -> None:
        self.recordings = recordings
        members, frames, pitches, points = [], [], [], []
        for i, audio in enumerate(recordings):
            course = Course.of(analyse(audio.astype(np.float32)))
            steady = binary_erosion(course.is_voiced > 0.0, np.ones(2 * EDGE_FRAMES + 1))
            chosen = np.flatnonzero(steady)
            members.append(np.full(chosen.size, i))
            frames.append(chosen)
            pitches.append(course.f0_hz[chosen])
            points.append(_points(course.f0_hz[chosen], course.relative_db[chosen]))
        self.recording = np.concatenate(members)
        self.frame = np.concatenate(frames)
        self.f0_hz = np.concatenate(pitches)
        if self.frame.size == 0:
            raise InputError(f"no steady pitch was found in the references of {name}: give solo recordings")
        self._tree = cKDTree(np.concatenate(points))

    def nearest(self, course: Course) -> Int[np.ndarray, " frame"]:
        """Return, for each frame of a performance, the index of the frame played most like it."""
        return np.asarray(self._tree.query(_points(course.f0_hz, course.relative_db))[1])

    def by_recording(
        self, chosen: Int[np.ndarray, " chosen"]
    ) -> Iterator[tuple[Float[np.ndarray, " sample"], Int[np.ndarray, " some"]]]:
        """Go through the recordings of chosen frames: the sound, and which of `chosen` lie in it."""
        for i in np.unique(self.recording[chosen]):
            yield self.recordings[i], np.flatnonzero(self.recording[chosen] == i)


class ReferenceFrames:
    """Frames of both ends, measured when they are first asked for and kept.

    Args:
        references: Recordings by end, the end of mix 0 first. A few minutes an end, over its whole
            range, are plenty; measuring takes a fiftieth of their length.
    """

    def __init__(self, references: References) -> None:
        check_references(references)
        self._references: Mapping[str, list[Float[np.ndarray, " sample"]]] = {
            end: [
                mono_at(audio, sample_rate, SAMPLE_RATE).astype(np.float32)
                for audio, sample_rate in recordings
            ]
            for end, recordings in references.items()
        }
        self._ends: list[EndFrames] = []

    @property
    def ends(self) -> list[EndFrames]:
        """Frames of the end of mix 0, then of mix 1."""
        if not self._ends:
            self._ends = [EndFrames(recordings, end) for end, recordings in self._references.items()]
        return self._ends


class BorrowingTake(LevelledTake):
    """One performance; a subclass measures `mono` and plays it with frames of both ends' recordings.

    Attributes:
        mono: The performance at `SAMPLE_RATE`.
    """

    def __init__(
        self, audio: Float[np.ndarray, "... sample"], sample_rate: int, frames: ReferenceFrames
    ) -> None:
        super().__init__(audio, sample_rate)
        self._shape = audio.shape
        self.mono = resample(to_mono(ArraySource(audio, sample_rate)), sample_rate, SAMPLE_RATE)
        self.prepare(frames)

    @abstractmethod
    def prepare(self, frames: ReferenceFrames) -> None:
        """Measure the performance and find the frames that are played most like it."""

    @abstractmethod
    def play_mono(self, mix: float) -> Float[np.ndarray, " sample"]:
        """Play at a mix from 0 to 1: at `SAMPLE_RATE`, at any level, about as long as `mono`."""

    def play(self, mix: float) -> Float[np.ndarray, "... sample"]:
        """Play the performance in the recording's shape and rate."""
        played = self.play_mono(mix).astype(np.float32)
        mono = resample(played, SAMPLE_RATE, self._sample_rate)[: self._shape[-1]]
        mono = np.pad(mono, (0, self._shape[-1] - mono.size))
        return spread_over_channels(mono, self.measurement.channel_gains).reshape(self._shape)


class BorrowingBaseline:
    """Plays with frames that it borrows."""

    take_type: ClassVar[type[BorrowingTake]]

    def __init__(self, frames: ReferenceFrames) -> None:
        self._frames = frames

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> BorrowingTake:
        """Measure a performance and find its nearest frames."""
        return self.take_type(audio, sample_rate, self._frames)


def _points(
    f0_hz: Float[np.ndarray, " frame"], relative_db: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, "frame 2"]:
    return np.column_stack([hz_to_midi(f0_hz), relative_db / DB_PER_SEMITONE])
