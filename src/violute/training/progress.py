"""`Progress`: what a training run tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


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
