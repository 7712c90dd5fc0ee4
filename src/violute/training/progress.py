"""What a training run reports: `Progress` on its way, `TrainingResult` at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """Where a training run stands.

    Attributes:
        step: Steps done.
        n_steps: At which training ends.
        losses: Means since the last report, by path-like name, `total` among them.
        validation: Of the latest validation, by path-like name; empty before the first.
        seconds: Spent on the run so far, restarts counted together.
        seconds_per_step: Since the last report.
        seconds_left: Until the last step or the end of the time, whichever comes first.
    """

    step: int
    n_steps: int
    losses: Mapping[str, float]
    seconds: float
    seconds_per_step: float
    seconds_left: float
    validation: Mapping[str, float] = field(default_factory=dict)


OnTrainingProgress = Callable[[Progress], None]
"""Called at every report and after every validation, in the writing process alone."""


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        step: Steps done.
        best_step: After which the weights that the modules now hold were taken.
        validation: Losses of those weights, by path-like name; empty if none was best.
        seconds: Spent, restarts counted together.
        stopped_by: `steps` or `minutes`.
    """

    step: int
    best_step: int
    validation: Mapping[str, float]
    seconds: float
    stopped_by: Literal["steps", "minutes"]
