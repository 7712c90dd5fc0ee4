"""Sound to teach a WaveNet with: crops balanced over instruments and sources, and their past made unreliable.

A decoder whose past is always right learns to carry on what it hears; when it runs free, its own small errors
are all that it hears. So the past that it is taught with is noisy by a random amount, and here and there
it is missing: what was played there has to come from the code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Float, Float16, Float32, Float64, Int
from torch import Tensor

from violute.analysis.analyser import analyse
from violute.analysis.phase import cycles_played, partial_leads
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.families.nsynth.config import HIGHEST_HZ, LOWEST_HZ
from violute.families.nsynth.network import SAMPLE_RATE
from violute.rates import HOP_LENGTH
from violute.rates import SAMPLE_RATE as ANALYSIS_RATE
from violute.transforms.spectrogram import PEAK

WAVE_VERSION = 3
"""Part of the cache's key: raised when the reading changes."""

TRACK_RATE_HZ = ANALYSIS_RATE / HOP_LENGTH
"""Frames a second of the pitch."""

N_PARTIALS = 32
"""Whose phases are measured."""

QUIETEST_RMS = 0.004
"""Below it a crop is a rest, of which few are kept."""

N_ATTEMPTS = 6
CLEAN_SHARE = 0.25
"""Of the crops; their past has no noise."""

TRANSPOSED_SEMITONES = 1.0
LEVEL_RANGE_DB = (-9.0, 2.0)


@dataclass(frozen=True)
class Wave(Material):
    """A recording in mono at 16 kHz.

    Attributes:
        audio: Its samples.
        f0_hz: Its fundamental, a frame each 10 ms, carried on where there is none.
        loudness_db: Of the same frames.
        cycles: Of the fundamental gone by at each frame, in the phase in which the recording plays it.
        leads: By how many of its own cycles each partial leads the multiple of the fundamental's phase.
    """

    audio: Float16[np.ndarray, " _sample"] | Float32[np.ndarray, " _sample"]
    f0_hz: Float32[np.ndarray, " _frame"]
    loudness_db: Float32[np.ndarray, " _frame"]
    cycles: Float64[np.ndarray, " _frame"]
    leads: Float16[np.ndarray, "_frame _harmonic"]


class Crops(NamedTuple):
    """A batch of crops.

    Attributes:
        audio: What is played.
        end: Which instrument plays it.
        f0_hz: Of each frame of the code.
        loudness_db: Likewise.
        cycles: Of the fundamental gone by at each sample, without whole ones.
        leads: Of partials, as in `Wave`, a row each 10 ms of the recording.
        places: Row of `leads` that each sample lies at, and between which two.
    """

    audio: Float[Tensor, "crop sample"]
    end: Int[Tensor, " crop"]
    f0_hz: Float[Tensor, "crop frame"]
    loudness_db: Float[Tensor, "crop frame"]
    cycles: Float[Tensor, "crop sample"]
    leads: Float[Tensor, "crop row harmonic"]
    places: Float[Tensor, "crop sample"]


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
    rows_a_sample = TRACK_RATE_HZ / SAMPLE_RATE
    n_rows = math.ceil(n_samples * 2.0 ** (TRANSPOSED_SEMITONES / 12.0) * rows_a_sample) + 2
    drawn = []
    for i in range(n_crops):
        ratio = 2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0) if augment else 1.0
        gain_db = rng.uniform(*LEVEL_RANGE_DB) if augment else 0.0
        wave, start, crop = sampler.window(
            i, round(n_samples * ratio), rng, _crop_of, _is_rest, n_attempts=N_ATTEMPTS
        )
        if augment:
            crop = window_of(soxr.resample(crop, ratio * SAMPLE_RATE, SAMPLE_RATE, "MQ"), 0, n_samples)
            crop *= np.float32(10.0 ** (gain_db / 20.0))
        last = len(wave.f0_hz) - 1
        middles = start + (np.arange(n_frames) + 0.5) * hop_length * ratio
        inside = np.clip(np.rint(middles * rows_a_sample).astype(np.int64), 0, last)
        places = (start + np.arange(n_samples) * ratio) * rows_a_sample
        first = math.floor(places[0])
        rows = np.clip(first + np.arange(n_rows), 0, last)
        places -= first
        drawn.append(
            (
                crop,
                wave.end,
                wave.f0_hz[inside] * np.float32(ratio),
                wave.loudness_db[inside] + np.float32(gain_db),
                (np.interp(places, np.arange(n_rows), wave.cycles[rows]) % 1.0).astype(np.float32),
                wave.leads[rows].astype(np.float32),
                places.astype(np.float32),
            )
        )
    return Crops(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*drawn, strict=True)))


