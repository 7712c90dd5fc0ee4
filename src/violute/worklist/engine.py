"""Who does a list of work: this process, processes on the cores at hand, or a cluster of machines."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from violute.worklist.cores import available_cores
from violute.worklist.local import attempts_here, attempts_in_processes

SMALL_BYTES = 1 << 23
"""Of all recordings together: starting processes would cost more than the work."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Engine:
    """Who does a list of work.

    Attributes:
        jobs: Items worked on at once on this machine; None is one a core, or one where the work is small.
        cluster: Address of a Ray cluster that does it instead; `auto` is the one that runs here.
    """

    jobs: int | None = None
    cluster: str | None = None

    def for_bytes(self, n_bytes: int) -> Engine:
        """Return the engine for recordings of so many bytes: one job for a few, if none were asked for."""
        is_small = self.jobs is None and self.cluster is None and n_bytes < SMALL_BYTES
        return Engine(1) if is_small else self

    def n_at_once(self, n_items: int) -> int:
        """Return how many of so many items are worked on at once on this machine."""
        return min(self.jobs or available_cores(), n_items)

    def attempts(
        self, work: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[int, Result | Exception], None, None]:
        """Do the work for each item, and yield the item's number and what came of it, as it comes.

        Few items are in flight at a time, so memory does not grow with the list. What a worker or
        machine had in hand when it died is done again. Work is a function of a module, or a partial of
        one, so that it can be sent to a process, as items are.

        Yields:
            Number, and result or the exception that the work ended with.

        Raises:
            InputError: The cluster cannot be reached.
        """
        if self.cluster is not None and items:
            from violute.worklist.cluster import attempts_on_cluster

            return attempts_on_cluster(work, items, self.cluster)
        n_processes = self.n_at_once(len(items))
        return (
            attempts_here(work, items)
            if n_processes <= 1
            else attempts_in_processes(work, items, n_processes)
        )

    def results(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
        """Yield what `work` makes of each item, in order; for the arguments see `attempts`.

        Raises:
            Exception: What the first item failed with; a VioluteError where its worker was killed.
        """
        early: dict[int, Result | Exception] = {}
        n_yielded = 0
        attempts = self.attempts(work, items)
        try:
            for i, result in attempts:
                early[i] = result
                while n_yielded in early:
                    following = early.pop(n_yielded)
                    if isinstance(following, Exception):
                        raise following
                    yield following
                    n_yielded += 1
        finally:
            attempts.close()


HERE = Engine()
"""One job a core."""
