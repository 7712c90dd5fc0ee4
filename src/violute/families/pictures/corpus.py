"""Windows of spectrograms to learn from, balanced over instruments and sources.

Every recording is one long picture, made once by the transform that conversion uses and kept as
half-precision numbers on disk, frame by frame, so that a window may begin at any frame and a corpus
may be larger than memory. What `violute prepare` cut already is a line a picture (`prepared.py`). Where a
teacher made hybrids of a recording, the same place of both is drawn, changed alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int, UInt16
from torch import Tensor

from violute.analysis.analyser import analyse
from violute.data.features import highest_recorded_hz
from violute.data.pictures.store import from_16_bits
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.families.pictures.conditioning_pitch import LOBE_BINS, LOBE_BLUR, ConditioningPitch
from violute.families.pictures.disguise import Disguises, disguised, drawn_disguises
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK, SpectrogramSettings, normalise, stft
from violute.worklist.engine import HERE, Engine

PICTURE_VERSION = 2
"""Part of the cache's key: raised when the measurement changes."""

QUIETEST_MEAN = 0.005
"""A window whose mean lies below holds a rest; another one is drawn."""

LEAST_STRENGTH = 0.5
"""Of a note's gate in a frame that has its pitch."""

LEVEL_RANGE_DB = (-9.0, 3.0)
TRANSPOSED_SEMITONES = 1.0

MOST_LEVEL_DB = 24.0
"""What differs more in level from its source holds next to nothing: its noise is raised no further."""


@dataclass(frozen=True)
class PictureLine(Material):
    """One recording as a picture, or a picture cut from one.

    Attributes:
        picture: Normalised magnitudes, one row a frame; 16-bit whole numbers as a store keeps them.
        highest_hz: Nothing above it was recorded (a codec cut it off).
        seconds: Of sound that no line before it holds; None is that of every frame.
        f0_hz: Pitch of each frame, 0 where nothing has one; None where nobody needs it.
        hybrids: What a teacher made of it, by mix; None where nobody did.
    """

    picture: Float16[np.ndarray, "frame bin"] | UInt16[np.ndarray, "frame bin"]
    highest_hz: float
    seconds: float | None = None
    f0_hz: Float32[np.ndarray, " frame"] | None = None
    hybrids: Mapping[float, PictureLine] | None = None


class DrawnWindows(NamedTuple):
    """A batch as it is drawn: what is quick on the device where it is trained on is left to `windows_of`.

    For the first three see `Windows`.

    Attributes:
        f0_hz: Pitch of each frame, 0 where nothing has one; None for networks that are not given it.
        disguises: One for each window; None for networks that hear what was recorded.
        hybrid: What a teacher made of it; None where nobody did.
        mix: Of the hybrids, 0 to 1; None likewise.
    """

    spectrogram: Float[Tensor, "window bin frame"]
    is_recorded: Float[Tensor, "window bin 1"]
    end: Int[Tensor, " window"]
    f0_hz: Float[Tensor, "window frame"] | None
    disguises: Disguises | None
    hybrid: Float[Tensor, "window bin frame"] | None
    mix: Float[Tensor, " window"] | None


class Windows(NamedTuple):
    """A batch of windows.

    Attributes:
        spectrogram: As recorded.
        wanted: What is to be drawn: the same, or the hybrid that a teacher made of it.
        mix: Of what is to be drawn, 0 to 1; that of the instrument where there are no hybrids.
        is_recorded: 1 for bins that the recording holds and 0 for those that a codec cut off.
        end: Which instrument plays: 0 or 1.
        heard: What a network hears: what was recorded, or that disguised.
        partials: 1 where the harmonics of the pitch lie; None for networks that are not given it.
    """

    spectrogram: Float[Tensor, "window bin frame"]
    wanted: Float[Tensor, "window bin frame"]
    mix: Float[Tensor, " window"]
    is_recorded: Float[Tensor, "window bin 1"]
    end: Int[Tensor, " window"]
    heard: Float[Tensor, "window bin frame"]
    partials: Float[Tensor, "window bin frame"] | None


