"""Spectrogram models as small as they come, and two instruments of a formula for them to learn."""

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

from violute.families.mevae.task import MevaeTask
from violute.families.pictures.config import SpectrogramNetworkConfig
from violute.families.pictures.corpus import PictureLine, partials_of
from violute.families.pictures.task import SpectrogramCorpus
from violute.families.vae.recipes import SpectrogramRecipe, multi_encoder
from violute.families.vae.task import VaeTask
from violute.training.settings import LoopSettings
from violute.transforms.spectrogram import SpectrogramSettings, normalise, stft

NAMES = ("reed", "string")
DB_PER_OCTAVE = (-24.0, -3.0)
SAMPLE_RATE = 11_025
SETTINGS = SpectrogramSettings(SAMPLE_RATE, n_fft=256, hop_length=128, n_bins=128, n_frames=16)
NETWORK = SpectrogramNetworkConfig(
    n_bins=128,
    n_frames=16,
    filters=(4, 4, 8, 8, 8),
    strides=((2, 1), (2, 2), (2, 1), (2, 2), (2, 1)),
    latent_channels=4,
    latent_steps=4,
    decoder_channels=16,
    condition_size=4,
    n_heard_bins=120,
)
PLAIN_NETWORK = replace(
    NETWORK, style="plain", latent_channels=16, latent_steps=1, n_heard_bins=128, condition_size=0
)
RECIPE = SpectrogramRecipe(
    loop=LoopSettings(),
    network=NETWORK,
    spectrogram=SETTINGS,
    learning_rate=0.01,
    batch_size=4,
    warmup_share=0.0,
)
VAE_WEIGHTS: Mapping[str, float] = RECIPE.loss_weights
MEVAE_WEIGHTS: Mapping[str, float] = multi_encoder(RECIPE).loss_weights


@lru_cache(maxsize=1)
def corpus() -> SpectrogramCorpus:
    """Six notes of each of two instruments, one dull and one bright."""
    lines, examples = [], []
    for end, slope in enumerate(DB_PER_OCTAVE):
        for i, f0_hz in enumerate(220.0 * 2.0 ** (np.arange(6) / 4.0)):
            bright = tone(float(f0_hz), 0.5, db_per_octave=slope)
            audio = soxr.resample(bright, tones.SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
            audio *= np.float32(0.5 / np.abs(audio).max())
            picture = normalise(np.abs(stft(audio, SETTINGS)), SETTINGS)
            half = np.ascontiguousarray(picture.T, dtype=np.float16)
            pitch = np.full(len(half), f0_hz, np.float32)
            name, source = f"{NAMES[end]}-{i}", f"source-{end}"
            lines.append(PictureLine(name, source, end, half, SAMPLE_RATE / 2, f0_hz=pitch))
        examples.append(audio)
    return SpectrogramCorpus(NAMES, lines, [], torch.device("cpu"), {}, (examples[0], examples[1]))


def vae_task(seed: int = 0, weights: Mapping[str, float] = VAE_WEIGHTS) -> VaeTask:
    """A tiny VAE."""
    return VaeTask(corpus(), replace(RECIPE, loop=LoopSettings(seed=seed), loss_weights=weights))


def mevae_task(seed: int = 0, weights: Mapping[str, float] = MEVAE_WEIGHTS) -> MevaeTask:
    """A tiny multi-encoder VAE."""
    return MevaeTask(corpus(), replace(RECIPE, loop=LoopSettings(seed=seed), loss_weights=weights))


def n_windows(n_frames: int) -> int:
    """Windows for a number of frames at 100 a second."""
    return -(-n_frames // 100)


def inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    """What a voice file takes."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n_windows(n_frames), SETTINGS.n_bins, SETTINGS.n_frames)
    return {
        "spectrogram": torch.rand(shape, generator=generator),
        "mix": torch.rand(n_windows(n_frames), generator=generator),
    }


def conditioned_inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    """What a voice file takes that is told the pitch."""
    given = inputs(n_frames, seed)
    f0_hz = torch.full((len(given["mix"]), SETTINGS.n_frames), 300.0 + seed)
    return {**given, "partials": partials_of(f0_hz, SETTINGS)}


def outputs(task: VaeTask | MevaeTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a voice file should give."""
    graph, _ = task.hybrid(task.network)
    return {"made": graph.eval()(given["spectrogram"], given["partials"], given["mix"])}


def shapes(n_frames: int) -> dict[str, tuple[int, ...]]:
    """Of the outputs."""
    return {"made": (n_windows(n_frames), SETTINGS.n_bins, SETTINGS.n_frames)}