def leads_of(crops: Crops) -> Float[Tensor, "crop harmonic sample"]:
    """Return the leads of partials at each sample, each turning the shorter way from row to row."""
    before = crops.places.long()
    leads = crops.leads.transpose(1, 2)
    index = before[:, None].expand(-1, leads.shape[1], -1)
    first, second = leads.gather(2, index), leads.gather(2, index + 1)
    turn = second - first
    return first + (crops.places - before)[:, None] * (turn - turn.round())


def _crop_of(wave: Wave, start: int, n_samples: int) -> Float32[np.ndarray, " {n_samples}"]:
    """Cut a crop; what lies outside of the recording is silent."""
    return window_of(wave.audio, start, n_samples).astype(np.float32)


def _is_rest(crop: Float32[np.ndarray, " _sample"]) -> bool:
    return float(np.sqrt(np.mean(np.square(crop)))) < QUIETEST_RMS


def unreliable(
    before: Float[Tensor, "crop sample"],
    generator: torch.Generator,
    *,
    most_noise: float,
    missing_share: float,
) -> tuple[Float[Tensor, "crop sample"], Float[Tensor, "crop"]]:
    """Add noise to the past and leave some of it out.

    Args:
        before: Scaled mu-law samples.
        generator: On the same device; all chance comes from it.
        most_noise: Standard deviation on the scale of [-1, 1] in the noisiest crop; most have less.
        missing_share: Share of the crops in which a span of any length is silent.

    Returns:
        The past, and how noisy it is, from 0 to 1: the root of the deviation's share of the most.
    """
    n_crops, n_samples = before.shape
    chance: dict[str, Any] = {"generator": generator, "device": before.device}
    drawn = torch.rand(n_crops, 1, **chance)
    noisiness = ((drawn - CLEAN_SHARE) / (1.0 - CLEAN_SHARE)).clamp(min=0.0)
    noise = most_noise * noisiness.square() * torch.randn(before.shape, **chance)
    start, length = torch.rand(2, n_crops, 1, **chance) * n_samples
    is_missing = torch.rand(n_crops, 1, **chance) < missing_share
    is_silent = is_missing & ((torch.arange(n_samples, device=before.device) - start) % n_samples < length)
    return (before + noise).masked_fill(is_silent, 0.0), noisiness[:, 0]


def _measure(recording: Recording) -> dict[str, np.ndarray]:
    """Read a recording, and track its pitch, by the tracker that conditions conversions."""
    full = read_recording(recording, ANALYSIS_RATE, peak=PEAK)
    controls = analyse(full)
    audio = soxr.resample(full, ANALYSIS_RATE, SAMPLE_RATE).astype(np.float16)
    f0_hz = np.clip(controls.f0_hz[0], LOWEST_HZ, HIGHEST_HZ).astype(np.float32)
    cycles = cycles_played(audio, f0_hz, SAMPLE_RATE)
    return {
        "audio": audio,
        "f0_hz": f0_hz,
        "loudness_db": controls.loudness_db[0].astype(np.float32),
        "cycles": cycles,
        "leads": partial_leads(audio, f0_hz, cycles, N_PARTIALS, SAMPLE_RATE),
    }


read_waves = partial(read_material, Wave, measure=_measure, version=f"wave {WAVE_VERSION}")
"""Reads recordings of one end, or opens what a cache already holds."""
