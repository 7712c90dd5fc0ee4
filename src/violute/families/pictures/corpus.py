"""Windows of spectrograms to learn from, balanced over instruments and sources.

Every recording is one long picture, made once by the transform that conversion uses and kept as
half-precision numbers on disk, frame by frame, so that a window may begin at any frame and a corpus
may be larger than memory. What `violute prepare` cut already is a line a picture (`spectrogram_prepared`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int, UInt16
from torch import Tensor

from violute.data.features import highest_recorded_hz
from violute.data.pictures.store import from_16_bits
from violute.data.recordings import Recording, read_recording
from violute.families.ddsp.data import VALIDATION_SHARE
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK, SpectrogramSettings, normalise, stft

PICTURE_VERSION = 1
"""Part of the cache's key: raised when the measurement changes."""

SOURCE_BALANCE = 0.75
"""Exponent on the length of a source: 1 draws by length, 0 draws every source equally."""

QUIETEST_MEAN = 0.005
"""A window whose mean lies below holds a rest; another one is drawn."""

N_ATTEMPTS = 8
LEVEL_RANGE_DB = (-9.0, 3.0)
TRANSPOSED_SEMITONES = 1.0


@dataclass(frozen=True)
class PictureLine:
    """One recording as a picture, or a picture cut from one.

    Attributes:
        name: Of the recording.
        source: Player, room and microphone that it shares with others.
        end: Which instrument plays: 0 or 1.
        picture: Normalised magnitudes, one row a frame; 16-bit whole numbers as a store keeps them.
        highest_hz: Nothing above it was recorded (a codec cut it off).
        seconds: Of sound that no line before it holds; None is that of every frame.
    """

    name: str
    source: str
    end: int
    picture: Float16[np.ndarray, "frame bin"] | UInt16[np.ndarray, "frame bin"]
    highest_hz: float
    seconds: float | None = None


class HasSource(Protocol):
    """What shares a player, a room and a microphone with others."""

    @property
    def source(self) -> str:
        """Whose name says with which."""
        ...


Sourced = TypeVar("Sourced", bound=HasSource)


class Windows(NamedTuple):
    """A batch of windows.

    `heard` is 1 for bins that the recording holds and 0 for those that a codec cut off.
    """

    spectrogram: Float[Tensor, "window bin frame"]
    heard: Float[Tensor, "window bin 1"]
    end: Int[Tensor, " window"]


