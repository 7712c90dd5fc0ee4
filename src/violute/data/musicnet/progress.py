"""`FetchProgress`: what a fetch of MusicNet tells whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MEASURING = "measuring"

LEAST_SECONDS = 0.2
"""Between two reports of one stage; bytes come in pieces of 8 kB."""


@dataclass(frozen=True)
class FetchProgress:
    """Where a fetch stands.

    Attributes:
        stage: "fetching", "checking", "unpacking" or "measuring".
        share: Of the stage, 0 to 1; reading may end before 1, when everything wanted has come.
        n_bytes: Read in this stage.
        n_recordings: Recordings that are there by now.
        n_wanted: Recordings wanted.
        seconds_left: Of the stage at the pace so far, at most; 0 before there is a pace.
    """

    stage: str
    share: float
    n_bytes: int
    n_recordings: int
    n_wanted: int
    seconds_left: float


OnFetchProgress = Callable[[FetchProgress], None]


class FetchMeter:
    """Turns counts of bytes and recordings into progress.

    Args:
        on_progress: Called with it; None hears nothing.
        n_wanted: Recordings wanted.
        n_there: Those that are there already.
    """

    def __init__(self, on_progress: OnFetchProgress | None, *, n_wanted: int, n_there: int) -> None:
        self._on_progress = on_progress or (lambda progress: None)
        self._n_wanted = n_wanted
        self._n_there = n_there
        self._stage = ""
        self._began_at = 0.0
        self._began_share = 0.0
        self._told_at = 0.0

    def on_bytes(self, stage: str, n_done: int, n_all: int) -> None:
        """Take note of bytes read."""
        self._tell(stage, n_done / n_all if n_all else 0.0, n_done)

    def on_recording(self) -> None:
        """Take note of a recording that has come."""
        self._n_there += 1

    def on_measuring(self, share: float) -> None:
        """Take note of recordings measured."""
        self._tell(MEASURING, share, 0)

    def _tell(self, stage: str, share: float, n_bytes: int) -> None:
        now = time.monotonic()
        if stage != self._stage:  # a fetch that goes on begins at the share that it has
            self._stage, self._began_at, self._began_share = stage, now, share
        elif now - self._told_at < LEAST_SECONDS and share < 1.0:
            return
        self._told_at = now
        gained = share - self._began_share
        seconds_left = (now - self._began_at) * (1.0 - share) / gained if gained > 0.0 else 0.0
        self._on_progress(FetchProgress(stage, share, n_bytes, self._n_there, self._n_wanted, seconds_left))
