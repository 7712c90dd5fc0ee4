"""Windows of sound to learn from, balanced over instruments and sources, and what their encoder hears.

Every recording is read once at 44.1 kHz in mono, levelled, and kept on disk as 16-bit numbers, so that a
window may begin anywhere and a corpus may be larger than memory.

What the encoder hears is not quite what the decoder is to make: see `violute.families.rave.perturbation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Float, Float32, Int, Int16
from torch import Tensor

from violute.data.features import highest_recorded_hz
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.families.rave.perturbation import perturbed
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK

SOUND_VERSION = 2
"""Part of the cache's key: raised when what is kept changes."""

FULL_SCALE = 32_767
QUIETEST_RMS = 0.003
"""A window whose RMS lies below holds a rest; another one is drawn."""

LEVEL_RANGE_DB = (-12.0, 3.0)
TRANSPOSED_SEMITONES = 2.0

DUET_SHARE, DUET_RANGE_DB = 0.3, (-9.0, 0.0)
"""How often a window is two of the same instrument at once, and how loud the second is beside the first."""


@dataclass(frozen=True)
class SoundLine(Material):
    """One recording.

    Attributes:
        audio: 16-bit, at 44.1 kHz.
        highest_hz: Nothing above it was recorded (a codec cut it off).
    """

    audio: Int16[np.ndarray, " sample"]
    highest_hz: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE


class SoundWindows(NamedTuple):
    """A batch of windows: what is to be made, what the encoder hears of it, and who plays."""

    audio: Float[Tensor, "window sample"]
    encoder_input: Float[Tensor, "window sample"]
    end: Int[Tensor, " window"]
    highest_hz: Float[Tensor, " window"]


def draw(
    lines: Sequence[SoundLine], n_samples: int, batch_size: int, rng: np.random.Generator, *, augment: bool
) -> SoundWindows:
    """Draw windows: both ends equally often, short sources more often than their length earns.

    To augment is to transpose, to change the level, and to change the timbre of the encoder input.
    """
    sampler = WindowSampler(lines, [line.source for line in lines], [len(line.audio) for line in lines])
    windows, played, limits_hz = [], [], []
    for i in range(batch_size):
        window, line, limit_hz = _window(sampler, i, n_samples, rng, augment=augment)
        if augment and rng.random() < DUET_SHARE:
            second, _, second_limit_hz = _window(sampler, i, n_samples, rng, augment=True)
            gain = np.sqrt(np.square(window).mean() / max(np.square(second).mean(), 1e-12))
            window = window + np.float32(gain * 10.0 ** (rng.uniform(*DUET_RANGE_DB) / 20.0)) * second
            limit_hz = min(limit_hz, second_limit_hz)
        if augment:
            window = window * np.float32(10.0 ** (rng.uniform(*LEVEL_RANGE_DB) / 20.0))
        windows.append(window)
        played.append(line.end)
        limits_hz.append(limit_hz)
    audio = np.stack(windows).astype(np.float32)
    return SoundWindows(
        torch.from_numpy(audio),
        torch.from_numpy(perturbed(audio, rng)) if augment else torch.from_numpy(audio),
        torch.tensor(played),
        torch.tensor(limits_hz, dtype=torch.float32),
    )


def _window(
    sampler: WindowSampler[SoundLine], i: int, n_samples: int, rng: np.random.Generator, *, augment: bool
) -> tuple[Float32[np.ndarray, " sample"], SoundLine, float]:
    """Draw a window that isn't a rest, perhaps transposed, and the highest frequency that it holds."""
    semitones = float(rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES)) if augment else 0.0
    ratio = 2.0 ** (semitones / 12.0)
    n_read = round(n_samples * ratio)
    line, _, window = sampler.window(i, n_read, rng, window_at, _is_rest)
    if not augment:
        return window, line, line.highest_hz
    window = soxr.resample(window, n_read, n_samples, quality="MQ")[:n_samples]
    return window_of(window, 0, n_samples), line, line.highest_hz * min(ratio, 1.0)


def _is_rest(window: Float32[np.ndarray, " sample"]) -> bool:
    return bool(np.sqrt(np.mean(np.square(window))) < QUIETEST_RMS)


def window_at(line: SoundLine, start: int, n_samples: int) -> Float32[np.ndarray, " sample"]:
    """Cut a window; what lies outside of the recording is silent."""
    return window_of(line.audio, start, n_samples).astype(np.float32) / np.float32(FULL_SCALE)


def _measure(recording: Recording) -> dict[str, np.ndarray]:
    audio = read_recording(recording, SAMPLE_RATE, peak=PEAK)
    return {
        "audio": np.rint(audio * FULL_SCALE).astype(np.int16),
        "highest_hz": np.array(highest_recorded_hz(audio)),
    }


sound_lines = partial(read_material, SoundLine, measure=_measure, version=f"sound {SOUND_VERSION}")
"""Reads recordings of one end, or opens what a cache already holds."""
