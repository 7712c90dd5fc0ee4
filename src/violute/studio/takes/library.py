"""`TakeLibrary`: the recordings at hand, from upload to rendering; what the HTTP routes call."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path

from violute.analysis.polyphony.chords import Lines
from violute.errors import VoiceError
from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.takes.arrivals import Arrivals
from violute.studio.takes.catalogue import Catalogue, VoiceEntry
from violute.studio.takes.rendering import RenderSettings
from violute.studio.takes.storage import Storage, StorageFullError
from violute.studio.takes.take_record import TakeRecord, TakeState
from violute.studio.work.jobs import (
    Analysed,
    AnalyseJob,
    Described,
    Refused,
    Rendered,
    RenderJob,
    Report,
    Transposed,
    TransposeJob,
)
from violute.studio.work.live_gains import LiveGains
from violute.studio.work.pool import Ticket, WorkerPool

EXPIRY_SECONDS = 15.0
PREVIEW_BYTES_PER_SAMPLE = 2
MAX_BYTES_PER_SAMPLE = 8
"""Of a rendering, where the source is stored in doubles."""

PARAMETER_BYTES_PER_SECOND = 120_000
"""Of live parameters where half of a piece is chords; one line has 73,000. Measured once they are there."""

MAX_VOICES = 16
"""Voices that are sent and kept."""

RESERVED_SECONDS = 900.0
"""A recording that was used within this time makes no way for those of other machines."""


class TakeLibrary:
    """Recordings by id, bounded in number, bytes and age; the one unused for longest makes room for the next.

    A context manager: inside it works.
    """

    def __init__(self, limits: Limits, storage: Storage, pool: WorkerPool) -> None:
        self.limits = limits
        self._storage = storage
        self.pool = pool
        self._records: dict[str, TakeRecord] = {}
        self._arrivals = Arrivals(self.limits)
        self._voices: set[str] = set()  # folders of those that were sent
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> None:
        """Begin to work."""
        self.pool.start()
        self._start(self._expire())

    async def __aexit__(self, *_: object) -> None:
        """Stop everything and leave nothing behind."""
        self.stop_streams()
        for task in self._tasks:
            task.cancel()
        await self.pool.close()
        self._storage.close()

    def stop_streams(self) -> None:
        """End the streams of events, which would keep the server from ending."""
        for record in self._records.values():
            record.close()

    def states_of(self, take_id: str) -> list[TakeState]:
        """Return the state of a recording, or nothing where it is not here any more."""
        return [self.find(take_id).state] if take_id in self._records else []

    def find(self, take_id: str) -> TakeRecord:
        """Return a recording and count it as used.

        Raises:
            RefusalError: It is not here, or not any more.
        """
        record = self._records.get(take_id)
        if record is None:
            raise RefusalError(404, "this recording is not here any more: send it again")
        record.used_at = time.monotonic()
        return record

    def find_ready(self, take_id: str) -> TakeRecord:
        """Return a recording that has been analysed.

        Raises:
            RefusalError: It is not here, or not ready.
        """
        record = self.find(take_id)
        status = record.state.status
        if status == "failed":
            raise RefusalError(409, record.state.message)
        if status != "ready":
            raise RefusalError(409, f"this recording is {status} still: wait until it is ready")
        return record

    @contextlib.contextmanager
    def new_take(self, owner: str) -> Iterator[Path]:
        """Make a folder for what comes in; it goes again unless it is kept.

        Nothing makes way for it until it is whole.

        Raises:
            RefusalError: As many come in as there may, from this machine or together.
        """
        with self._arrivals.admitted(owner), self.new_folder() as folder:
            yield folder

    async def keep_voice(
        self, catalogue: Catalogue, owner: str, receive: Callable[[Path], Awaitable[str]]
    ) -> VoiceEntry:
        """Take in a voice file that `receive` writes, and offer it until the studio ends.

        Raises:
            RefusalError: The upload went wrong, or there are as many uploads or voices as there may be.
            VoiceError: It is no voice that this version plays.
        """
        with self.new_take(owner) as folder:
            # Under its own name, of which words that a system gives a meaning are left out.
            name = re.sub(r"[^\w .+-]", "", Path(await receive(folder / "arriving")).stem).strip(" .")
            if len(self._voices) >= MAX_VOICES:
                raise RefusalError(429, f"the studio has {MAX_VOICES} voices that were sent: restart it")
            path = (folder / "arriving").rename(folder / f"{name or 'voice'}.onnx")
            try:
                entry = await asyncio.to_thread(catalogue.add, path, argument=path.name)
            except VoiceError as error:  # where it lies here is nobody's business
                raise VoiceError(str(error).replace(str(path), path.name)) from None
            self._voices.add(folder.name)
        return entry

    @contextlib.contextmanager
    def new_folder(self) -> Iterator[Path]:
        """Make a folder; it goes at the end of the block, unless it has become a take's."""
        folder = self._storage.new_folder()
        try:
            yield folder
        finally:
            if folder.name not in self._records and folder.name not in self._voices:
                self._storage.remove(folder)

    def claim(self, folder: Path, n_bytes: int, owner: str, keep: TakeRecord | None = None) -> None:
        """Claim room for all that a folder will hold, at the cost of recordings that were not used for long.

        Raises:
            StorageFullError: All else is in use, or is `keep`.
        """
        while True:
            try:
                self._storage.claim(folder, n_bytes)
            except StorageFullError:
                if not self._evict(owner, keep):
                    raise
            else:
                return

    def add(self, folder: Path, name: str, voice: VoiceEntry, owner: str, lines: Lines = "auto") -> TakeState:
        """Take in the recording in a folder of `new_take`, and queue its analysis.

        Raises:
            RefusalError: There are as many recordings as there may be, all in use, or too much is going on.
        """
        while len(self._records) >= self.limits.max_takes:
            if not self._evict(owner):
                raise RefusalError(
                    503, "the studio has as many recordings as it takes: try again in a moment"
                )
        first = TakeState(id=folder.name, name=name, voice=voice.name, ends=voice.ends)
        record = TakeRecord(first, folder, owner)
        state = self.analyse(record, voice, lines)
        self._records[folder.name] = record
        return state

    def analyse(self, record: TakeRecord, voice: VoiceEntry, lines: Lines) -> TakeState:
        """Queue the analysis of a recording with a voice, be it the first or another.

        Raises:
            RefusalError: An analysis runs still, or too much is going on.
        """
        is_first = record.state.id not in self._records
        if not is_first and (not record.is_settled or not record.source.exists()):
            raise RefusalError(409, f"this recording is {record.state.status}: its voice cannot change now")
        job = AnalyseJob(*record.described(voice.key, lines), record.preview, record.parameters)
        ticket = self.pool.submit(job, lambda report: self._take_report(record, ticket, report))
        record.tickets.add(ticket)
        record.parameters.unlink(missing_ok=True)
        record.update(
            status="queued",
            progress=0.0,
            message="",
            voice=voice.name,
            ends=voice.ends,
            lines=lines,
            n_lines=None,
            live_gains=None,
        )
        # What was analysed before stays, whatever this voice makes of it.
        self._start(self._finish_analysis(record, ticket, is_first=is_first))
        return record.state

    async def render(
        self,
        record: TakeRecord,
        voice: VoiceEntry,
        settings: RenderSettings,
        destination: Path,
        is_gone: Callable[[], Awaitable[bool]],
    ) -> tuple[str, ...]:
        """Render a recording that is ready into a file in a folder of `new_folder`.

        How far it is stands in the record's `renderings` under the label of the settings. The work is dropped
        once `is_gone` says that nobody waits for it any more.

        Returns:
            What to know about this rendering, such as dials that the voice passes over.

        Raises:
            RefusalError: It cannot be rendered so, or too much is going on.
        """
        state = record.state
        self.claim(destination.parent, state.n_samples * MAX_BYTES_PER_SAMPLE, record.owner, keep=record)
        finish = (settings.as_output(), settings.bits, settings.as_span())
        described = record.described(voice.key, state.lines)
        job = RenderJob(*described, settings.as_mix(), destination, *finish)
        outcome = await record.outcome(self.pool, job, is_gone, settings.label)
        assert isinstance(outcome, Rendered)
        self._storage.measure(destination.parent)
        return outcome.warnings

    async def transpose(
        self,
        record: TakeRecord,
        voice: VoiceEntry,
        semitones: float,
        destination: Path,
        is_gone: Callable[[], Awaitable[bool]],
    ) -> LiveGains:
        """Write the live parameters of a recording at another pitch into a file in a folder of `new_folder`.

        Raises:
            RefusalError: There are none, or too much is going on.
        """
        n_bytes = round(PARAMETER_BYTES_PER_SECOND * (record.state.duration_seconds or 0.0))
        self.claim(destination.parent, n_bytes, record.owner, keep=record)
        job = TransposeJob(*record.described(voice.key, record.state.lines), semitones, destination)
        outcome = await record.outcome(self.pool, job, is_gone)
        assert isinstance(outcome, Transposed)
        return outcome.live_gains

    def remove(self, take_id: str) -> TakeState:
        """Cancel whatever is done with a recording and remove all of it.

        Raises:
            RefusalError: It is not here.
        """
        record = self.find(take_id)
        del self._records[take_id]
        record.update(status="cancelled")
        self._start(self._clear(record))
        return record.state

    def _take_report(self, record: TakeRecord, ticket: Ticket, report: Report) -> None:
        """Take a report of the analysis into the state."""
        if record.is_settled:
            return
        if not isinstance(report, Described):
            record.update(status="analysing", progress=report.share)
            return
        record.update(status="analysing", **vars(report))
        n_bytes = record.source.stat().st_size + PREVIEW_BYTES_PER_SAMPLE * record.state.n_samples
        n_bytes += round(PARAMETER_BYTES_PER_SECOND * report.duration_seconds)
        try:
            self.claim(record.folder, n_bytes, record.owner, keep=record)
        except StorageFullError as error:
            record.update(status="failed", message=str(error))
            self._start(ticket.cancel())

    async def _finish_analysis(self, record: TakeRecord, ticket: Ticket, *, is_first: bool) -> None:
        """Take the outcome of an analysis into the state."""
        outcome = await ticket.outcome()
        record.tickets.discard(ticket)
        self._storage.measure(record.folder)
        if isinstance(outcome, Analysed) and not record.is_settled:
            record.update(status="ready", progress=1.0, **vars(outcome))
            return
        if isinstance(outcome, Refused) and not record.is_settled:
            record.update(status="failed", message=outcome.message)
        if record.state.status == "failed" and is_first:
            # The sentence stays to be read, the files are of no use to anybody.
            self._storage.remove(record.folder)

    async def _clear(self, record: TakeRecord) -> None:
        for ticket in tuple(record.tickets):
            await ticket.cancel()
        self._storage.remove(record.folder)

    async def _expire(self) -> None:
        """Remove what nobody has used for long, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            oldest = time.monotonic() - self.limits.keep_seconds
            for record in self._idle_records():
                if record.used_at < oldest:
                    self.remove(record.state.id)

    def _idle_records(self, keep: TakeRecord | None = None) -> list[TakeRecord]:
        records = self._records.values()
        return [
            record for record in records if record.is_settled and not record.tickets and record is not keep
        ]

    def _evict(self, owner: str, keep: TakeRecord | None = None) -> bool:
        """Remove a failed recording, one of the asker's own, or another's that rests; False if there is none.

        Whoever sends much so removes what is theirs; another's that is in use stays.
        """
        rested = time.monotonic() - RESERVED_SECONDS
        idle = [r for r in self._idle_records(keep) if r.owner == owner or r.used_at < rested or _failed(r)]
        if not idle:
            return False
        chosen = min(idle, key=lambda record: (not _failed(record), record.owner != owner, record.used_at))
        del self._records[chosen.state.id]
        self._storage.remove(chosen.folder)
        return True

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """Let something happen on its own; the loop alone would forget it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _failed(record: TakeRecord) -> bool:
    return record.state.status != "ready"
