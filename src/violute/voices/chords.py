"""Several voices as one performance: the same network plays each, and the sound is their sum.

Voices are told apart by `analysis.polyphony.chords`. The loudness of a frame was divided among them by power,
and the phases of their partials have nothing to do with each other, so the sum is as loud as the recording. A
voice that rests costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.conditioning import pitch_changes
from violute.analysis.controls import Controls
from violute.synthesis.room import Room
from violute.voices.contract import Performance
from violute.voices.mix import Dials

NEAR_ONSET_FRAMES = 6
"""An onset within 60 ms of a voice's new note is that voice's own."""


class ChordPerformance:
    """One performance of several voices, ready to be rendered at any mix.

    Args:
        voices: One performance of each voice, all of the same frames and rate.
    """

    def __init__(self, voices: Sequence[Performance]) -> None:
        self._voices = voices
        self.sample_rate = voices[0].sample_rate

    @property
    def n_voices(self) -> int:
        """Number of voices."""
        return len(self._voices)

    @property
    def n_frames(self) -> int:
        """Frames of the dials that `blocks` expects."""
        return self._voices[0].n_frames

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second."""
        return self._voices[0].frame_rate_hz

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know: nothing, since chords were found."""
        return ()

    def blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise all voices at the dials and put them into one room."""
        size = float(dials.room.max(initial=0.0))
        room = Room(size) if size > 0.0 else None
        dry = replace(dials, room=np.zeros_like(dials.room))
        start = 0
        for parts in zip(*(voice.blocks(dry) for voice in self._voices), strict=True):
            audio = np.asarray(np.sum(parts, axis=0), np.float32)
            if room is None:
                yield audio
                continue
            stop = start + round(len(audio) * self.frame_rate_hz / self.sample_rate)
            points = np.minimum(np.arange(start, stop + 1), self.n_frames - 1)
            yield room.block(audio, dials.room[points])
            start = stop


def separate_voices(controls: Controls) -> list[Controls]:
    """Return each voice by itself, with the onsets of its own notes.

    Strength that belongs to a new note of another voice is taken from those that hold theirs; where no voice
    begins a note, all of them were bowed or tongued anew.
    """
    begins = np.stack([_near_beginnings(controls, voice) for voice in range(controls.n_voices)])
    nobody = ~begins.any(axis=0)
    return [
        Controls(
            controls.f0_hz[i : i + 1],
            controls.periodicity[i : i + 1],
            controls.loudness_db[i : i + 1],
            np.where(begins[i] | nobody, controls.onset_strength, 0.0).astype(np.float32),
            controls.frame_rate_hz,
        )
        for i in range(controls.n_voices)
    ]


def _near_beginnings(controls: Controls, voice: int) -> Bool[np.ndarray, " frame"]:
    """Frames about which a voice begins a note."""
    is_voiced = controls.periodicity[voice] > 0.0
    begins = is_voiced & (np.diff(is_voiced, prepend=False) | pitch_changes(controls.f0_hz[voice]))
    kernel = np.ones(2 * NEAR_ONSET_FRAMES + 1)
    return np.asarray(np.convolve(begins, kernel, mode="full")[NEAR_ONSET_FRAMES:][: len(begins)] > 0.0)
