"""A WaveNet autoencoder as small as it comes, and two instruments of a formula for it to learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import soxr
import tones
import torch
from tones import tone
from torch import Tensor

from violute.analysis.phase import cycles_played, partial_leads
from violute.families.nsynth.config import NsynthConfig
from violute.families.nsynth.data import N_PARTIALS, TRACK_RATE_HZ, Wave
from violute.families.nsynth.network import SAMPLE_RATE
from violute.families.nsynth.recipes import GUIDED_WEIGHTS, TINY_NETWORK, NsynthRecipe
from violute.families.nsynth.task import NsynthTask
from violute.families.task import Corpus
from violute.training.settings import LoopSettings

NAMES = ("reed", "string")
DB_PER_OCTAVE = (-24.0, -3.0)
NETWORK: NsynthConfig = replace(TINY_NETWORK, hop_length=64)
WEIGHTS: Mapping[str, float] = GUIDED_WEIGHTS


@lru_cache(maxsize=1)
def corpus() -> Corpus[Wave]:
    """Four notes of each of two instruments, one dull and one bright."""
    waves = []
    for end, slope in enumerate(DB_PER_OCTAVE):
        for i, f0_hz in enumerate((220.0, 330.0, 440.0, 660.0)):
            bright = tone(f0_hz, 0.5, db_per_octave=slope)
            audio = soxr.resample(bright, tones.SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
            audio *= np.float32(0.5 / np.abs(audio).max())
            n_frames = int(0.5 * TRACK_RATE_HZ)
            pitch = np.full(n_frames, f0_hz, np.float32)
            loudness_db = np.full(n_frames, -20.0, np.float32)
            cycles = cycles_played(audio, pitch, SAMPLE_RATE)
            leads = partial_leads(audio, pitch, cycles, N_PARTIALS, SAMPLE_RATE)
            tracks = (pitch, loudness_db, cycles, leads)
            waves.append(Wave(f"{NAMES[end]}-{i}", f"source-{end}", end, audio, *tracks))
    return Corpus(NAMES, waves, [], torch.device("cpu"), {})


def task(
    seed: int = 0, weights: Mapping[str, float] = WEIGHTS, network: NsynthConfig = NETWORK
) -> NsynthTask:
    """A tiny WaveNet autoencoder in training."""
    recipe = NsynthRecipe(
        loop=LoopSettings(seed=seed),
        network=network,
        learning_rate=0.01,
        batch_size=4,
        n_frames=8,
        n_context_frames=1,
        code_noise=0.05,
        most_noise=0.1,
        missing_share=0.3,
        is_disguised=True,
        faint_code_share=0.5,
        known_phases_share=0.75,
        loss_weights=weights,
    )
    return NsynthTask(corpus(), recipe)


def inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    """Noise as a voice file's encoder hears it."""
    generator = torch.Generator().manual_seed(seed)
    return {"wave": 0.3 * torch.randn(1, n_frames * NETWORK.hop_length, generator=generator)}


def outputs(task: NsynthTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a voice file should give."""
    return {"code": task.network.encoder(given["wave"])}
