"""A list of work on this machine: in the process at hand, or in processes of one numeric thread each.

Processes start anew rather than by a fork, which may hang where torch or a BLAS runs threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from violute.errors import VioluteError
from violute.worklist.cores import become_child, one_thread_each

IN_FLIGHT = 2
"""Items sent out for each process, so that none waits for its next."""

KILLED = (
    "a worker process was killed, perhaps for lack of memory: close other programs and run the same command "
    "again, what was done is kept (a script of your own needs its work below if __name__ == '__main__')"
)

Item = TypeVar("Item")
Result = TypeVar("Result")


def attempts_here(
    work: Callable[[Item], Result], items: Sequence[Item]
) -> Generator[tuple[int, Result | Exception], None, None]:
    """Do one item after the other in this process; see `Engine.attempts`."""
    for i, item in enumerate(items):
        result: Result | Exception
        try:
            result = work(item)
        except Exception as error:  # noqa: BLE001  # handed over, as from another process
            result = error
        yield i, result


def attempts_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], n_processes: int
) -> Generator[tuple[int, Result | Exception], None, None]:
    """Do several items at a time in processes; see `Engine.attempts`.

    Where a process is killed, what was in flight is done again item by item; an item whose process is
    killed again has failed.
    """
    left = deque(range(len(items)))
    while left:
        suspects = deque((yield from _until_one_is_killed(work, items, left, n_processes, IN_FLIGHT)))
        while suspects:
            for i in (yield from _until_one_is_killed(work, items, suspects, 1, 1)):
                yield i, VioluteError(KILLED)


def _do(work: Callable[[Item], Result], item: Item) -> Result:
    """Do one item; a process that is to leave leaves, which its pool would not let it."""
    try:
        return work(item)
    except SystemExit:
        os._exit(1)


def _until_one_is_killed(
    work: Callable[[Item], Result], items: Sequence[Item], left: deque[int], n_processes: int, in_flight: int
) -> Generator[tuple[int, Result | Exception], None, list[int]]:
    """Work on what is left; return what was in flight when a process was killed."""
    # Imported here, since whoever plays asks for the cores alone.
    from concurrent.futures import FIRST_COMPLETED, Future, wait
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
    from multiprocessing import active_children, get_context

    flying: dict[Future[Result], int] = {}
    strangers = set(active_children())
    pool = ProcessPoolExecutor(n_processes, get_context("spawn"), become_child)
    try:
        while left or flying:
            while left and len(flying) < in_flight * n_processes:
                with one_thread_each():
                    flying[pool.submit(_do, work, items[left[0]])] = left[0]
                left.popleft()
            finished = wait(flying, return_when=FIRST_COMPLETED).done
            if any(isinstance(future.exception(), BrokenProcessPool) for future in finished):
                break
            for future in sorted(finished, key=flying.__getitem__):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield flying.pop(future), future.result() if error is None else error
    except BrokenProcessPool:  # between two of them
        pass
    except BaseException:  # nobody waits for what is in flight any more
        for child in set(active_children()) - strangers:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    # What was finished before its neighbour died is not lost.
    for future in [future for future in flying if future.done() and future.exception() is None]:
        yield flying.pop(future), future.result()
    return sorted(flying.values())
