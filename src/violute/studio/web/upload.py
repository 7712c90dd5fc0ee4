"""Uploads: one file out of a `multipart/form-data` body, straight to its place, in constant memory.

Starlette's own form parser would write it to the folder for temporary files first, outside of the quota.

Source:
    RFC 7578, multipart/form-data; the parser is python-multipart's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from violute.studio.limits import Limits, in_megabytes
from violute.studio.refusal import RefusalError

FIELD = b"file"
MAX_NAME_LENGTH = 120
MAX_PARTS = 16
OVERHEAD_BYTES = 100_000
"""What a form may hold beside the file: boundaries, headers, other fields."""

MAX_DIGITS = 19
"""Of a declared length; whatever follows, it is too large."""

PACE_SECONDS = 15.0
PACE_BYTES = 60_000
"""An upload of which less arrives in such a time is given up: it holds the place of another."""

MOST_SECONDS = 1800.0
"""Longest that an upload may take."""

DRAIN_SECONDS = 1.0
"""A refused upload is read on for so long: a browser that is cut off never sees the answer."""

_NOT_A_FORM = "send the recording as the field 'file' of a form (multipart/form-data)"


async def receive_file(
    headers: Mapping[str, str],
    chunks: AsyncIterator[bytes],
    destination: Path,
    *,
    limits: Limits,
    claim: Callable[[int], None],
) -> str:
    """Write the form's file to disk as it comes in.

    `claim` is called with the bytes written so far, before they grow, and may raise. What was written of a
    file stays if anything is raised.

    Returns:
        The file's name as the browser tells it, made fit to be shown.

    Raises:
        RefusalError: No form, no file in it, too large, damaged, or it stalls.
    """
    kind, options = parse_options_header(headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise RefusalError(415, f"the request is no form: {_NOT_A_FORM}")
    length = headers.get("content-length", "")
    try:
        if length.isdecimal() and int(length[:MAX_DIGITS]) > limits.max_upload_bytes + OVERHEAD_BYTES:
            raise _too_large(limits)
        with destination.open("wb") as file:
            form = _Form(file, limits, claim)
            parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]  # its TypedDict is private
            async for chunk in _paced(chunks):
                parser.write(chunk)
            parser.finalize()
    except FormParserError:
        raise RefusalError(400, f"the upload is damaged: {_NOT_A_FORM}") from None
    except RefusalError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                async for _ in chunks:
                    pass
        raise
    if form.name is None:
        raise RefusalError(400, f"the form holds no file: {_NOT_A_FORM}")
    if not form.is_whole:
        raise RefusalError(400, "the upload ended early: send the recording again")
    return shown_name(form.name)


def shown_name(raw: str) -> str:
    """Make a stranger's file name fit to be shown: one line, no folders, not too long."""
    last = raw.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(letter if letter.isprintable() else " " for letter in last)
    name = " ".join(printable.split())
    if len(name) > MAX_NAME_LENGTH:
        extension = Path(name).suffix[:8]
        name = f"{name[: MAX_NAME_LENGTH - len(extension) - 1]}…{extension}"
    return name if name.strip(".") else "recording"


class _Form:
    """What the parser calls: keeps the bytes of the first part named `file`, passes over the others."""

    def __init__(self, file: IO[bytes], limits: Limits, claim: Callable[[int], None]) -> None:
        self.name: str | None = None
        self.is_whole = False
        self._file = file
        self._limits = limits
        self._claim = claim
        self._n_bytes = 0
        self._n_other_bytes = 0
        self._n_parts = 0
        self._is_file = False
        self._field = b""
        self._value = b""
        self._disposition = b""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """Return the parser's callbacks, which are the methods that bear their names."""
        return {name: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def on_part_begin(self) -> None:
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            raise RefusalError(400, f"the form has more than {MAX_PARTS} fields: {_NOT_A_FORM}")
        self._is_file, self._disposition = False, b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") == FIELD and self.name is None:
            self._is_file = True
            self.name = options.get(b"filename", b"").decode("utf-8", "replace").replace("%22", '"')

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._n_other_bytes += end - start
            if self._n_other_bytes > OVERHEAD_BYTES:
                raise RefusalError(413, f"the form holds more than a recording: {_NOT_A_FORM}")
            return
        self._n_bytes += end - start
        if self._n_bytes > self._limits.max_upload_bytes:
            raise _too_large(self._limits)
        self._claim(self._n_bytes)
        self._file.write(data[start:end])

    def on_end(self) -> None:
        self.is_whole = True


async def _paced(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on as long as enough of them come in every stretch of time, and for so long in all."""
    clock = asyncio.get_running_loop().time
    last = clock() + MOST_SECONDS
    stretch_ends, n_bytes = clock() + PACE_SECONDS, 0
    coming = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=max(0.0, stretch_ends - clock()))
            if clock() >= min(stretch_ends, last):
                if n_bytes < PACE_BYTES or clock() >= last:
                    raise RefusalError(408, "the upload came in too slowly: send the recording again")
                stretch_ends, n_bytes = clock() + PACE_SECONDS, 0
            if not coming.done():
                continue
            chunk = coming.result()
            if chunk is None:
                return
            n_bytes += len(chunk)
            yield chunk
            coming = asyncio.ensure_future(anext(chunks, None))
    finally:
        coming.cancel()
        await asyncio.wait({coming})


def _too_large(limits: Limits) -> RefusalError:
    return RefusalError(
        413,
        f"the recording is larger than {in_megabytes(limits.max_upload_bytes)}: send it as FLAC, cut it, or "
        "use violute convert, which takes any size",
    )
