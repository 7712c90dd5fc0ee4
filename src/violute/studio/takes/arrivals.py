"""`Arrivals`: how many uploads are under way, so that slow ones keep nobody out for long."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError


class Arrivals:
    """Uploads under way, by the machine that they come from."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def admitted(self, owner: str) -> Iterator[None]:
        """Count an upload while it comes in.

        Raises:
            RefusalError: As many come in as there may, from this machine or together.
        """
        most = self._limits.max_arriving_each
        if self._counts[owner] >= most:
            raise RefusalError(429, f"{most} recordings come in from there already: wait for one of them")
        if self._counts.total() >= self._limits.max_arriving:
            raise RefusalError(503, "the studio takes in as many recordings as it can: try again in a moment")
        self._counts[owner] += 1
        try:
            yield
        finally:
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]
