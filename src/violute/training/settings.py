"""`LoopSettings`: the numbers of a training run that no model family owns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from violute.errors import TrainingError


@dataclass(frozen=True)
class LoopSettings:
    """How long, how often and how carefully to train.

    Attributes:
        n_steps: Training ends after this many steps.
        minutes: Or after this much time, restarts counted together; None is no limit. Schedules follow
            the steps or the time, whichever is nearer to its end.
        seed: Of everything random.
        report_every: Steps between rows of metrics and calls of `on_progress`.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints: what a killed run loses at most. A run with a limit of
            time does all three by the clock as well; see `Timetable`.
        best_by: Name of the validation loss, less is better, whose best weights are kept; None
            keeps the last.
        gradient_clip_norm: Largest norm of an optimizer's gradient; None leaves it alone.
        schedule: Of the learning rate after the warm-up; see `learning_rate_factor`.
        warmup_steps: Steps over which the learning rate rises from nearly 0.
        final_factor: Learning rate at the end of the cosine or the line, as a share of the base rate.
        averaging_decay: Of the moving average of the weights that is validated and exported,
            below 1; None uses the weights as they are.
        batch_workers: Processes that draw batches ahead of a GPU; beside a CPU there are none.

    Raises:
        TrainingError: A number is out of range.
    """

    n_steps: int = 10_000
    minutes: float | None = None
    seed: int = 0
    report_every: int = 10
    validate_every: int = 500
    checkpoint_every: int = 500
    best_by: str | None = "total"
    gradient_clip_norm: float | None = 1.0
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    warmup_steps: int = 100
    final_factor: float = 0.01
    averaging_decay: float | None = 0.999
    batch_workers: int = 2

    def __post_init__(self) -> None:
        for name in ("n_steps", "report_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}: give a number of steps of 1 or more")
        if self.minutes is not None and not (math.isfinite(self.minutes) and self.minutes > 0):
            raise TrainingError(f"minutes is {self.minutes:g}: give a time above 0")
        if self.seed < 0:
            raise TrainingError(f"seed is {self.seed}: give 0 or more")
        for name in ("warmup_steps", "batch_workers"):
            if getattr(self, name) < 0:
                raise TrainingError(f"{name} is {getattr(self, name)}: give 0 or more")
        if self.gradient_clip_norm is not None and not self.gradient_clip_norm > 0:
            raise TrainingError(f"gradient_clip_norm is {self.gradient_clip_norm:g}: give a norm above 0")
        if self.schedule not in ("constant", "cosine", "linear"):
            raise TrainingError(f"schedule is {self.schedule!r}: give constant, cosine or linear")
        if not 0.0 <= self.final_factor <= 1.0:
            raise TrainingError(f"final_factor is {self.final_factor:g}: give a share from 0 to 1")
        if self.averaging_decay is not None and not 0.0 <= self.averaging_decay < 1.0:
            raise TrainingError(
                f"averaging_decay is {self.averaging_decay:g}: give 0 up to, not including, 1"
            )
