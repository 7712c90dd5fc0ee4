"""The same work on many items: as many processes as this one may use cores, each with one numeric thread.

Processes start anew rather than by a fork, which may hang where torch or a BLAS runs threads.
"""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from violute.errors import VioluteError

_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_is_worker = False

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: by affinity and a container's limit; 1 in a worker.

    Args:
        cgroup: Folder of the limits of a container (cgroup v2).
    """
    if _is_worker:
        return 1
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        return n_cores if quota == "max" else max(min(n_cores, math.ceil(int(quota) / int(period))), 1)
    except (OSError, ValueError, ZeroDivisionError):  # no container, or none of version 2
        return n_cores


def mapped(
    work: Callable[[Item], Result], items: Sequence[Item], *, n_jobs: int | None = None
) -> Generator[Result, None, None]:
    """Yield what `work` makes of each item, in order; in this process where one job is enough.

    Args:
        work: A function of a module, or a partial of one, so that it can be sent to a process.
        items: Sent to processes too.
        n_jobs: Items worked on at once; None is one a core.

    Raises:
        VioluteError: A worker was killed.
    """
    n_processes = min(n_jobs or available_cores(), len(items))
    if n_processes <= 1:
        yield from map(work, items)
        return
    # Imported here, since whoever plays asks for the cores alone.
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(n_processes, get_context("spawn"), _become_worker) as pool:
        try:
            with _one_thread_each():
                results = pool.map(work, items)
            yield from results
        except BrokenProcessPool:
            raise VioluteError(
                "a worker process was killed, perhaps for lack of memory: close other programs and run the "
                "same command again, what was done is kept (a script of your own needs its work below "
                "if __name__ == '__main__')"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are started in the block use one thread for numeric work."""
    before = {name: os.environ.get(name) for name in _THREAD_COUNTS}
    os.environ.update(dict.fromkeys(_THREAD_COUNTS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _become_worker() -> None:
    """End at Ctrl-C without a traceback, and when the parent process has ended in whatever way."""
    global _is_worker  # noqa: PLW0603  # a fact of this whole process
    _is_worker = True
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
