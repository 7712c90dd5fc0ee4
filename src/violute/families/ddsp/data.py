"""Snippets of measured recordings, balanced over instruments and sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from violute.analysis.conditioning import conditioning
from violute.analysis.controls import Controls
from violute.analysis.onsets import pick_onsets
from violute.analysis.pitch_range import PitchRange
from violute.data.features import Features
from violute.data.joined import Joined
from violute.data.reverb_tails import reverberation_tails
from violute.data.sampling import WindowSampler, by_source
from violute.errors import TrainingError
from violute.rates import HOP_LENGTH

LOUD_PERCENTILE = 95
QUIETEST_DB = -45.0
"""Frames further below the loud notes of their source teach nothing but its room."""

LEVEL_JITTER_DB = 2.0
TRANSPOSED_SHARE = 0.15
TRANSPOSED_SEMITONES = 5.0


class Snippets(NamedTuple):
    """A batch of snippets of equal length."""

    features: Float[Tensor, "batch frame feature"]
    f0_hz: Float[Tensor, "batch frame"]
    harmonic_db: Float[Tensor, "batch frame harmonic"]
    noise_db: Float[Tensor, "batch frame band"]
    tail_db: Float[Tensor, "batch frame tail band"]
    is_reliable: Bool[Tensor, "batch frame"]
    end: Int[Tensor, " batch"]
    source: Int[Tensor, " batch"]
    highest_hz: Float[Tensor, "batch frame"]


@dataclass(frozen=True)
class Line:
    """All recordings of one source, end to end: levels relative to the loudness of the frame.

    The sound is there where the recordings' features carry it, `HOP_LENGTH` samples a frame.
    """

    name: str
    end: int
    source: int
    f0_hz: Float[np.ndarray, " frame"]
    relative_loudness_db: Float[np.ndarray, " frame"]
    onset_strength: Float[np.ndarray, " frame"]
    harmonic_db: Joined | np.ndarray
    noise_db: Joined | np.ndarray
    tail_db: Joined | np.ndarray
    is_reliable: Bool[np.ndarray, " frame"]
    highest_hz: Float[np.ndarray, " frame"]
    loudness_db: Float[np.ndarray, " frame"]
    audio: Joined | np.ndarray
    pitch_range: PitchRange

    @property
    def controls(self) -> Controls:
        """What a voice is given of it: pitched where the pitch is sure enough to learn from."""
        return Controls(
            self.f0_hz[None],
            self.is_reliable[None].astype(np.float32),
            self.loudness_db[None],
            self.onset_strength,
        )


def lines_of(features: Sequence[Features], end: int, first_source: int) -> list[Line]:
    """Join the recordings of each source into one line, sources numbered from `first_source`.

    Raises:
        TrainingError: No recording has a steady pitch.
    """
    sources = by_source([item for item in features if item.is_reliable.any()])
    if not sources:
        raise TrainingError(
            "no recording has a steady pitch: give recordings of one instrument, one note at a time"
        )
    return [
        _line(name, members, end, first_source + i)
        for i, (name, members) in enumerate(sorted(sources.items()))
    ]


def draw(
    lines: Sequence[Line], n_frames: int, batch_size: int, rng: np.random.Generator, *, augment: bool
) -> Snippets:
    """Draw snippets: both ends equally often, short sources more often than their length earns."""
    sampler = sampler_of(lines)
    places = [choose(sampler, i, n_frames, rng) for i in range(batch_size)]
    return snippets_at(places, n_frames, rng=rng if augment else None)


def sampler_of(lines: Sequence[Line]) -> WindowSampler[Line]:
    """Return what draws from lines, each of which is a source of its own."""
    return WindowSampler(lines, [line.source for line in lines], [len(line.f0_hz) for line in lines])


def choose(sampler: WindowSampler[Line], i: int, n_frames: int, rng: np.random.Generator) -> tuple[Line, int]:
    """Choose a line for item `i` of a batch, and a first frame, which is 0 in a line that is too short."""
    line, start = sampler.place(i, n_frames, rng)
    return line, max(start, 0)


def snippets_at(
    places: Sequence[tuple[Line, int]], n_frames: int, *, rng: np.random.Generator | None
) -> Snippets:
    """Cut snippets at places, augmented by `rng` where it is given."""
    items = [_snippet(line, start, n_frames, rng) for line, start in places]
    return Snippets(*(torch.from_numpy(np.stack(column)) for column in zip(*items, strict=True)))


def _line(name: str, members: Sequence[Features], end: int, source: int) -> Line:
    loudness_db = np.concatenate([m.controls.loudness_db[0] for m in members])
    is_reliable = np.concatenate([m.is_reliable for m in members])
    relative_db = loudness_db - np.percentile(loudness_db[is_reliable], LOUD_PERCENTILE)
    return Line(
        name=name,
        end=end,
        source=source,
        f0_hz=np.concatenate([m.controls.f0_hz[0] for m in members]),
        relative_loudness_db=relative_db.astype(np.float32),
        onset_strength=np.concatenate([m.controls.onset_strength for m in members]),
        harmonic_db=Joined([m.harmonic_db for m in members], loudness_db),
        noise_db=Joined([m.noise_db for m in members], loudness_db),
        tail_db=Joined([_tails(m) for m in members], loudness_db),
        is_reliable=is_reliable & (relative_db > QUIETEST_DB),
        highest_hz=np.concatenate(
            [np.full(m.controls.n_frames, m.highest_hz, dtype=np.float32) for m in members]
        ),
        loudness_db=loudness_db,
        audio=Joined([piece for m in members for piece in _whole_frames(m)]),
        pitch_range=members[0].pitch_range,
    )


def _tails(features: Features) -> Float[np.ndarray, "frame tail band"]:
    """Reverberation that may lie beneath the measured noise; pitches that are not sure excite it too."""
    if features.tail_db is not None:
        return features.tail_db
    sounding_hz = np.maximum(features.controls.f0_hz[0], features.pitch_range.lowest_hz)
    return reverberation_tails(sounding_hz, features.harmonic_db)


def _whole_frames(features: Features) -> list[Float[np.ndarray, " sample"]]:
    """The sound and what it lacks to its last frame; empty where the features carry none."""
    if features.audio is None:
        return [np.zeros(0, dtype=np.float32)]
    n_samples = features.controls.n_frames * HOP_LENGTH
    return [features.audio[:n_samples], np.zeros(max(n_samples - len(features.audio), 0), dtype=np.float32)]


def _snippet(line: Line, start: int, n_frames: int, rng: np.random.Generator | None) -> tuple[Any, ...]:
    chosen = slice(start, start + n_frames)

    def cut(track: np.ndarray | Joined) -> np.ndarray:
        piece = track[chosen]
        short = n_frames - len(piece)
        return np.pad(piece, ((0, short),) + ((0, 0),) * (piece.ndim - 1), mode="edge") if short else piece

    f0_hz = np.maximum(cut(line.f0_hz), 1.0)
    loudness_db = cut(line.relative_loudness_db)
    if rng is not None:
        loudness_db = loudness_db + rng.uniform(-LEVEL_JITTER_DB, LEVEL_JITTER_DB)
        if rng.random() < TRANSPOSED_SHARE:
            # Beyond an instrument's range its harmonics are taken to keep their order.
            f0_hz = f0_hz * 2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0)
    is_reliable = cut(line.is_reliable)
    if len(line.f0_hz) < n_frames:
        is_reliable = is_reliable & (np.arange(n_frames) < len(line.f0_hz))
    features = conditioning(
        f0_hz,
        loudness_db,
        pick_onsets(cut(line.onset_strength)),
        frame_rate_hz=100.0,
        pitch_range=line.pitch_range,
    )
    return (
        features,
        f0_hz.astype(np.float32),
        cut(line.harmonic_db).astype(np.float32),
        cut(line.noise_db).astype(np.float32),
        cut(line.tail_db).astype(np.float32),
        is_reliable,
        np.int64(line.end),
        np.int64(line.source),
        cut(line.highest_hz),
    )
