"""`TakeState`, what the page knows of one recording, and `TakeRecord`, what the server keeps beside it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from violute.studio.work.pool import Ticket

SOURCE_NAME = "source"
"""The recording as it came; without an extension, for none that a stranger chose is to be trusted."""

PREVIEW_NAME = "preview.wav"
PARAMETERS_NAME = "parameters.bin"

Status = Literal["queued", "analysing", "ready", "failed", "cancelled"]
FINAL: frozenset[Status] = frozenset({"ready", "failed", "cancelled"})


class Gains(BaseModel):
    """Linear gains that make what the live parameters sound like as loud as the recording.

    They stand at five mixes, all dials alike; between those a straight line does. Times the gain of a
    channel, they are what `violute convert` multiplies its mono synthesis by.
    """

    mixes: list[float] = Field(description="From 0 to 1, rising.")
    gain: list[float] = Field(description="Linear, one for each mix.")
    channel_gains: list[float] = Field(description="Linear, one for each channel of the recording.")


class TakeState(BaseModel):
    """One recording on the way to being played in a voice."""

    id: str = Field(description="Part of the address of everything about this recording.")
    name: str = Field(description="Of the file, to be shown.")
    status: Status = "queued"
    progress: float = Field(default=0.0, ge=0.0, le=1.0, description="Share of the analysis done.")
    message: str = Field(default="", description="What went wrong and what to do, where it failed.")
    duration_seconds: float | None = Field(default=None, description="Null until the file was opened.")
    sample_rate: int | None = Field(default=None, description="Of the recording, in Hz.")
    n_channels: int | None = Field(default=None, description="Of the recording.")
    voice: str = Field(description="Name of the voice that listens.")
    ends: list[str] = Field(description="What the voice calls mix 0 and mix 1.")
    warnings: list[str] = Field(default_factory=list, description="What to know before listening.")
    is_live: bool = Field(default=False, description="Whether there are parameters for live synthesis.")
    gains: Gains | None = Field(default=None, description="For live synthesis.")
    source_gain: float = Field(
        default=1.0,
        description="What the preview of the source was multiplied by to stay within full scale, at most 1.",
    )


class TakeRecord:
    """One recording: its state, its folder, and whoever waits for a change.

    Args:
        state: To begin with.
        folder: Where its files are.

    Attributes:
        version: Counts the changes of the state.
        touched: When it was last used, on the monotonic clock.
        tickets: Jobs about it that wait or run.
    """

    def __init__(self, state: TakeState, folder: Path) -> None:
        self.state = state
        self.folder = folder
        self.version = 0
        self.touched = time.monotonic()
        self.tickets: set[Ticket] = set()
        self._changed = asyncio.Event()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is going on."""
        return self.state.status in FINAL

    @property
    def source(self) -> Path:
        """The recording as it came."""
        return self.folder / SOURCE_NAME

    def touch(self) -> None:
        """Say that it was used."""
        self.touched = time.monotonic()

    def update(self, **changes: Any) -> None:
        """Change fields of the state and wake whoever follows it."""
        self.state = self.state.model_copy(update=changes)
        self.version += 1
        self.wake()

    def wake(self) -> None:
        """Wake whoever follows the state, though nothing changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def news(self, version: int, seconds: float) -> bool:
        """Wait until there is another version than this one, or `wake`; False if neither came in time."""
        if self.version != version:
            return True
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True
