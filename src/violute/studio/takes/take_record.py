"""`TakeState`, what the page knows of one recording, and `TakeRecord`, what the server keeps beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, computed_field

from violute.analysis.polyphony.chords import Lines
from violute.studio.refusal import RefusalError
from violute.studio.work.jobs import Job, Outcome, Progressed, Refused, Report, Stopped
from violute.studio.work.live_gains import LiveGains
from violute.studio.work.pool import Ticket, WorkerPool

Status = Literal["queued", "analysing", "ready", "failed", "cancelled"]
FINAL: frozenset[Status] = frozenset({"ready", "failed", "cancelled"})


LOOK_SECONDS = 0.25
"""How often a long rendering looks whether anybody still waits for it."""


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
    voice: str = Field(description="Name of the voice.")
    lines: Lines = Field(default="auto", description="How many notes may sound at once; auto finds out.")
    n_lines: int | None = Field(default=None, description="Notes that sound at once, as they were heard.")
    ends: list[str] = Field(description="What the voice calls mix 0 and mix 1.")
    warnings: tuple[str, ...] = Field(default=(), description="What to know before listening.")
    live_gains: LiveGains | None = Field(default=None, description="For live synthesis, where there is any.")
    source_gain: float = Field(
        default=1.0,
        description="What the preview of the source was multiplied by to stay within full scale, at most 1.",
    )

    @computed_field(description="Whether there are parameters for live synthesis.")  # type: ignore[prop-decorator]
    @property
    def is_live(self) -> bool:
        """Whether there are parameters for live synthesis."""
        return self.live_gains is not None

    @property
    def n_samples(self) -> int:
        """Samples of the recording, all channels together; 0 until the file was opened."""
        return round((self.duration_seconds or 0.0) * (self.sample_rate or 0)) * (self.n_channels or 0)


async def outcome_of(
    ticket: Ticket, is_gone: Callable[[], Awaitable[bool]], what: str = "the rendering"
) -> Outcome:
    """Wait for what comes of a job, which is dropped once `is_gone` says that nobody waits for it any more.

    Args:
        ticket: Of the job.
        is_gone: Asked some times a second.
        what: Is made, as whoever waits calls it.

    Raises:
        RefusalError: It cannot be done so, or was dropped.
    """
    try:
        while (outcome := await ticket.outcome(LOOK_SECONDS)) is None:
            if await is_gone():
                break
    finally:
        await asyncio.shield(ticket.cancel())
    if isinstance(outcome, Refused):
        raise RefusalError(422, outcome.message)
    if outcome is None or isinstance(outcome, Stopped):
        raise RefusalError(409, f"{what} was cancelled: ask for it again")
    return outcome


class TakeRecord:
    """One recording: its state, its folder, and whoever waits for a change.

    Attributes:
        owner: The machine that it came from.
        used_at: When it was last used, on the monotonic clock.
        tickets: Jobs about it that wait or run.
        renderings: Share done of those under way, by what the page calls them.
    """

    def __init__(self, state: TakeState, folder: Path, owner: str) -> None:
        self.state = state
        self.owner = owner
        self.renderings: dict[str, float] = {}
        self.used_at = time.monotonic()
        self.tickets: set[Ticket] = set()
        self.folder = folder
        # Without an extension: none that a stranger chose is to be trusted.
        self.source = folder / "source"
        self.preview = folder / "preview.wav"
        self.parameters = folder / "parameters.bin"
        self._changed = asyncio.Event()
        self._is_closed = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing is going on."""
        return self.state.status in FINAL

    def described(self, voice: str, lines: Lines) -> tuple[str, Path, str, str, Lines]:
        """Return the fields of a `Job` about the recording."""
        return self.state.id, self.source, self.state.name, voice, lines

    async def outcome(
        self, pool: WorkerPool, job: Job, is_gone: Callable[[], Awaitable[bool]], label: str = ""
    ) -> Outcome:
        """Have a job about the recording done, and tell by its label how far it is.

        The work is dropped once `is_gone` says that nobody waits for it any more.

        Raises:
            RefusalError: It cannot be done so, or too much is going on.
        """

        def note(report: Report) -> None:
            if isinstance(report, Progressed) and label in self.renderings:
                self.renderings[label] = report.share

        ticket = pool.submit(job, note)
        self.tickets.add(ticket)
        self.renderings[label] = 0.0
        try:
            return await outcome_of(ticket, is_gone)
        finally:
            self.renderings.pop(label, None)
            self.tickets.discard(ticket)

    def update(self, **changes: object) -> None:
        """Change fields of the state and wake whoever follows it."""
        self.state = self.state.model_copy(update=changes)
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Let whoever follows the state go: the studio stops."""
        self._is_closed = True
        self._changed.set()

    async def states(self) -> AsyncIterator[TakeState]:
        """Yield the state now and after each change, up to the last one.

        States that follow each other quicker than they are read are passed over.
        """
        while not self._is_closed:
            self.used_at = time.monotonic()
            state, changed = self.state, self._changed
            yield state
            if state.status in FINAL:
                return
            await changed.wait()
