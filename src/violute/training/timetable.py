"""When a run reports, validates and saves: by its steps, and where its time is limited by the clock too.

A recipe states steps between validations, which take seconds on one machine and minutes on another. A run
that is to end after some minutes would validate all the time on a GPU, or not once on a slow processor.
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
REPORTS_A_RUN = 500
REPORT_SECONDS = 1.0


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
