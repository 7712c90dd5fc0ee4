"""Paired models as small as they come, taught a formula: the hybrid lies between the two instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
import tiny_cyclegan
from torch import Tensor

from violute.families.paired.config import PairedConfig
from violute.families.paired.recipes import GAN_WEIGHTS, PairedRecipe
from violute.families.paired.task import PairedTask
from violute.families.pictures.corpus import PictureLine
from violute.training.settings import LoopSettings

MIXES = (0.0, 0.5, 1.0)
DRAWING = replace(tiny_cyclegan.DRAWING, condition_size=1)
VAE_WEIGHTS: Mapping[str, float] = {"pairs/fine": 10.0, "pairs/smooth": 10.0, "latent/divergence": 0.01}
WEIGHTS = {"vae": VAE_WEIGHTS, "gan": GAN_WEIGHTS}


@lru_cache(maxsize=1)
def lines() -> list[PictureLine]:
    """Each note of each instrument with hybrids, the other instrument's same note being the other end."""
    notes = tiny_cyclegan.corpus().training
    made = []
    for i, note in enumerate(notes):
        ends = (notes[i % 6].picture.astype(np.float32), notes[6 + i % 6].picture.astype(np.float32))
        pictures = {mix: ((1.0 - mix) * ends[0] + mix * ends[1]).astype(np.float16) for mix in MIXES}
        hybrids = {mix: replace(note, picture=one) for mix, one in pictures.items()}
        made.append(replace(note, hybrids=hybrids))
    return made


def task(
    flavour: Literal["vae", "gan"], seed: int = 0, weights: Mapping[str, float] | None = None
) -> PairedTask:
    """A tiny paired model."""
    recipe = PairedRecipe(
        loop=LoopSettings(seed=seed),
        network=PairedConfig(flavour, DRAWING, latent_channels=4, critic_channels=(4, 8, 8)),
        spectrogram=tiny_cyclegan.SETTINGS,
        learning_rate=1e-2,
        batch_size=4,
        loss_weights=WEIGHTS[flavour] if weights is None else weights,
    )
    return PairedTask(replace(tiny_cyclegan.corpus(), training=lines(), validation=[]), recipe)


def outputs(task: PairedTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a voice file should give."""
    graph, _ = task.hybrid(task.network)
    return {"made": graph.eval()(given["spectrogram"], given["partials"], given["mix"])}
