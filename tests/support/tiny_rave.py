"""RAVE as small as it comes, in either stage, and two instruments of a formula for it to learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from tones import SAMPLE_RATE, tone
from torch import Tensor

from violute.families.rave.config import DiscriminatorConfig, RaveConfig
from violute.families.rave.data import SoundLine
from violute.families.rave.export import cropped
from violute.families.rave.recipes import STAGE_ONE, STAGE_TWO, RaveRecipe
from violute.families.rave.task import RaveTask
from violute.families.task import Corpus
from violute.training.settings import LoopSettings

NAMES = ("reed", "string")
DB_PER_OCTAVE = (-24.0, -3.0)
NETWORK = RaveConfig(channels=(6, 8, 10), dilations=(1, 2), latent_size=8, n_heard_bands=1, condition_size=3)
RECIPE = RaveRecipe(
    loop=LoopSettings(),
    network=NETWORK,
    discriminators=DiscriminatorConfig(2, (4, 8, 8), n_ffts=(256,), spectral_channels=(4, 4)),
    learning_rate=3e-3,
    batch_size=4,
    n_samples=4096,
    n_ffts=(512, 128),
    fidelity=1.0,
)
# An untrained critic confuses by itself, and a term as small as that would drown in rounding.
FIRST = {**STAGE_ONE, "latent/confusion": 50.0}
WEIGHTS: Mapping[int, Mapping[str, float]] = {
    1: FIRST,
    2: {name: STAGE_ONE[name] for name in ("spectral/multi_resolution", "waveform/heard_bands")} | STAGE_TWO,
    3: {**FIRST, "source/cross_entropy": 1.0},
}
"""Of stage one, of stage two, and of stage one with two encoders."""


@lru_cache(maxsize=1)
def corpus() -> Corpus[SoundLine]:
    """Six notes of each of two instruments, one dull and one bright."""
    lines = []
    for end, slope in enumerate(DB_PER_OCTAVE):
        for i, f0_hz in enumerate(220.0 * 2.0 ** (np.arange(6) / 4.0)):
            audio = 0.4 * tone(float(f0_hz), 0.5, db_per_octave=slope)
            sound = np.rint(32_767 * audio).astype(np.int16)
            lines.append(SoundLine(f"{NAMES[end]}-{i}", f"source-{end}", end, sound, SAMPLE_RATE / 2))
    return Corpus(NAMES, lines, [], torch.device("cpu"), {})


def task(stage: int = 1, seed: int = 0, weights: Mapping[str, float] | None = None) -> RaveTask:
    """A tiny RAVE that begins, and stays, in a stage; stage 3 is stage one with two encoders."""
    recipe = replace(
        RECIPE,
        loop=LoopSettings(seed=seed),
        network=replace(NETWORK, n_encoders=2 if stage == 3 else 1),
        stage_two_from_step=0 if stage == 2 else None,
        batch_size=5 if stage == 2 else 4,  # odd, or the ends would balance and no hinge move a bias
        loss_weights=WEIGHTS[stage] if weights is None else weights,
    )
    return RaveTask(corpus(), recipe)


def n_steps(n_frames: int) -> int:
    """Latent steps for a number of frames at 100 a second."""
    return -(-n_frames * SAMPLE_RATE // (100 * NETWORK.ratio))


def inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    """What a voice file takes."""
    generator = torch.Generator().manual_seed(seed)
    steps = n_steps(n_frames)
    return {
        "audio": 0.1 * torch.randn(1, steps * NETWORK.ratio, generator=generator),
        "latent": torch.randn(1, NETWORK.latent_size, steps, generator=generator),
        "mix": torch.rand(1, steps, generator=generator),
        "noise": torch.randn(1, 16, steps * NETWORK.n_frames, generator=generator),
    }


def outputs(task: RaveTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a voice file should give."""
    graph, _ = cropped(task)
    encoded, made = graph(given["audio"], given["latent"], given["mix"], given["noise"])
    return {"encoded": encoded, "made": made}


def shapes(n_frames: int) -> dict[str, tuple[int, ...]]:
    """Of the outputs."""
    steps = n_steps(n_frames)
    return {"encoded": (1, NETWORK.latent_size, steps), "made": (1, steps * NETWORK.ratio)}
