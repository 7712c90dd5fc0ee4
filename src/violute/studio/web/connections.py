"""Connections that do nothing: who opens one and never asks, or asks and never reads, loses it.

uvicorn closes connections that rest between two requests; those that never finish a request, or never
take the end of a response, would stay for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

IDLE_SECONDS = 20.0


class Cycle(Protocol):
    """A request and its response, as uvicorn knows them."""

    response_complete: bool


class Connection(Protocol):
    """A connection, as uvicorn knows it."""

    cycle: Cycle | None
    transport: asyncio.Transport


class IdleConnections:
    """Watches a server's connections and cuts those that are open too long with no request to answer."""

    def __init__(self, seconds: float = IDLE_SECONDS) -> None:
        self._seconds = seconds
        self._idle_since: dict[Connection, float] = {}

    def sweep(self, connections: Iterable[Connection]) -> None:
        """Look at all connections; to be called every now and then."""
        now = time.monotonic()
        self._idle_since = {one: self._idle_since.get(one, now) for one in connections if _is_idle(one)}
        for connection, since in self._idle_since.items():
            if now - since > self._seconds:
                # Not close(), which waits until the other side has taken what is left.
                connection.transport.abort()


def _is_idle(connection: Connection) -> bool:
    """Whether a connection has no request to answer, or was closed and hangs on what nobody reads."""
    return connection.cycle is None or connection.cycle.response_complete or connection.transport.is_closing()