def picture_lines(
    recordings: Sequence[Recording],
    end: int,
    settings: SpectrogramSettings,
    cache: Path,
    *,
    is_conditioned: bool = False,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] | None = None,
) -> list[PictureLine]:
    """Turn recordings of one end into pictures, or open what `cache` already holds; see `read_material`."""
    version, measure = (
        f"picture {PICTURE_VERSION} {settings}{' told' * is_conditioned}",
        partial(_measure, settings, is_conditioned),
    )
    return read_material(
        PictureLine, recordings, end, cache, measure, version=version, engine=engine, on_progress=on_progress
    )


def draw(
    lines: Sequence[PictureLine],
    settings: SpectrogramSettings,
    batch_size: int,
    rng: np.random.Generator,
    *,
    augment: bool,
    disguise: bool = False,
) -> DrawnWindows:
    """Draw windows: both ends and all mixes equally often, short sources more often than their length earns.

    Args:
        lines: To draw from; all of them have a pitch, or none, and all have hybrids, or none.
        settings: Of the transform.
        batch_size: Windows.
        rng: Decides everything.
        augment: Whether to transpose and to change the level a little.
        disguise: Whether networks hear the windows disguised.
    """
    sampler = WindowSampler(lines, [line.source for line in lines], [len(line.picture) for line in lines])
    pictures, pitches, limits_hz, played = [], [], [], []
    hybrids: list[Float32[np.ndarray, "bin frame"]] = []
    mixes: list[float] = []
    for i in range(batch_size):
        line, start, picture = sampler.window(i, settings.n_frames, rng, window_at, _is_rest)
        parts, limit_hz, ratio = [picture], line.highest_hz, 1.0
        if line.hybrids:
            mixes.append(float(rng.choice(sorted(line.hybrids))))
            hybrid = line.hybrids[mixes[-1]]
            parts, limit_hz = [picture, window_at(hybrid, start, settings.n_frames)], hybrid.highest_hz
        if augment:
            ratio = float(2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0))
            gain_db = float(rng.uniform(*LEVEL_RANGE_DB))
            parts = [louder(transposed(part, ratio), gain_db, settings) for part in parts]
            limit_hz *= min(ratio, 1.0)
        if line.f0_hz is not None:
            pitches.append(window_of(line.f0_hz, start, settings.n_frames) * np.float32(ratio))
        pictures.append(parts[0])
        hybrids += [_as_loud_as(parts[0], hybrid, settings) for hybrid in parts[1:]]
        limits_hz.append(limit_hz)
        played.append(line.end)
    return DrawnWindows(
        torch.from_numpy(np.stack(pictures)),
        _recorded_bins(limits_hz, settings),
        torch.tensor(played),
        torch.from_numpy(np.stack(pitches)) if pitches else None,
        drawn_disguises(batch_size, settings, rng) if disguise else None,
        torch.from_numpy(np.stack(hybrids)) if hybrids else None,
        torch.tensor(mixes, dtype=torch.float32) if mixes else None,
    )


def windows_of(drawn: DrawnWindows, settings: SpectrogramSettings) -> Windows:
    """Draw the harmonics of windows and disguise them, on their device."""
    spectrogram, is_recorded, end, f0_hz, disguises, hybrid, mix = drawn
    partials = None if f0_hz is None else partials_of(f0_hz, settings)
    heard = spectrogram if disguises is None else disguised(spectrogram, partials, disguises, settings)
    wanted = spectrogram if hybrid is None else hybrid
    return Windows(
        spectrogram, wanted, end.float() if mix is None else mix, is_recorded, end, heard, partials
    )


def partials_of(
    f0_hz: Float[Tensor, "window frame"], settings: SpectrogramSettings
) -> Float[Tensor, "window bin frame"]:
    """Draw the harmonics of windows."""
    return harmonic_lobes(f0_hz[:, None] * (settings.n_fft / settings.sample_rate), settings.n_bins)


