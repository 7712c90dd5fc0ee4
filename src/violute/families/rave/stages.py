"""When stage two begins and how long both stages take, measured before the first step."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from violute.families.rave.data import FULL_SCALE, SoundLine
from violute.families.rave.recipes import RaveRecipe
from violute.families.rave.task import RaveTask
from violute.families.task import Corpus
from violute.rates import SAMPLE_RATE
from violute.training.batches import to_device
from violute.training.task import StepContext

N_TIMED_STEPS = 2


def forecast(recipe: RaveRecipe, device: torch.device) -> str:
    """Say in a line when stage two begins, and how long both stages take."""
    n_steps, boundary = recipe.loop.n_steps, recipe.stage_two_from_step
    first, second = (seconds / 60 for seconds in stage_seconds(recipe, device))
    if boundary is None or boundary >= n_steps:
        return f"{n_steps} steps of stage one, about {first:.0f} minutes"
    return (
        f"stage two begins at step {boundary} of {n_steps}, in about {first:.0f} minutes; "
        f"both stages take about {first + second:.0f} minutes"
    )


def stage_seconds(recipe: RaveRecipe, device: torch.device) -> tuple[float, float]:
    """Return how long each stage takes: some steps of either are timed on noise, and leave no trace."""
    n_steps, boundary = recipe.loop.n_steps, recipe.stage_two_from_step
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=gpus):
        first = _seconds_per_step(replace(recipe, stage_two_from_step=None), device)
        if boundary is None or boundary >= n_steps:
            return n_steps * first, 0.0
        second = _seconds_per_step(replace(recipe, stage_two_from_step=0), device)
    return boundary * first, (n_steps - boundary) * second


def _seconds_per_step(recipe: RaveRecipe, device: torch.device) -> float:
    """Time steps of one stage, the first of which does not count: it finds kernels and memory."""
    rng = np.random.default_rng(0)
    sounds = (0.1 * FULL_SCALE * rng.standard_normal((2, 4 * recipe.n_samples))).astype(np.int16)
    lines = [SoundLine("noise", "noise", end, sounds[end], SAMPLE_RATE / 2) for end in (0, 1)]
    task = RaveTask(Corpus(("a", "b"), lines, [], device, {}), recipe)
    optimizers = task.optimizers()

    def descend(name: str, loss: torch.Tensor) -> None:
        optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[name].step()

    for step in range(1 + N_TIMED_STEPS):
        if step == 1:
            started = time.perf_counter()
        generator = torch.Generator().manual_seed(step)
        batch = to_device(task.batch(generator), device)
        task.step(batch, StepContext(step, 1, generator, descend))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / N_TIMED_STEPS
