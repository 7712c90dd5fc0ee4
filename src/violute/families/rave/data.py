"""Windows of sound to learn from, balanced over instruments and sources, and what their encoder hears.

Every recording is read once at 44.1 kHz in mono, levelled, and kept on disk as 16-bit numbers, so that a
window may begin anywhere and a corpus may be larger than memory.

What the encoder hears is not quite what the decoder is to make: a random smooth equaliser changes it, drawn
anew for each window. Which colour a sound has then tells nothing of the instrument, so the decoder learns to
take it from the embedding.

Source:
    Choi et al., Neural analysis and synthesis (NeurIPS 2021), section 3.1, for perturbing what an encoder
    hears so that it keeps what is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Float, Float32, Int, Int16
from torch import Tensor

from violute.data.features import highest_recorded_hz
from violute.data.recordings import Recording, read_recording
from violute.families.pictures.corpus import N_ATTEMPTS, source_chances
from violute.families.rave.perturbation import disguised
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK

SOUND_VERSION = 1
"""Part of the cache's key: raised when what is kept changes."""

FULL_SCALE = 32_767
QUIETEST_RMS = 0.003
"""A window whose RMS lies below holds a rest; another one is drawn."""

LEVEL_RANGE_DB = (-12.0, 3.0)
TRANSPOSED_SEMITONES = 2.0

DUET_SHARE, DUET_RANGE_DB = 0.3, (-9.0, 0.0)
"""How often a window is two of the same instrument at once, and how loud the second is beside the first."""


@dataclass(frozen=True)
class SoundLine:
    """One recording.

    Attributes:
        name: Of the recording.
        source: Player, room and microphone that it shares with others.
        end: Which instrument plays: 0 or 1.
        audio: 16-bit, at 44.1 kHz.
        highest_hz: Nothing above it was recorded (a codec cut it off).
    """

    name: str
    source: str
    end: int
    audio: Int16[np.ndarray, " sample"]
    highest_hz: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE


class SoundWindows(NamedTuple):
    """A batch of windows: what is to be made, what the encoder hears of it, and who plays."""

    audio: Float[Tensor, "window sample"]
    heard: Float[Tensor, "window sample"]
    end: Int[Tensor, " window"]
    highest_hz: Float[Tensor, " window"]


def sound_lines(
    recordings: Sequence[Recording],
    end: int,
    cache: Path,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> list[SoundLine]:
    """Read recordings, or open what `cache` already holds; those that are silent are left out.

    Args:
        recordings: In the order of the result.
        end: Which instrument plays: 0 or 1.
        cache: Folder for the sounds; made if missing.
        on_progress: Called with the share done.

    Raises:
        AudioError: A recording cannot be read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lines = []
    for i, recording in enumerate(recordings):
        path = cache / f"{_key(recording)}.npy"
        if not path.is_file():
            _write(recording, path)
        highest_hz = float(json.loads(path.with_suffix(".json").read_text())["highest_hz"])
        audio = np.load(path, mmap_mode="r")
        if np.abs(audio).max(initial=0) > 0:
            lines.append(SoundLine(recording.name, recording.source, end, audio, highest_hz))
        if on_progress is not None:
            on_progress((i + 1) / len(recordings))
    return lines


def draw(
    lines: Sequence[SoundLine], n_samples: int, batch_size: int, rng: np.random.Generator, *, augment: bool
) -> SoundWindows:
    """Draw windows: both ends equally often, short sources more often than their length earns.

    Args:
        lines: Of both ends.
        n_samples: Of a window.
        batch_size: Windows.
        rng: All chance comes from it.
        augment: Whether to transpose, to change the level, and to change the colour of what is heard.
    """
    ends = [[line for line in lines if line.end == end] for end in sorted({line.end for line in lines})]
    chances = [
        source_chances([line.source for line in members], [len(line.audio) for line in members])
        for members in ends
    ]
    windows, played, limits_hz = [], [], []
    for i in range(batch_size):
        members, weights = ends[i % len(ends)], chances[i % len(ends)]
        window, limit_hz = _window(members, weights, n_samples, rng, augment=augment)
        if augment and rng.random() < DUET_SHARE:
            second, second_limit_hz = _window(members, weights, n_samples, rng, augment=True)
            gain = np.sqrt(np.square(window).mean() / max(np.square(second).mean(), 1e-12))
            window = window + np.float32(gain * 10.0 ** (rng.uniform(*DUET_RANGE_DB) / 20.0)) * second
            limit_hz = min(limit_hz, second_limit_hz)
        if augment:
            window = window * np.float32(10.0 ** (rng.uniform(*LEVEL_RANGE_DB) / 20.0))
        windows.append(window)
        played.append(members[0].end)
        limits_hz.append(limit_hz)
    audio = np.stack(windows).astype(np.float32)
    return SoundWindows(
        torch.from_numpy(audio),
        torch.from_numpy(disguised(audio, rng)) if augment else torch.from_numpy(audio),
        torch.tensor(played),
        torch.tensor(limits_hz, dtype=torch.float32),
    )


def _window(
    lines: Sequence[SoundLine],
    chances: Float[np.ndarray, " line"],
    n_samples: int,
    rng: np.random.Generator,
    *,
    augment: bool,
) -> tuple[Float32[np.ndarray, " sample"], float]:
    """Draw a window that isn't a rest, perhaps transposed, and the highest frequency that it holds."""
    semitones = float(rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES)) if augment else 0.0
    ratio = 2.0 ** (semitones / 12.0)
    n_read = round(n_samples * ratio)
    for _ in range(N_ATTEMPTS):
        line = lines[rng.choice(len(lines), p=chances)]
        slack = len(line.audio) - n_read
        window = window_at(line, int(rng.integers(min(slack, 0), max(slack, 0) + 1)), n_read)
        if np.sqrt(np.mean(np.square(window))) >= QUIETEST_RMS:
            break
    if not augment:
        return window, line.highest_hz
    window = soxr.resample(window, n_read, n_samples, quality="MQ")[:n_samples]
    window = np.pad(window, (0, n_samples - len(window)))
    return window, line.highest_hz * min(ratio, 1.0)


def window_at(line: SoundLine, start: int, n_samples: int) -> Float32[np.ndarray, " sample"]:
    """Cut a window; what lies outside of the recording is silent."""
    stop = start + n_samples
    inside = line.audio[max(start, 0) : max(stop, 0)].astype(np.float32) / np.float32(FULL_SCALE)
    before = min(max(-start, 0), n_samples)
    return np.pad(inside, (before, n_samples - before - len(inside)))


def _key(recording: Recording) -> str:
    stat = recording.path.stat()
    key = f"{SOUND_VERSION}:{recording}:{stat.st_size}:{stat.st_mtime_ns}"
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _write(recording: Recording, path: Path) -> None:
    """Read a recording; its sound appears under its name last, and whole."""
    audio = read_recording(recording, SAMPLE_RATE, peak=PEAK)
    path.with_suffix(".json").write_text(json.dumps({"highest_hz": highest_recorded_hz(audio)}))
    partial = path.with_suffix(".part.npy")
    np.save(partial, np.rint(audio * FULL_SCALE).astype(np.int16))
    partial.replace(path)