def harmonic_lobes(
    f0_bins: Float[Tensor, "window 1 frame"], n_bins: int
) -> Float[Tensor, "window bin frame"]:
    """Draw every harmonic as a raised cosine: within 0.03 of the Hann window's main lobe.

    Args:
        f0_bins: Fundamental of each frame, in bins; where it is 0 nothing is drawn.
        n_bins: Of the windows.

    Source:
        Harris, On the use of windows for harmonic analysis with the discrete Fourier transform (Proc. IEEE
        66(1), 1978), for the main lobe.
    """
    bins = torch.arange(float(n_bins), device=f0_bins.device)[:, None]
    spacing = f0_bins.clamp_min(0.01)
    harmonic = (bins / spacing).round().clamp_min(1.0)
    distance = (bins - harmonic * spacing).abs() / (1.0 + LOBE_BLUR * harmonic)
    lobes = 0.5 + 0.5 * torch.cos(math.pi * (distance / LOBE_BINS).clamp_max(1.0))
    return lobes * (f0_bins > 0.0)


def _recorded_bins(
    limits_hz: Sequence[float], settings: SpectrogramSettings
) -> Float[Tensor, "window bin 1"]:
    """Return 1 for each bin that lies below a window's limit, else 0."""
    bin_hz = settings.sample_rate / settings.n_fft
    is_recorded = np.arange(settings.n_bins) * bin_hz < np.array(limits_hz)[:, None]
    return torch.from_numpy(is_recorded.astype(np.float32)).unsqueeze(2)


def _is_rest(window: Float32[np.ndarray, "bin frame"]) -> bool:
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


def _as_loud_as(
    source: Float32[np.ndarray, "bin frame"],
    hybrid: Float32[np.ndarray, "bin frame"],
    settings: SpectrogramSettings,
) -> Float32[np.ndarray, "bin frame"]:
    """Undo the level that its own peak gave a hybrid: a voice takes each frame's loudness anyway."""
    full = settings.log_range
    power = [float(np.square(np.expm1(full * one.astype(np.float64))).mean()) for one in (source, hybrid)]
    if min(power) <= 0.0:
        return hybrid
    level_db = float(np.clip(10.0 * np.log10(power[0] / power[1]), -MOST_LEVEL_DB, MOST_LEVEL_DB))
    return louder(hybrid, level_db, settings)


def pitch_at_frames(
    audio: Float[np.ndarray, " sample"], settings: SpectrogramSettings
) -> Float32[np.ndarray, " frame"]:
    """Measure the pitch at each frame of a picture of a sound at `SAMPLE_RATE`; 0 where it has none."""
    pitch = ConditioningPitch(analyse(audio))
    n_frames = settings.count_frames(round(len(audio) * settings.sample_rate / SAMPLE_RATE))
    f0_hz, strength = pitch.at(0, n_frames, settings)
    return np.where(strength[0] >= LEAST_STRENGTH, f0_hz[0], 0.0).astype(np.float32)


def _measure(
    settings: SpectrogramSettings, is_conditioned: bool, recording: Recording
) -> dict[str, np.ndarray]:
    audio = read_recording(recording, settings.sample_rate, peak=PEAK)
    picture = normalise(np.abs(stft(audio, settings)), settings)
    is_full_rate = settings.sample_rate == SAMPLE_RATE
    highest_hz = highest_recorded_hz(audio) if is_full_rate else settings.sample_rate / 2.0
    found = {
        "picture": np.ascontiguousarray(picture.T, dtype=np.float16),
        "highest_hz": np.array(highest_hz),
    }
    if is_conditioned:
        full = audio if is_full_rate else read_recording(recording, SAMPLE_RATE, peak=PEAK)
        found["f0_hz"] = pitch_at_frames(full, settings)[: len(picture.T)]
    return found
