"""Server-sent events: the states of a take as the browser's `EventSource` reads them.

Source:
    WHATWG HTML Living Standard, section 9.2, "Server-sent events".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from violute.studio.takes.takes import TakeRecord

MEDIA_TYPE = "text/event-stream"

HEARTBEAT_SECONDS = 10.0
"""A comment goes out so often when nothing happens: a reader who is gone is noticed by writing to him."""


async def event_stream(record: TakeRecord, closing: asyncio.Event) -> AsyncIterator[bytes]:
    """Write the state of a take now and after each change; the stream ends with the last state.

    States that follow each other quicker than they are read are passed over.

    Args:
        record: The take.
        closing: Set, and the take woken, it ends the stream early: the server stops.
    """
    written = -1
    while not closing.is_set():
        if record.version != written:
            written, state = record.version, record.state
            record.touch()
            yield f"id: {written}\ndata: {state.model_dump_json()}\n\n".encode()
            if record.is_settled:
                return
        elif not await record.news(written, HEARTBEAT_SECONDS):
            yield b": still here\n\n"