def picture_lines(
    recordings: Sequence[Recording],
    end: int,
    settings: SpectrogramSettings,
    cache: Path,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> list[PictureLine]:
    """Turn recordings into pictures, or open what `cache` already holds.

    Args:
        recordings: In the order of the result.
        end: Which instrument plays: 0 or 1.
        settings: Of the transform.
        cache: Folder for the pictures; made if missing.
        on_progress: Called with the share done.

    Raises:
        AudioError: A recording cannot be read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lines = []
    for i, recording in enumerate(recordings):
        path = cache / f"{_key(recording, settings)}.npy"
        if not path.is_file():
            _write(recording, settings, path)
        highest_hz = float(json.loads(path.with_suffix(".json").read_text())["highest_hz"])
        picture = np.load(path, mmap_mode="r")
        lines.append(PictureLine(recording.name, recording.source, end, picture, highest_hz))
        if on_progress is not None:
            on_progress((i + 1) / len(recordings))
    return lines


def split(lines: Sequence[Sourced]) -> tuple[list[Sourced], list[Sourced]]:
    """Keep one recording in `VALIDATION_SHARE` of each large source for validation."""
    by_source: dict[str, list[Sourced]] = {}
    for line in lines:
        by_source.setdefault(line.source, []).append(line)
    kept: list[Sourced] = []
    validation: list[Sourced] = []
    for members in by_source.values():
        for i, line in enumerate(members):
            is_held = len(members) >= VALIDATION_SHARE and i % VALIDATION_SHARE == VALIDATION_SHARE // 2
            (validation if is_held else kept).append(line)
    return kept, validation


def source_chances(sources: Sequence[str], lengths: Sequence[int]) -> Float[np.ndarray, " line"]:
    """Return the chance of each line: by its length within a source, by `SOURCE_BALANCE` between them.

    Args:
        sources: Of each line.
        lengths: Of each line, in any unit.
    """
    own = np.array(lengths, dtype=np.float64)
    totals: dict[str, float] = {}
    for source, length in zip(sources, own, strict=True):
        totals[source] = totals.get(source, 0.0) + length
    weights = own * np.array([totals[source] ** (SOURCE_BALANCE - 1.0) for source in sources])
    return weights / weights.sum()


def draw(
    lines: Sequence[PictureLine],
    settings: SpectrogramSettings,
    batch_size: int,
    rng: np.random.Generator,
    *,
    augment: bool,
) -> Windows:
    """Draw windows: both ends equally often, short sources more often than their length earns.

    Args:
        lines: Of both ends.
        settings: Of the transform.
        batch_size: Windows.
        rng: All chance comes from it.
        augment: Whether to transpose and change the level a little.
    """
    ends = [[line for line in lines if line.end == end] for end in sorted({line.end for line in lines})]
    chances = [
        source_chances([line.source for line in members], [len(line.picture) for line in members])
        for members in ends
    ]
    pictures, limits_hz, played = [], [], []
    for i in range(batch_size):
        members, weights = ends[i % len(ends)], chances[i % len(ends)]
        for _ in range(N_ATTEMPTS):
            line = members[rng.choice(len(members), p=weights)]
            picture = window_at(line, _start(line, settings.n_frames, rng), settings.n_frames)
            if picture.mean() >= QUIETEST_MEAN:
                break
        limit_hz = line.highest_hz
        if augment:
            ratio = float(2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0))
            picture = louder(transposed(picture, ratio), float(rng.uniform(*LEVEL_RANGE_DB)), settings)
            limit_hz *= min(ratio, 1.0)
        pictures.append(picture)
        limits_hz.append(limit_hz)
        played.append(line.end)
    bin_hz = settings.sample_rate / settings.n_fft
    heard = np.arange(settings.n_bins) * bin_hz < np.array(limits_hz)[:, None]
    return Windows(
        torch.from_numpy(np.stack(pictures)),
        torch.from_numpy(heard.astype(np.float32)).unsqueeze(2),
        torch.tensor(played),
    )


def window_at(line: PictureLine, start: int, n_frames: int) -> Float32[np.ndarray, "bin frame"]:
    """Cut a window; what lies outside of the recording is silent."""
    stop = start + n_frames
    inside = line.picture[max(start, 0) : max(stop, 0)]
    before = min(max(-start, 0), n_frames)
    padded = np.pad(inside, ((before, n_frames - before - len(inside)), (0, 0)))
    if padded.dtype == np.uint16:
        return from_16_bits(np.ascontiguousarray(padded.T))
    return np.ascontiguousarray(padded.T, dtype=np.float32)


def transposed(picture: Float32[np.ndarray, "bin frame"], ratio: float) -> Float32[np.ndarray, "bin frame"]:
    """Stretch a window in frequency, by straight lines between bins; what comes from above is silent."""
    n_bins = len(picture)
    position = np.arange(n_bins) / ratio
    low = np.minimum(position.astype(np.int64), n_bins - 1)
    high = np.minimum(low + 1, n_bins - 1)
    part = (position - low)[:, None].astype(np.float32)
    stretched = picture[low] * (1.0 - part) + picture[high] * part
    stretched[position > n_bins - 1] = 0.0
    return stretched


def louder(
    picture: Float32[np.ndarray, "bin frame"], gain_db: float, settings: SpectrogramSettings
) -> Float32[np.ndarray, "bin frame"]:
    """Apply a gain to a window's magnitudes on the scale of `normalise`, bins kept as they are."""
    full = settings.log_range
    gain = np.float32(10.0 ** (gain_db / 20.0))
    return np.minimum(
        np.log1p(gain * np.expm1(picture * np.float32(full))) / np.float32(full), np.float32(1.0)
    )


def _start(line: PictureLine, n_frames: int, rng: np.random.Generator) -> int:
    """Choose a first frame: anywhere in a long recording, or so that a short one lies inside."""
    slack = len(line.picture) - n_frames
    return int(rng.integers(min(slack, 0), max(slack, 0) + 1))


def _key(recording: Recording, settings: SpectrogramSettings) -> str:
    stat = recording.path.stat()
    key = f"{PICTURE_VERSION}:{recording}:{settings}:{stat.st_size}:{stat.st_mtime_ns}"
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _write(recording: Recording, settings: SpectrogramSettings, path: Path) -> None:
    """Measure a recording; the picture appears under its name last, and whole."""
    audio = read_recording(recording, settings.sample_rate, peak=PEAK)
    picture = normalise(np.abs(stft(audio, settings)), settings)
    is_full_rate = settings.sample_rate == SAMPLE_RATE
    highest_hz = highest_recorded_hz(audio) if is_full_rate else settings.sample_rate / 2.0
    path.with_suffix(".json").write_text(json.dumps({"highest_hz": highest_hz}))
    partial = path.with_suffix(".part.npy")
    np.save(partial, np.ascontiguousarray(picture.T, dtype=np.float16))
    partial.replace(path)
