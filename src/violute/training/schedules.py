"""What follows from how far a run is: the learning rate, and when to report, validate and save.

The learning rate is a pure function of the step and the time: nothing to save, nothing to restore. A recipe
states steps between validations, which take seconds on one machine and minutes on another: a run that is to
end after some minutes would validate all the time on a GPU, or not once on a slow processor. So the clock has
a say there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from violute.training.settings import LoopSettings

VALIDATIONS_A_RUN = 20
"""At least so many, and not more often than every `LEAST_SECONDS`."""

LEAST_SECONDS = 20.0
MOST_SECONDS = 30.0
CHECKPOINT_SECONDS = 60.0
WARMUP_TIME_SHARE = 0.1
"""Of the run's minutes, after which the learning rate is up on however slow a machine."""

REPORTS_A_RUN = 500
REPORT_SECONDS = 1.0


def learning_rate_factor(step: int, settings: LoopSettings, *, time_share: float = 0.0) -> float:
    """Return the share of the base learning rate to use in a step.

    It rises in a line over the warm-up, which is a tenth of the run's minutes at most. Then `constant`
    stays at 1, `cosine` falls as half a cosine to `final_factor` at the last step, and `linear` stays at 1
    for the first half of the steps and falls in a line; all hold their last value beyond it. Where time
    runs out before the steps do, both fall with the time.

    Args:
        step: Number of steps done before; 0 at the first.
        settings: Gives `schedule`, `warmup_steps`, `n_steps` and `final_factor`.
        time_share: Share of the run's minutes that is spent; 0 where they are not limited.

    Returns:
        In (0, 1], or 0 at the very end when `final_factor` is 0.

    Source:
        Loshchilov and Hutter, SGDR (ICLR 2017), equation 5, without restarts; Zhu et al., CycleGAN
        (ICCV 2017), appendix, for the line.
    """
    warm = max((step + 1) / (settings.warmup_steps + 1), time_share / WARMUP_TIME_SHARE)
    if step < settings.warmup_steps and warm < 1.0:
        return warm
    if settings.schedule == "constant":
        return 1.0
    n_falling = max(settings.n_steps - 1 - settings.warmup_steps, 1)
    share = min(max((step - settings.warmup_steps) / n_falling, time_share), 1.0)
    if settings.schedule == "linear":
        return 1.0 - (1.0 - settings.final_factor) * max(2.0 * share - 1.0, 0.0)
    return settings.final_factor + (1.0 - settings.final_factor) * 0.5 * (1.0 + math.cos(math.pi * share))


class Timetable:
    """Tells what is due after a step.

    Args:
        settings: Steps between reports, validations and checkpoints, and the minutes of the run.
        is_timed: Whether the clock has a say, if the minutes are limited; several processes, whose clocks
            differ, go by the steps alone.
        clock: Seconds.
    """

    def __init__(
        self, settings: LoopSettings, *, is_timed: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        limit = math.inf if settings.minutes is None or not is_timed else 60.0 * settings.minutes
        part = limit / VALIDATIONS_A_RUN
        is_limited = math.isfinite(limit)
        least = min(LEAST_SECONDS, part) if is_limited else 0.0
        self._bounds = {
            # Steps, and seconds between which one falls due by its steps and after which it does anyway.
            "report": (
                settings.report_every,
                min(REPORT_SECONDS, limit / REPORTS_A_RUN) if is_limited else 0.0,
                math.inf,
            ),
            "validation": (settings.validate_every, least, max(MOST_SECONDS, part)),
            "checkpoint": (
                settings.checkpoint_every,
                least,
                CHECKPOINT_SECONDS if is_limited else math.inf,
            ),
        }
        self._latest = dict.fromkeys(self._bounds, clock())

    def is_due(self, what: str, step: int) -> bool:
        """Return whether a `report`, a `validation` or a `checkpoint` is due after `step` steps."""
        n_steps, least, most = self._bounds[what]
        gone = self._clock() - self._latest[what]
        return gone >= most or (step % n_steps == 0 and gone >= least)

    def done(self, what: str) -> None:
        """Note that it was done just now."""
        self._latest[what] = self._clock()
