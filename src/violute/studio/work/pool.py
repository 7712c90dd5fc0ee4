"""`WorkerPool`: jobs go to worker processes; jobs that are cancelled, hang or crash take nothing with them.

Everything here runs in the server's event loop, but that a thread waits for the messages of each job at work.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from multiprocessing import resource_tracker
from pathlib import Path

from violute.studio.limits import Limits, in_minutes
from violute.studio.refusal import RefusalError
from violute.studio.work.jobs import Cancel, Job, Outcome, Refused, Report, Stopped
from violute.studio.work.worker import work

STOP_SECONDS = 0.5
"""So long a worker has to notice that its job was cancelled; then it is killed."""

REMEMBERED_TAKES = 16


class Ticket:
    """A job that waits or runs."""

    def __init__(self, running: Coroutine[None, None, Outcome]) -> None:
        self.task = asyncio.create_task(running)

    async def outcome(self, seconds: float | None = None) -> Outcome | None:
        """Wait for the outcome; None if it takes longer than so many seconds."""
        await asyncio.wait({self.task}, timeout=seconds)
        if not self.task.done():
            return None
        return Stopped() if self.task.cancelled() else self.task.result()

    async def cancel(self) -> None:
        """Stop the job, by force if need be, and return once nothing works at it any more."""
        if not self.task.cancelling():  # twice would cut the worker's time to stop short
            self.task.cancel()
        await asyncio.wait({self.task})


class WorkerPool:
    """A few processes, ready with a voice, and a bounded queue; `scratch` is for their temporary files."""

    def __init__(self, limits: Limits, voice: str, scratch: Path) -> None:
        self._limits = limits
        self._setting = (voice, limits, scratch)
        self._free = asyncio.Semaphore(limits.n_workers)
        self._idle: list[_Worker] = []
        self._tickets: set[Ticket] = set()
        self._is_closed = False

    def start(self) -> None:
        """Start the first worker, so that it is warm when the first recording comes."""
        self._idle.append(_Worker(self._setting))

    def submit(self, job: Job, on_report: Callable[[Report], None] = lambda _: None) -> Ticket:
        """Put a job into the queue; what its worker reports on the way goes to `on_report`.

        Raises:
            RefusalError: Too many wait already.
        """
        if self._is_closed or len(self._tickets) >= self._limits.max_waiting + self._limits.n_workers:
            raise RefusalError(503, "the studio has as much to do as it takes on: try again in a moment")
        ticket = Ticket(self._run(job, on_report))
        self._tickets.add(ticket)
        ticket.task.add_done_callback(lambda _: self._tickets.discard(ticket))
        return ticket

    async def close(self) -> None:
        """End every worker and whatever it works at."""
        self._is_closed = True
        await asyncio.gather(*(ticket.cancel() for ticket in self._tickets))
        for worker in self._idle:
            worker.kill()
        self._idle.clear()

    async def _run(self, job: Job, on_report: Callable[[Report], None]) -> Outcome:
        async with self._free:
            while True:
                worker = self._worker_for(job)
                is_new = not worker.takes
                outcome = await worker.run(job, on_report, self._limits.job_seconds)
                if worker.is_alive:
                    self._idle.append(worker)
                # One that died while it was idle may be noticed only now: the next one does the job.
                if is_new or worker.has_begun or isinstance(outcome, Stopped):
                    return outcome

    def _worker_for(self, job: Job) -> _Worker:
        """Take an idle worker, if there is one that knows the take already, that one; or start another."""
        self._idle = [worker for worker in self._idle if worker.is_alive]
        if not self._idle:
            return _Worker(self._setting)
        worker = max(self._idle, key=lambda worker: job.take in worker.takes)
        self._idle.remove(worker)
        return worker


class _Worker:
    """The server's side of one worker process; `setting` is what `work` wants to know beside its connection.

    Attributes:
        takes: Ids of those that it had to do with, the last ones.
        has_begun: Whether it has reported anything of the last job.
    """

    def __init__(self, setting: tuple[str, Limits, Path]) -> None:
        self.takes: deque[str] = deque(maxlen=REMEMBERED_TAKES)
        self.has_begun = False
        self._message: asyncio.Future[Report | Outcome] | None = None
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=work, args=(theirs, *setting), daemon=True, name="violute-worker"
        )
        with _without_interrupts():
            self._process.start()
        theirs.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    async def run(self, job: Job, on_report: Callable[[Report], None], seconds: float) -> Outcome:
        """Have a job done; if it is cancelled or takes longer than so many seconds, see to its end."""
        self.takes.append(job.take)
        self.has_begun = False
        try:
            self._connection.send(job)
            async with asyncio.timeout(seconds):
                return await self._outcome(on_report)
        except (EOFError, OSError) as error:
            await self._end()
            if isinstance(error, TimeoutError):
                return Refused(f"{job.name} took longer than {in_minutes(seconds)}: try again, or cut it")
            reason = "it is damaged, or the terminal of the studio tells more"
            return Refused(f"{job.name} brought the analysis down: {reason}")
        except asyncio.CancelledError:
            try:
                self._connection.send(Cancel())
                # Before Python 3.11.4 `asyncio.timeout` does not end a task that is being cancelled.
                await asyncio.wait_for(self._outcome(lambda _: None), STOP_SECONDS)
            except (EOFError, OSError):
                await self._end()
            return Stopped()

    def kill(self) -> None:
        """End the process at once, and any that it has started, such as ffmpeg."""
        self._kill()
        self._process.join()
        self._connection.close()

    def _kill(self) -> None:
        """Kill the worker, and with it the group of processes that `work` makes its own."""
        pid = self._process.pid
        # Once it is known to be dead, its number may be another's.
        if sys.platform != "win32" and pid is not None and self._process.is_alive():
            with contextlib.suppress(ProcessLookupError):  # it has none yet
                os.killpg(pid, signal.SIGKILL)
        self._process.kill()

    async def _outcome(self, on_report: Callable[[Report], None]) -> Outcome:
        """Pass on the reports of a job and return its outcome.

        Raises:
            EOFError: The process is gone.
        """
        while True:
            # Another thread waits for it, which goes on with that even where nobody waits here any more.
            self._message = self._message or asyncio.get_running_loop().run_in_executor(
                None, self._connection.recv
            )
            message = await asyncio.shield(self._message)
            self._message = None
            self.has_begun = True
            if not isinstance(message, Report):
                return message
            on_report(message)

    async def _end(self) -> None:
        """Kill the process and take leave of the thread that waits for it."""
        self._kill()
        if self._message is not None:
            await asyncio.wait({self._message})
            self._message.exception()  # that it is gone is known
        self.kill()


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
