"""`Desk`: the recordings at hand, from upload to rendering; what the HTTP routes call."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path

from violute.examples import example_paths
from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.takes.catalogue import Catalogue, VoiceEntry
from violute.studio.takes.rendering import MEDIA_TYPES, RenderSettings, file_name
from violute.studio.takes.shelf import Shelf
from violute.studio.takes.store import Store, StoreFullError
from violute.studio.takes.takes import (
    PARAMETERS_NAME,
    PREVIEW_NAME,
    SOURCE_NAME,
    Gains,
    TakeRecord,
    TakeState,
)
from violute.studio.web.files import RenderedFile
from violute.studio.web.uploads import receive_file
from violute.studio.work.jobs import (
    Analysed,
    AnalyseJob,
    Described,
    Outcome,
    Refused,
    Rendered,
    RenderJob,
    Report,
)
from violute.studio.work.pool import Ticket, WorkerPool

NOT_FOUND, CONFLICT, UNUSABLE = 404, 409, 422
LOOK_SECONDS = 0.25
"""How often a long rendering looks whether anybody still waits for it."""

EXPIRY_SECONDS = 15.0
PREVIEW_BYTES_PER_SAMPLE = 2
MAX_BYTES_PER_SAMPLE = 8
"""Of a rendering, where the source is stored in doubles."""

PARAMETER_BYTES_PER_SECOND = 80_000


class Desk:
    """The recordings at hand.

    Args:
        limits: What may be on the desk.
        store: Where it lies.
        pool: Who works at it.
        catalogue: The voices there are.

    Attributes:
        closing: Set when the studio stops.
    """

    def __init__(self, limits: Limits, store: Store, pool: WorkerPool, catalogue: Catalogue) -> None:
        self.limits = limits
        self.closing = asyncio.Event()
        self._store = store
        self._shelf = Shelf(limits, store)
        self._pool = pool
        self._catalogue = catalogue
        self._errands: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to work; in the event loop."""
        self._pool.start()
        self._send_off(self._expire())

    def close(self) -> None:
        """Stop everything and leave nothing behind."""
        self.stop_streams()
        for errand in self._errands:
            errand.cancel()
        self._pool.close()
        self._store.close()

    def stop_streams(self) -> None:
        """End the streams of events, which would keep the server from ending."""
        self.closing.set()
        for record in self._shelf.records():
            record.wake()

    async def add_upload(
        self, chunks: AsyncIterator[bytes], content_type: str, declared_bytes: int | None, voice: str | None
    ) -> TakeRecord:
        """Receive a recording and put it in the queue.

        Raises:
            RefusalError: The upload cannot be taken, or there is no room.
            VoiceError: The voice is unknown.
        """
        chosen = await self._catalogue.find(voice)
        with self._shelf.arriving() as folder:
            name = await receive_file(
                chunks,
                content_type,
                declared_bytes,
                folder / SOURCE_NAME,
                limits=self.limits,
                claim=lambda n_bytes: self._shelf.claim(folder, n_bytes),
            )
            return self._accept(folder, name, chosen)

    async def add_example(self, example: str, voice: str | None) -> TakeRecord:
        """Put a shipped piece in the queue.

        Raises:
            RefusalError: There is no such piece, or no room.
            VoiceError: The voice is unknown.
        """
        path = example_paths().get(example)
        if path is None:
            names = " or ".join(example_paths())
            raise RefusalError(NOT_FOUND, f"there is no example {example[:40]!r}: choose {names}")
        chosen = await self._catalogue.find(voice)
        with self._shelf.arriving() as folder:
            self._shelf.claim(folder, path.stat().st_size)
            shutil.copyfile(path, folder / SOURCE_NAME)
            return self._accept(folder, path.name, chosen)

    def find(self, take_id: str) -> TakeRecord:
        """Return a recording and count it as used.

        Raises:
            RefusalError: It is not here, or not any more.
        """
        return self._shelf.find(take_id)

    def find_ready(self, take_id: str) -> TakeRecord:
        """Return a recording that has been listened to.

        Raises:
            RefusalError: It is not here, or not ready.
        """
        return self._shelf.find_ready(take_id)

    async def choose_voice(self, take_id: str, voice: str) -> TakeRecord:
        """Listen to a recording again, with another voice.

        Raises:
            RefusalError: It is not here, its first analysis runs still, or too much is going on.
            VoiceError: The voice is unknown.
        """
        chosen = await self._catalogue.find(voice)
        record = self._shelf.find(take_id)
        if not record.is_settled or not record.source.exists():
            raise RefusalError(
                CONFLICT, f"this recording is {record.state.status}: its voice cannot change now"
            )
        self._listen(record, chosen, has_files=True)
        return record

    async def render(
        self, take_id: str, settings: RenderSettings, is_gone: Callable[[], Awaitable[bool]]
    ) -> RenderedFile:
        """Render a recording into a file.

        Args:
            take_id: Of the recording.
            settings: What to render.
            is_gone: Whether nobody waits for it any more; then the work is dropped.

        Raises:
            RefusalError: The recording is not here or not ready, or it cannot be rendered so.
            MixError: The dials are malformed.
            VoiceError: The voice is unknown.
        """
        record = self._shelf.find_ready(take_id)
        state = record.state
        mix = settings.as_mix()
        chosen = await self._catalogue.find(settings.voice or state.voice)
        settings = settings.model_copy(update={"voice": chosen.name})
        with self._shelf.rendering() as folder:
            self._shelf.claim(folder, _n_samples(record) * MAX_BYTES_PER_SAMPLE, keep=record)
            path = folder / f"hybrid.{settings.format}"
            job = RenderJob(take_id, record.source, state.name, chosen.name, mix, path)
            ticket = self._pool.submit(job)
            record.tickets.add(ticket)
            try:
                outcome = await self._awaited(ticket, is_gone)
            finally:
                record.tickets.discard(ticket)
            if isinstance(outcome, Refused):
                raise RefusalError(UNUSABLE, outcome.message)
            if not isinstance(outcome, Rendered):
                raise RefusalError(CONFLICT, "the rendering was cancelled: ask for it again")
            self._shelf.settle(folder)
        name, media_type = file_name(state.name, settings), MEDIA_TYPES[settings.format]
        return RenderedFile(path, name, media_type, lambda: self._shelf.clear(folder))

    def remove(self, take_id: str) -> TakeState:
        """Cancel whatever is done with a recording and remove all of it.

        Raises:
            RefusalError: It is not here.
        """
        record = self._shelf.find(take_id)
        self._shelf.take_off(record)
        record.update(status="cancelled")
        self._send_off(self._clear_away(record))
        return record.state

    def _accept(self, folder: Path, name: str, voice: VoiceEntry) -> TakeRecord:
        state = TakeState(id=folder.name, name=name, voice=voice.name, ends=voice.ends)
        record = TakeRecord(state, folder)
        self._listen(record, voice)
        self._shelf.put(record)
        return record

    def _listen(self, record: TakeRecord, voice: VoiceEntry, *, has_files: bool = False) -> None:
        """Queue the analysis of a recording with a voice.

        Args:
            record: The recording.
            voice: The voice.
            has_files: Whether it was listened to before; then it stays, whatever this voice makes of it.

        Raises:
            RefusalError: Too much is going on.
        """
        parameters = record.folder / PARAMETERS_NAME
        preview = record.folder / PREVIEW_NAME
        job = AnalyseJob(record.state.id, record.source, record.state.name, voice.name, preview, parameters)
        ticket = self._pool.submit(job, lambda report: self._note(record, ticket, report))
        record.tickets.add(ticket)
        parameters.unlink(missing_ok=True)
        record.update(
            status="queued",
            progress=0.0,
            message="",
            voice=voice.name,
            ends=voice.ends,
            gains=None,
            is_live=False,
        )
        self._send_off(self._conclude(record, ticket, has_files=has_files))

    def _note(self, record: TakeRecord, ticket: Ticket, report: Report) -> None:
        """Take a report of the analysis into the state."""
        if record.is_settled:
            return
        if not isinstance(report, Described):
            record.update(status="analysing", progress=report.share)
            return
        record.update(
            status="analysing",
            duration_seconds=report.duration_seconds,
            sample_rate=report.sample_rate,
            n_channels=report.n_channels,
        )
        made = PREVIEW_BYTES_PER_SAMPLE * _n_samples(record)
        made += round(PARAMETER_BYTES_PER_SECOND * report.duration_seconds)
        try:
            self._shelf.claim(record.folder, record.source.stat().st_size + made, keep=record)
        except StoreFullError as error:
            record.update(status="failed", message=str(error))
            self._send_off(self._pool.cancel(ticket))

    async def _conclude(self, record: TakeRecord, ticket: Ticket, *, has_files: bool) -> None:
        """Take the outcome of an analysis into the state."""
        outcome = await ticket.outcome
        record.tickets.discard(ticket)
        self._shelf.settle(record.folder)
        if isinstance(outcome, Analysed) and not record.is_settled:
            gains = Gains(
                mixes=list(outcome.mixes), gain=list(outcome.gain), channel_gains=list(outcome.channel_gains)
            )
            record.update(
                status="ready",
                progress=1.0,
                warnings=list(outcome.warnings),
                is_live=outcome.is_live,
                gains=gains if outcome.is_live else None,
                source_gain=outcome.source_gain,
            )
            return
        if isinstance(outcome, Refused) and not record.is_settled:
            record.update(status="failed", message=outcome.message)
        if record.state.status == "failed" and not has_files:
            # The sentence stays to be read, the files are of no use to anybody.
            self._shelf.clear(record.folder)

    async def _awaited(self, ticket: Ticket, is_gone: Callable[[], Awaitable[bool]]) -> Outcome:
        """Wait for a job as long as somebody else waits for it."""
        try:
            while not ticket.outcome.done():
                await asyncio.wait({ticket.outcome}, timeout=LOOK_SECONDS)
                if not ticket.outcome.done() and await is_gone():
                    break
        finally:
            await asyncio.shield(self._pool.cancel(ticket))
        return ticket.outcome.result()

    async def _clear_away(self, record: TakeRecord) -> None:
        for ticket in tuple(record.tickets):
            await self._pool.cancel(ticket)
        self._shelf.clear(record.folder)

    async def _expire(self) -> None:
        """Remove what nobody has used for long, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            for record in self._shelf.stale():
                self.remove(record.state.id)

    def _send_off(self, errand: Coroutine[None, None, None]) -> None:
        """Let something happen on its own; the loop alone would forget it."""
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def _n_samples(record: TakeRecord) -> int:
    """Samples of a recording, all channels together."""
    state = record.state
    return round((state.duration_seconds or 0.0) * (state.sample_rate or 0)) * (state.n_channels or 0)
