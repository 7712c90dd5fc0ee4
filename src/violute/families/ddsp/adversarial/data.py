"""What the critics compare: recordings of an end, and the same end asked to play them and other pieces.

Each item of a batch is a window of a recording, the controls of that very window, and those of a window of
the other instrument, adapted as at conversion. The latter is chosen near the former in pitch, since a critic
that could tell the two by what is played would never listen to how it sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from violute.analysis.controls import SILENCE_DB
from violute.families.ddsp.adaptation import EndFrames
from violute.families.ddsp.data import Line, choose, sampler_of
from violute.families.ddsp.network import DdspConfig
from violute.families.ddsp.settings import VoiceSettings
from violute.families.ddsp.sound import LEAST_RELIABLE_SHARE, N_TRIES
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.rates import HOP_LENGTH

N_CANDIDATES = 8
"""Windows of the other instrument of which the one that is nearest in pitch is taken."""


class Asked(NamedTuple):
    """What ends are asked to play; the copies of the recordings first, conversions after them.

    Attributes:
        features: Conditioning.
        f0_hz: Fundamental that the network reads.
        sounding_hz: Fundamental of the sound.
        wanted_db: Loudness.
        gate: Gain of the harmonics.
        wavering: Factor on the square root of each partial's amplitude.
        end: Who plays.
        source: In whose room.
    """

    features: Float[Tensor, "item frame feature"]
    f0_hz: Float[Tensor, "item frame"]
    sounding_hz: Float[Tensor, "item frame"]
    wanted_db: Float[Tensor, "item frame"]
    gate: Float[Tensor, "item frame"]
    wavering: Float[Tensor, "item frame harmonic"]
    end: Int[Tensor, " item"]
    source: Int[Tensor, " item"]


class Compared(NamedTuple):
    """A batch.

    Attributes:
        audio: Of recordings.
        highest_hz: Nothing above it was recorded.
        asked: Copies of these recordings, then as many conversions to their ends.
    """

    audio: Float[Tensor, "item sample"]
    highest_hz: Float[Tensor, " item"]
    asked: Asked


@dataclass(frozen=True)
class PlayedLine:
    """A line, and what each end is given of it."""

    line: Line
    ends: tuple[EndFrames, EndFrames]


def played_line(voice: HarmonicVoice, line: Line) -> PlayedLine:
    """Prepare a line: its own end plays it as it was learned, the other as at conversion."""
    controls = line.controls
    own = HarmonicPerformance(
        voice.session, voice.settings, controls, end_loudness_db=[line.relative_loudness_db] * 2
    )
    converted = HarmonicPerformance(voice.session, voice.settings, controls)
    ends = [
        own.end_frames(end, vibrato=None)
        if end == line.end
        else converted.end_frames(end, vibrato=float(end))
        for end in (0, 1)
    ]
    return PlayedLine(line, (ends[0], ends[1]))


class ComparedSampler:
    """Draws batches.

    Args:
        lines: Of both ends, prepared.
        settings: Of the voice that plays.
        n_frames: Length of a window.
    """

    def __init__(self, lines: Sequence[PlayedLine], settings: VoiceSettings, n_frames: int) -> None:
        self._settings, self._n_frames = settings, n_frames
        self._played = {id(one.line): one for one in lines}
        self._sampler = sampler_of([one.line for one in lines])

    def draw(self, batch_size: int, rng: np.random.Generator) -> Compared:
        """Draw windows of both ends equally often, and for each a window of the other near it in pitch."""
        own = [self._sounding(i, rng) for i in range(batch_size)]
        other = []
        for i, place in enumerate(own):
            candidates = [self._sounding(i + 1, rng) for _ in range(N_CANDIDATES)]
            wanted = self._octaves(*place)
            other.append(min(candidates, key=lambda one: abs(self._octaves(*one) - wanted)))
        asked = [self._asked(line, start, line) for line, start in own]
        asked += [
            self._asked(line, start, wanted) for (line, start), (wanted, _) in zip(other, own, strict=True)
        ]
        n_samples = self._n_frames * HOP_LENGTH
        audio = np.zeros((batch_size, n_samples), np.float32)
        for i, (line, start) in enumerate(own):
            piece = line.audio[start * HOP_LENGTH :][:n_samples]
            audio[i, : len(piece)] = piece
        highest_hz = np.array([line.highest_hz[start] for line, start in own], np.float32)
        columns = (torch.from_numpy(np.stack(column)) for column in zip(*asked, strict=True))
        return Compared(torch.from_numpy(audio), torch.from_numpy(highest_hz), Asked(*columns))

    def _sounding(self, i: int, rng: np.random.Generator) -> tuple[Line, int]:
        """Choose a window of end `i % 2` most frames of which have a sure pitch, if there is one."""
        for _ in range(N_TRIES):
            line, start = choose(self._sampler, i, self._n_frames, rng)
            if line.is_reliable[start : start + self._n_frames].mean() >= LEAST_RELIABLE_SHARE:
                break
        return line, start

    def _octaves(self, line: Line, start: int) -> float:
        """Median pitch of a window in octaves."""
        window = slice(start, start + self._n_frames)
        sure = line.f0_hz[window][line.is_reliable[window]]
        return float(np.log2(np.median(sure))) if len(sure) else 0.0

    def _asked(self, line: Line, start: int, wanted: Line) -> tuple[np.ndarray | np.int64, ...]:
        """Return a window of a line as the end of `wanted` is asked to play it, in the room of `wanted`."""
        frames = self._played[id(line)].ends[wanted.end]
        points = np.minimum(np.arange(start, start + self._n_frames), len(line.f0_hz) - 1)
        is_over = np.arange(start, start + self._n_frames) >= len(line.f0_hz)
        wavering = self._settings.wavering(
            points, frames.f0_hz[points], frames.still_hz[points], DdspConfig().n_harmonics
        )
        return (
            frames.features[points],
            frames.f0_hz[points],
            frames.sounding_hz[points],
            np.where(is_over, np.float32(SILENCE_DB), frames.wanted_db[points]),
            frames.gate[points],
            wavering[wanted.end].astype(np.float32),
            np.int64(wanted.end),
            np.int64(wanted.source),
        )
