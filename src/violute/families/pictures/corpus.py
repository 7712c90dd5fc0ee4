"""Windows of spectrograms to learn from, balanced over instruments and sources.

Every recording is one long picture, made once by the transform that conversion uses and kept as
half-precision numbers on disk, frame by frame, so that a window may begin at any frame and a corpus
may be larger than memory. What `violute prepare` cut already is a line a picture (`prepared.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int, UInt16
from torch import Tensor

from violute.data.features import highest_recorded_hz
from violute.data.pictures.store import from_16_bits
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK, SpectrogramSettings, normalise, stft

PICTURE_VERSION = 2
"""Part of the cache's key: raised when the measurement changes."""

QUIETEST_MEAN = 0.005
"""A window whose mean lies below holds a rest; another one is drawn."""

LEVEL_RANGE_DB = (-9.0, 3.0)
TRANSPOSED_SEMITONES = 1.0


@dataclass(frozen=True)
class PictureLine(Material):
    """One recording as a picture, or a picture cut from one.

    Attributes:
        picture: Normalised magnitudes, one row a frame; 16-bit whole numbers as a store keeps them.
        highest_hz: Nothing above it was recorded (a codec cut it off).
        seconds: Of sound that no line before it holds; None is that of every frame.
    """

    picture: Float16[np.ndarray, "frame bin"] | UInt16[np.ndarray, "frame bin"]
    highest_hz: float
    seconds: float | None = None


class Windows(NamedTuple):
    """A batch of windows.

    `is_recorded` is 1 for bins that the recording holds and 0 for those that a codec cut off.
    """

    spectrogram: Float[Tensor, "window bin frame"]
    is_recorded: Float[Tensor, "window bin 1"]
    end: Int[Tensor, " window"]


def picture_lines(
    recordings: Sequence[Recording],
    end: int,
    settings: SpectrogramSettings,
    cache: Path,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> list[PictureLine]:
    """Turn recordings of one end into pictures, or open what `cache` already holds; see `read_material`."""
    version, measure = f"picture {PICTURE_VERSION} {settings}", partial(_measure, settings)
    return read_material(
        PictureLine, recordings, end, cache, measure, version=version, on_progress=on_progress
    )


def draw(
    lines: Sequence[PictureLine],
    settings: SpectrogramSettings,
    batch_size: int,
    rng: np.random.Generator,
    *,
    augment: bool,
) -> Windows:
    """Draw windows: both ends equally often, short sources more often than their length earns.

    To augment is to transpose and to change the level a little.
    """
    sampler = WindowSampler(lines, [line.source for line in lines], [len(line.picture) for line in lines])
    pictures, limits_hz, played = [], [], []
    for i in range(batch_size):
        line, _, picture = sampler.window(i, settings.n_frames, rng, window_at, is_rest)
        limit_hz = line.highest_hz
        if augment:
            ratio = float(2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0))
            picture = louder(transposed(picture, ratio), float(rng.uniform(*LEVEL_RANGE_DB)), settings)
            limit_hz *= min(ratio, 1.0)
        pictures.append(picture)
        limits_hz.append(limit_hz)
        played.append(line.end)
    return Windows(
        torch.from_numpy(np.stack(pictures)), recorded_bins(limits_hz, settings), torch.tensor(played)
    )


def recorded_bins(limits_hz: Sequence[float], settings: SpectrogramSettings) -> Float[Tensor, "window bin 1"]:
    """Return 1 for each bin that lies below a window's limit, else 0."""
    bin_hz = settings.sample_rate / settings.n_fft
    is_recorded = np.arange(settings.n_bins) * bin_hz < np.array(limits_hz)[:, None]
    return torch.from_numpy(is_recorded.astype(np.float32)).unsqueeze(2)


def is_rest(window: Float32[np.ndarray, "bin frame"]) -> bool:
    """Tell whether nobody plays in a window."""
    return bool(window.mean() < QUIETEST_MEAN)


def window_at(line: PictureLine, start: int, n_frames: int) -> Float32[np.ndarray, "bin frame"]:
    """Cut a window; what lies outside of the recording is silent."""
    window = np.ascontiguousarray(window_of(line.picture, start, n_frames).T)
    return from_16_bits(window) if window.dtype == np.uint16 else window.astype(np.float32)


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


def _measure(settings: SpectrogramSettings, recording: Recording) -> dict[str, np.ndarray]:
    audio = read_recording(recording, settings.sample_rate, peak=PEAK)
    picture = normalise(np.abs(stft(audio, settings)), settings)
    is_full_rate = settings.sample_rate == SAMPLE_RATE
    highest_hz = highest_recorded_hz(audio) if is_full_rate else settings.sample_rate / 2.0
    return {
        "picture": np.ascontiguousarray(picture.T, dtype=np.float16),
        "highest_hz": np.array(highest_hz),
    }
