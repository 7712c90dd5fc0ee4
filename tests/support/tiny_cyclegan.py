"""A CycleGAN as small as they come, on the two instruments of a formula that the tiny VAE learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import tiny_vae
from torch import Tensor

from violute.families.cyclegan.config import CycleGanConfig
from violute.families.cyclegan.recipes import CycleGanRecipe
from violute.families.cyclegan.task import CycleGanTask
from violute.families.pictures.config import DrawingConfig
from violute.families.pictures.task import SpectrogramCorpus
from violute.training.settings import LoopSettings

SETTINGS = tiny_vae.SETTINGS
DRAWING = DrawingConfig(
    n_bins=SETTINGS.n_bins,
    n_frames=SETTINGS.n_frames,
    bin_hz=SETTINGS.sample_rate / SETTINGS.n_fft,
    n_rows=64,
    n_heard_bins=120,
    channels=(4, 8, 8),
    n_blocks=1,
)
NETWORK = CycleGanConfig(DRAWING, critic_channels=(4, 8, 8), has_mixed_critics=True)
WEIGHTS: Mapping[str, float] = {
    "adversarial/translation": 1.0,
    "adversarial/mixed": 0.5,
    "cycle/reconstruction": 10.0,
    "identity/own_instrument": 5.0,
    "critic/translation": 0.5,
    "critic/mixed": 0.25,
}
RECIPE = CycleGanRecipe(
    loop=LoopSettings(),
    network=NETWORK,
    spectrogram=SETTINGS,
    learning_rate=2e-3,
    batch_size=4,
    loss_weights=WEIGHTS,
)


@lru_cache(maxsize=1)
def corpus() -> SpectrogramCorpus:
    """The tiny VAE's notes, but the dull ones as bright as a generator can reach."""
    given = tiny_vae.corpus()
    lines = [
        replace(line, picture=(0.5 * (line.picture + given.training[6 + i].picture)).astype(np.float16))
        if line.end == 0
        else line
        for i, line in enumerate(given.training)
    ]
    return replace(given, training=lines)


def task(seed: int = 0, weights: Mapping[str, float] = WEIGHTS) -> CycleGanTask:
    """A tiny CycleGAN."""
    return CycleGanTask(corpus(), replace(RECIPE, loop=LoopSettings(seed=seed), loss_weights=weights))


def outputs(task: CycleGanTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a voice file should give."""
    graph, _ = task.hybrid(task.network)
    return {"made": graph.eval()(given["spectrogram"], given["partials"], given["mix"])}
