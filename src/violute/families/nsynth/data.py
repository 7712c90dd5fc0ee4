"""Sound to teach a WaveNet with: crops balanced over instruments and sources, and their past made unreliable.

A decoder whose past is always right learns to carry on what it hears; when it runs free, its own small errors
are all that it hears. So the past that it is taught with is noisy by a random amount, and here and there
it is missing: what was played there has to come from the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Bool, Float, Float16, Float32, Float64, Int
from torch import Tensor

from violute.analysis.analyser import analyse
from violute.analysis.phase import cycles_played
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.families.nsynth.network import SAMPLE_RATE
from violute.rates import HOP_LENGTH
from violute.rates import SAMPLE_RATE as ANALYSIS_RATE
from violute.transforms.spectrogram import PEAK

WAVE_VERSION = 2
"""Part of the cache's key: raised when the reading changes."""

TRACK_RATE_HZ = ANALYSIS_RATE / HOP_LENGTH
"""Frames a second of the pitch."""

QUIETEST_RMS = 0.004
"""Below it a crop is a rest, of which few are kept."""

N_ATTEMPTS = 6
TRANSPOSED_SEMITONES = 1.0
LEVEL_RANGE_DB = (-9.0, 2.0)


@dataclass(frozen=True)
class Wave(Material):
    """A recording in mono at 16 kHz.

    Attributes:
        audio: Its samples.
        f0_hz: Its fundamental, a frame each 10 ms, carried on where there is none.
        is_voiced: Frames that have one.
        cycles: Of the fundamental gone by at each frame, in the phase in which the recording plays it.
    """

    audio: Float16[np.ndarray, " _sample"] | Float32[np.ndarray, " _sample"]
    f0_hz: Float32[np.ndarray, " _frame"]
    is_voiced: Bool[np.ndarray, " _frame"]
    cycles: Float64[np.ndarray, " _frame"]


class Crops(NamedTuple):
    """A batch of crops, which instrument plays each, its pitch frame by frame of the code, and its phase."""

    audio: Float[Tensor, "crop sample"]
    end: Int[Tensor, " crop"]
    f0_hz: Float[Tensor, "crop frame"]
    is_voiced: Bool[Tensor, "crop frame"]
    cycles: Float[Tensor, "crop sample"]


def draw_crops(
    waves: Sequence[Wave],
    n_frames: int,
    n_crops: int,
    rng: np.random.Generator,
    *,
    hop_length: int,
    augment: bool,
) -> Crops:
    """Draw crops of as many frames of the code: both ends equally often, as windows are drawn everywhere.

    To augment is to transpose and to change the level a little.
    """
    sampler = WindowSampler(waves, [wave.source for wave in waves], [len(wave.audio) for wave in waves])
    n_samples = n_frames * hop_length
    crops, played, pitches, voiced, phases = [], [], [], [], []
    for i in range(n_crops):
        ratio = 2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0) if augment else 1.0
        wave, start, crop = sampler.window(
            i, round(n_samples * ratio), rng, _crop_of, _is_rest, n_attempts=N_ATTEMPTS
        )
        if augment:
            crop = crop_at(soxr.resample(crop, ratio * SAMPLE_RATE, SAMPLE_RATE), 0, n_samples)
            crop *= np.float32(10.0 ** (rng.uniform(*LEVEL_RANGE_DB) / 20.0))
        crops.append(crop)
        played.append(wave.end)
        centres = start + (np.arange(n_frames) + 0.5) * hop_length * ratio
        at = np.rint(centres * TRACK_RATE_HZ / SAMPLE_RATE).astype(np.int64)
        inside = np.clip(at, 0, len(wave.f0_hz) - 1)
        pitches.append(wave.f0_hz[inside] * np.float32(ratio))
        voiced.append(wave.is_voiced[inside] & (at == inside))
        place = (start + np.arange(n_samples) * ratio) * TRACK_RATE_HZ / SAMPLE_RATE
        cycles = np.interp(place, np.arange(len(wave.cycles)), wave.cycles)
        phases.append((cycles % 1.0).astype(np.float32))
    arrays = (np.stack(crops), np.array(played), np.stack(pitches), np.stack(voiced), np.stack(phases))
    return Crops(*(torch.from_numpy(array) for array in arrays))


def crop_at(
    audio: Float[np.ndarray, " _sample"], start: int, n_samples: int
) -> Float32[np.ndarray, " {n_samples}"]:
    """Cut a crop; what lies outside of the recording is silent."""
    return window_of(audio, start, n_samples).astype(np.float32)


def _crop_of(wave: Wave, start: int, n_samples: int) -> Float32[np.ndarray, " {n_samples}"]:
    return crop_at(wave.audio, start, n_samples)


def _is_rest(crop: Float32[np.ndarray, " _sample"]) -> bool:
    return float(np.sqrt(np.mean(np.square(crop)))) < QUIETEST_RMS


def unreliable(
    before: Float[Tensor, "crop sample"],
    generator: torch.Generator,
    *,
    most_noise: float,
    missing_share: float,
) -> Float[Tensor, "crop sample"]:
    """Add noise to the past and leave some of it out.

    Args:
        before: Scaled mu-law samples.
        generator: All chance comes from it.
        most_noise: Standard deviation on the scale of [-1, 1] in the noisiest crop; most have less.
        missing_share: Share of the crops in which a span of any length is silent.
    """
    n_crops, n_samples = before.shape
    noise = most_noise * torch.rand(n_crops, 1, generator=generator).square()
    noise = noise * torch.randn(before.shape, generator=generator)
    start, length = torch.rand(2, n_crops, 1, generator=generator) * n_samples
    is_missing = torch.rand(n_crops, 1, generator=generator) < missing_share
    is_silent = is_missing & ((torch.arange(n_samples) - start) % n_samples < length)
    noisy = before + noise.to(before.device)
    return noisy.masked_fill(is_silent.to(before.device), 0.0)


def _measure(recording: Recording) -> dict[str, np.ndarray]:
    """Read a recording, and track its pitch, by the tracker that conditions conversions."""
    full = read_recording(recording, ANALYSIS_RATE, peak=PEAK)
    controls = analyse(full)
    audio = soxr.resample(full, ANALYSIS_RATE, SAMPLE_RATE).astype(np.float16)
    f0_hz = controls.f0_hz[0]
    return {
        "audio": audio,
        "f0_hz": f0_hz,
        "is_voiced": controls.periodicity[0] > 0.0,
        "cycles": cycles_played(audio, f0_hz, SAMPLE_RATE),
    }


read_waves = partial(read_material, Wave, measure=_measure, version=f"wave {WAVE_VERSION}")
"""Reads recordings of one end, or opens what a cache already holds."""
