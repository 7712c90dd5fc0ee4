"""The same work on many items in order, for scripts that name no engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from violute.worklist.engine import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(
    work: Callable[[Item], Result], items: Sequence[Item], *, n_jobs: int | None = None
) -> Generator[Result, None, None]:
    """Yield what `work` makes of each item, in order; see `Engine.results`."""
    return Engine(n_jobs).results(work, items)
