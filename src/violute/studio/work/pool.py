"""`WorkerPool`: jobs go to worker processes; jobs that are cancelled, hang or crash take nothing with them.

Everything here runs in the server's event loop but for one thread a worker, which waits for its answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

from violute.studio.limits import Limits, in_minutes
from violute.studio.refusal import RefusalError
from violute.studio.work.jobs import Cancel, Job, Outcome, Refused, Report, Stopped
from violute.studio.work.worker import work

STOP_SECONDS = 0.5
"""So long a worker has to notice that its job was cancelled; then it is killed."""

REMEMBERED_TAKES = 16
TOO_BUSY = 503
UNUSABLE = 422


@dataclass(eq=False)
class Ticket:
    """A job that waits or runs.

    Attributes:
        job: What to do.
        on_report: Called in the event loop with whatever the worker tells on the way.
        outcome: Holds the outcome once there is one, `Refused` or `Stopped` too.
    """

    job: Job
    on_report: Callable[[Report], None]
    outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class WorkerPool:
    """A few processes and a bounded queue.

    Args:
        limits: How many processes, how many jobs may wait, and for how long one may run.
        voice: Name of the voice that workers are ready with.
        scratch: Folder for the workers' temporary files.
    """

    def __init__(self, limits: Limits, voice: str, scratch: Path) -> None:
        self._limits = limits
        self._voice = voice
        self._scratch = scratch
        self._waiting: deque[Ticket] = deque()
        self._workers: list[_Worker] = []
        self._is_closed = False

    def start(self) -> None:
        """Start the first worker, so that it is warm when the first recording comes."""
        self._hire()

    def submit(self, job: Job, on_report: Callable[[Report], None] = lambda _: None) -> Ticket:
        """Put a job into the queue.

        Raises:
            RefusalError: Too many wait already.
        """
        if self._is_closed or len(self._waiting) >= self._limits.max_waiting:
            raise RefusalError(TOO_BUSY, "the studio has as much to do as it takes on: try again in a moment")
        ticket = Ticket(job, on_report)
        self._waiting.append(ticket)
        self._dispatch()
        return ticket

    async def cancel(self, ticket: Ticket) -> None:
        """Stop a job, by force if need be, and return once nothing works at it any more."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            _settle(ticket, Stopped())
            return
        for worker in self._workers:
            if worker.ticket is ticket:
                worker.stop_job()
                await asyncio.wait({ticket.outcome}, timeout=STOP_SECONDS)
                if worker.ticket is ticket:
                    worker.kill()
                    await asyncio.wait({ticket.outcome})
                return

    def close(self) -> None:
        """End every worker and whatever it works at."""
        self._is_closed = True
        for ticket in self._waiting:
            _settle(ticket, Stopped())
        self._waiting.clear()
        for worker in self._workers:
            worker.drop_job()
            worker.kill()
        for worker in self._workers:
            worker.join()
        self._workers.clear()

    def _dispatch(self) -> None:
        """Give waiting jobs to idle workers, a take's jobs to the one that knows it if it is idle."""
        while self._waiting:
            idle = [worker for worker in self._workers if worker.ticket is None]
            if not idle and len(self._workers) < self._limits.n_workers:
                idle = [self._hire()]
            if not idle:
                return
            ticket = self._waiting.popleft()
            knowing = [worker for worker in idle if ticket.job.take in worker.takes]
            (knowing or idle)[0].begin(ticket, self._limits.job_seconds)

    def _hire(self) -> _Worker:
        worker = _Worker(
            (self._voice, self._limits, self._scratch), on_free=self._dispatch, on_death=self._bury
        )
        self._workers.append(worker)
        return worker

    def _bury(self, worker: _Worker) -> None:
        if worker in self._workers and not self._is_closed:
            self._workers.remove(worker)
            worker.join()
            self._dispatch()


class _Worker:
    """The server's side of one worker process.

    Args:
        setting: What `work` wants to know beside its connection.
        on_free: Called when a job has ended and the next may come.
        on_death: Called when the process is gone.
    """

    def __init__(
        self,
        setting: tuple[str, Limits, Path],
        *,
        on_free: Callable[[], None],
        on_death: Callable[[_Worker], None],
    ) -> None:
        self.ticket: Ticket | None = None
        self.takes: deque[str] = deque(maxlen=REMEMBERED_TAKES)
        self._on_free = on_free
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._seconds = 0.0
        self._is_overdue = False
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=work, args=(theirs, *setting), daemon=True, name="violute-worker"
        )
        with _without_interrupts():
            self._process.start()
        theirs.close()
        self._thread = threading.Thread(target=self._listen, args=(self._connection,), daemon=True)
        self._thread.start()

    def begin(self, ticket: Ticket, seconds: float) -> None:
        """Hand a job over; it may run for so many seconds."""
        self.ticket = ticket
        self.takes.append(ticket.job.take)
        self._seconds = seconds
        self._deadline = self._loop.call_later(seconds, self._overrun)
        with contextlib.suppress(OSError):  # it has just died: the listening thread tells
            self._connection.send(ticket.job)

    def stop_job(self) -> None:
        """Ask the worker to stop its job."""
        with contextlib.suppress(OSError):
            self._connection.send(Cancel())

    def drop_job(self) -> None:
        """Count the job at hand as stopped, whatever becomes of it."""
        self._end(Stopped())

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def join(self) -> None:
        """Wait until the process is gone and let go of what belongs to it."""
        self._process.join()
        self._thread.join()
        self._connection.close()
        self._process.close()

    def _overrun(self) -> None:
        self._is_overdue = True
        self.kill()

    def _listen(self, connection: Connection) -> None:
        """Pass on what the worker says, until it is gone; the only code of the server in another thread."""
        while True:
            try:
                said = connection.recv()
            except (EOFError, OSError):
                said = None
            try:
                self._loop.call_soon_threadsafe(self._heard, said)
            except RuntimeError:  # the loop has ended, and nobody is left to tell
                return
            if said is None:
                return

    def _heard(self, said: Report | Outcome | None) -> None:
        if said is None:
            self._end(Refused(self._obituary()))
            self._on_death(self)
        elif isinstance(said, Report):
            if self.ticket is not None:
                self.ticket.on_report(said)
        else:
            self._end(said)
            self._on_free()

    def _end(self, outcome: Outcome) -> None:
        ticket, self.ticket = self.ticket, None
        if self._deadline is not None:
            self._deadline.cancel()
        if ticket is not None:
            _settle(ticket, outcome)

    def _obituary(self) -> str:
        name = "" if self.ticket is None else self.ticket.job.name
        if self._is_overdue:
            return f"{name} took longer than {in_minutes(self._seconds)}: try again, or cut it"
        return f"{name} brought the analysis down: it is damaged, or the terminal of the studio tells more"


def _settle(ticket: Ticket, outcome: Outcome) -> None:
    if not ticket.outcome.done():
        ticket.outcome.set_result(outcome)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: they inherit the mask, and their server ends them."""
    if sys.platform == "win32":  # pragma: no cover - there a worker ignores it once it runs
        yield
        return
    # It starts beside the first worker otherwise, and takes the mask off on its way.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
