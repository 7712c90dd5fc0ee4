"""A model family as small as they come, with everything that can go wrong in a training run.

Dropout draws from torch's global generator, the batches from the loop's, batch normalisation keeps
buffers, and two optimizers take turns. It learns to imitate a fixed smooth function of pitch and
loudness.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from violute.families.recipes import Recipe
from violute.training.losses import weighted_total
from violute.training.settings import LoopSettings
from violute.training.task import Losses, Sound, StepContext

WEIGHTS: Mapping[str, float] = {"regression/harmonics": 1.0, "regression/noise": 0.5}
N_HARMONICS = 4
N_BANDS = 3


class ToyNetwork(nn.Module):
    """(batch, 2, frame) of pitch and loudness to harmonics and noise bands."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv1d(2, 16, 3, padding=1), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1)
        )
        self.harmonics = nn.Conv1d(16, N_HARMONICS, 1)
        self.noise = nn.Conv1d(16, N_BANDS, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.trunk(x)
        return self.harmonics(hidden), self.noise(hidden)


def targets(controls: Tensor) -> tuple[Tensor, Tensor]:
    """What the toy should learn: a fixed mixture of pitch, loudness and their product."""
    pitch, loudness = controls[:, :1], controls[:, 1:]
    ranks = torch.arange(1, N_HARMONICS + 1, device=controls.device).reshape(1, -1, 1)
    bands = torch.arange(1, N_BANDS + 1, device=controls.device).reshape(1, -1, 1)
    return loudness - 0.3 * ranks * pitch, 0.5 * bands * loudness * pitch - 1.0


@dataclass(frozen=True, kw_only=True)
class ToyRecipe(Recipe):
    """What a recipe needs at least, and some kinds of fields."""

    batch_size: int = 8
    learning_rate: float = 1e-2
    kind: Literal["plain", "wide"] = "plain"
    sizes: tuple[int, ...] = (1, 2)
    is_augmented: bool = False
    limit: float | None = None
    loss_weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))


TOY_RECIPES = {
    "default": lambda: ToyRecipe(
        loop=LoopSettings(n_steps=2, validate_every=2, checkpoint_every=2, averaging_decay=None)
    )
}
BUILT: list[tuple[Any, ToyRecipe]] = []
"""What `build_toy` was called with."""


def build_toy(ends: Any, recipe: ToyRecipe) -> ToyTask:
    """Make a task whose voice file holds nothing but the voice's name."""
    BUILT.append((ends, recipe))
    task = ToyTask(seed=recipe.loop.seed, weights=recipe.loss_weights, batch_size=recipe.batch_size)
    task.export = lambda path: path.write_text(ends.card["name"])  # type: ignore[method-assign]
    return task


class ToyTask:
    """A `Task` in 60 lines."""

    def __init__(
        self,
        *,
        seed: int = 0,
        weights: Mapping[str, float] = WEIGHTS,
        learning_rate: float = 1e-2,
        batch_size: int = 8,
        poison_at: int | None = None,
    ) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = ToyNetwork()
        self.weights = weights
        self.batch_size = batch_size
        self.poison_at = poison_at
        self._optimizers = {
            "trunk": torch.optim.AdamW(self.network.trunk.parameters(), lr=learning_rate),
            "heads": torch.optim.SGD(
                [*self.network.harmonics.parameters(), *self.network.noise.parameters()],
                lr=learning_rate,
                momentum=0.9,
            ),
        }

    def modules(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return dict(self._optimizers)

    def batch(self, generator: torch.Generator) -> Tensor:
        return torch.rand(self.batch_size, 2, 20, generator=generator)

    def losses(self, controls: Tensor) -> dict[str, Tensor]:
        harmonics, noise = self.network(controls)
        wanted_harmonics, wanted_noise = targets(controls)
        return {
            "regression/harmonics": (harmonics - wanted_harmonics).abs().mean(),
            "regression/noise": (noise - wanted_noise).square().mean(),
        }

    def step(self, batch: Any, context: StepContext) -> Losses:
        name = "trunk" if context.step % 2 == 0 else "heads"
        losses = weighted_total(self.losses(batch), self.weights)
        if context.step == self.poison_at:
            losses["total"] = losses["total"] * float("nan")
        context.descend(name, losses["total"])
        return losses

    def validate(self) -> dict[str, float]:
        controls = torch.rand(16, 2, 20)
        return {k: float(v) for k, v in weighted_total(self.losses(controls), self.weights).items()}

    def sounds(self) -> dict[str, Sound]:
        time = np.arange(1600, dtype=np.float32) / 16000
        tone = 0.5 * np.sin(2 * np.pi * 440 * time, dtype=np.float32)
        return {"tone": (tone, 16000), "wide": (np.stack([tone, -tone]), 16000)}

    def export(self, path: Path) -> None:
        self.network.eval()
        frames = torch.export.Dim("frame", min=1, max=1_000_000)
        with onnx_exporter_warnings_ignored():
            torch.onnx.export(
                self.network,
                (torch.rand(1, 2, 50),),
                path,
                input_names=["controls"],
                output_names=["harmonics", "noise"],
                dynamic_shapes=({2: frames},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )


@contextmanager
def onnx_exporter_warnings_ignored() -> Iterator[None]:
    """The exporter uses what Python and torch have deprecated; that is not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
