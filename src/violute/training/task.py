"""`Task`: what a model family gives the shared training loop.

A family writes its step, its validation and its export; seeds, time, gradients over processes,
clipping, learning rates, averaging, checkpoints and the run folder are the loop's.

Two rules make a run repeatable and resumable bit for bit:

- All chance comes from the generator that the loop passes, or from torch's global generator; the
  loop seeds both afresh for every step.
- All state that must outlive a restart is a parameter or buffer of a module in `modules()`, or the
  state of an optimizer in `optimizers()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

Losses = Mapping[str, Tensor | float]
"""Losses by path-like name (`regression/harmonics`), and their weighted sum as `total`."""

Sound = tuple[Float[np.ndarray, "... sample"], int]
"""Audio, `(sample,)` or `(channel, sample)`, and its rate in Hz."""


@dataclass(frozen=True)
class StepContext:
    """What the loop lends to one training step.

    Attributes:
        step: Number of steps done before this one; 0 at the first.
        n_steps: At which training ends, if no time ends it before.
        generator: On the CPU; its state is a function of seed, step and process alone.
        descend: Called with an optimizer's name and a loss: clears that optimizer's gradients, goes
            backward, averages gradients over the processes, clips them, sets the learning rate and
            moves the parameters. Once for each optimizer that has its turn, in the family's order.
        time_share: Share of the run's minutes that is spent, in [0, 1]; 0 where they are not limited.
    """

    step: int
    n_steps: int
    generator: torch.Generator
    descend: Callable[[str, Tensor], None]
    time_share: float = 0.0

    @property
    def share(self) -> float:
        """Share of the run that is done, by steps or by time, whichever says more: 0 to 1, for schedules."""
        return min(max(self.step / self.n_steps, self.time_share), 1.0)

    @property
    def scheduled_step(self) -> float:
        """Where the run stands in a schedule of `n_steps` steps: `step`, unless time has run ahead of it."""
        return max(float(self.step), self.time_share * self.n_steps)


@runtime_checkable
class Task(Protocol):
    """A model family in training. In several processes, each holds one."""

    def modules(self) -> Mapping[str, nn.Module]:
        """Return every module whose parameters or buffers training changes, by name."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimizers by name, at their base learning rates."""

    def batch(self, generator: torch.Generator) -> Any:
        """Draw one batch, of this process alone, on the CPU: the loop takes it to the modules' device.

        All chance comes from the generator. It may run in a process of its own, which cannot use a GPU and
        sees the task as it was at the start.
        """

    def step(self, batch: Any, context: StepContext) -> Losses:
        """Go forward, call `context.descend`, and return the losses, `total` among them.

        `total` is the sum of what was descended on. The names are the same in every process.
        Tensors stay on their device: the loop reads them only when it reports.
        """

    def validate(self) -> Mapping[str, float]:
        """Measure held-out losses; called in evaluation mode, without gradients, equally seeded."""

    def sounds(self) -> Mapping[str, Sound]:
        """Return example sounds for the run folder, by file name without its ending."""

    def export(self, path: Path) -> None:
        """Write what the modules hold now as a voice file."""


@runtime_checkable
class Watched(Protocol):
    """A task that can say from a validation that training goes wrong without a loss that isn't finite."""

    def problem(self, measured: Mapping[str, float]) -> str | None:
        """Return what is wrong by `validate`, and what to do about it, in a line, or None."""
