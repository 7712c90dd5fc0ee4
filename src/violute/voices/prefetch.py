"""Computing a stream one block ahead of whoever uses it, so that two cores share the work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Block = TypeVar("Block")


def prefetched(blocks: Iterator[Block]) -> Iterator[Block]:
    """Yield the same blocks, the next of which is computed while the last is used.

    It pays where both sides spend their time in NumPy, which lets other threads run. Whoever stops
    early waits for the one block that is under way.
    """
    end = object()
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(next, blocks, end)
        while (block := waiting.result()) is not end:
            waiting = worker.submit(next, blocks, end)
            yield block  # type: ignore[misc]  # `end` never gets here
