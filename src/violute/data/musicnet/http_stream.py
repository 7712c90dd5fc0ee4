"""`HttpStream`: a file on a server read once from start to end, through cuts of the connection.

A connection that breaks is opened again after a pause that doubles from try to try, and goes on at the
byte where it broke (HTTP Range). From a server that knows no ranges the file comes from its start
again, and what had been read is passed over, so whoever reads notices nothing but the time.

Source:
    RFC 9110, section 14 (range requests) and section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from violute.errors import DataError

TIMEOUT_SECONDS = 60.0
"""A server that is silent for longer than this counts as gone."""

N_RETRIES = 8
"""Tries one after another without a new byte before the stream gives up: about three minutes."""

N_FIRST_RETRIES = 3
"""The same before the first byte, when the address or the network is more likely at fault: 7 s."""

LONGEST_PAUSE_SECONDS = 60.0
BLOCK_BYTES = 1 << 20

_PASSING_CODES = frozenset({408, 425, 429, 500, 502, 503, 504})
_BROKEN = (OSError, http.client.HTTPException)

OnNotice = Callable[[str], None]
"""Called with a line that the user should know of, though nothing is wrong with what they gave."""


class HttpStream:
    """A remote file as a readable binary stream; a context manager.

    Args:
        url: http or https.
        n_bytes: Size that the file has to have; None takes what the server says.
        start: First byte wanted; where the server knows no ranges, the bytes before it are fetched and
            passed over.
        on_bytes: Called with the position and the size (0 if unknown) as bytes come.
        on_notice: Called when the connection broke, and when ranges turn out to be unknown.
        pause: Waits for some seconds before a retry.

    Attributes:
        position: Bytes of the file read so far, those before `start` included.
        n_bytes: Size of the file; 0 if neither caller nor server told.

    Raises:
        DataError: The address is malformed or refused, the server cannot be reached, or the size is
            not that expected.
    """

    def __init__(
        self,
        url: str,
        *,
        n_bytes: int | None = None,
        start: int = 0,
        on_bytes: Callable[[int, int], None] | None = None,
        on_notice: OnNotice | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise DataError(f"{url!r} is no address of a server: give one that starts with https://")
        self.url = url
        self.position = start
        self.n_bytes = n_bytes or 0
        self._expected = n_bytes
        self._on_bytes = on_bytes or (lambda position, total: None)
        self._on_notice = on_notice or (lambda line: None)
        self._pause = pause
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._began_at = start
        self._response: http.client.HTTPResponse | None = None
        self._tag: str | None = None
        self._n_failures = 0
        self._wait_seconds = 0.0
        self._connect_patiently()

    @property
    def md5(self) -> str | None:
        """Of the file in hexadecimal, once all of it was read from byte 0; else None."""
        is_whole = self._began_at == 0 and self.position == self.n_bytes > 0
        return self._md5.hexdigest() if is_whole else None

    def read(self, n: int = -1) -> bytes:
        """Return up to `n` bytes; fewer only at the end of the file. -1 reads to the end.

        Raises:
            DataError: The connection broke and could not be mended.
        """
        pieces = []
        while n != 0 and (piece := self.read1(BLOCK_BYTES if n < 0 else n)):
            pieces.append(piece)
            n -= len(piece) if n > 0 else 0
        return b"".join(pieces)

    def close(self) -> None:
        """End the connection."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read1(self, n: int = BLOCK_BYTES) -> bytes:
        """Return some bytes as they come, `n` at most; none only at the end of the file.

        Raises:
            DataError: The connection broke and could not be mended.
        """
        while True:
            if self.n_bytes and self.position >= self.n_bytes:
                return b""
            if self._response is None:
                self._connect_patiently()
            assert self._response is not None
            try:
                block = self._response.read(min(n, BLOCK_BYTES))
            except _BROKEN as error:
                self._broke(_reason(error))
                continue
            if block:
                self._take(block)
                return block
            if not self.n_bytes:  # of unknown size: the end is where the server says
                self.n_bytes = self.position
                return b""
            self._broke("the connection ended early")

    def _take(self, block: bytes) -> None:
        self._n_failures, self._wait_seconds = 0, 0.0
        self._md5.update(block)
        self.position += len(block)
        if self.n_bytes and self.position > self.n_bytes:
            raise DataError(f"{self.url} sends more than the {self.n_bytes:,} bytes that it should hold")
        self._on_bytes(self.position, self.n_bytes)

    def _broke(self, reason: str, wait_seconds: float = 0.0) -> None:
        """Count a failure and make ready to try again, or give up."""
        self.close()
        self._n_failures += 1
        has_begun = self.position > self._began_at
        n_retries = N_RETRIES if has_begun else N_FIRST_RETRIES
        if self._n_failures > n_retries:
            raise DataError(
                f"{self.url} cannot be read{f' further than byte {self.position:,}' if has_begun else ''} "
                f"({reason}, tried {self._n_failures} times): check the connection and run the command again"
            )
        self._wait_seconds = min(max(wait_seconds, 2.0 ** (self._n_failures - 1)), LONGEST_PAUSE_SECONDS)
        self._on_notice(
            f"{reason} at byte {self.position:,}: trying again in {self._wait_seconds:.0f} s "
            f"(try {self._n_failures} of {n_retries})"
        )

    def _connect_patiently(self) -> None:
        while self._response is None:
            if self._wait_seconds:
                self._pause(self._wait_seconds)
            try:
                self._connect()
            except HTTPError as error:
                error.close()
                if self._is_at_end(error):
                    self.n_bytes = self.position
                    return
                if error.code not in _PASSING_CODES:
                    raise DataError(
                        f"{self.url} is refused by the server ({error.code} {error.reason}): "
                        "check the address"
                    ) from None
                self._broke(f"the server answered {error.code}", _retry_after(error))
            except http.client.InvalidURL as error:
                raise DataError(f"{self.url!r} is no address of a server ({error}): check it") from None
            except _BROKEN as error:
                self._broke(_reason(error))

    def _connect(self) -> None:
        headers = {"User-Agent": "violute", "Accept-Encoding": "identity"}
        if self.position:
            headers["Range"] = f"bytes={self.position}-"
            if self._tag is not None:  # another file under this name must not be joined to ours
                headers["If-Range"] = self._tag
        response: http.client.HTTPResponse = urlopen(
            Request(self.url, headers=headers), timeout=TIMEOUT_SECONDS
        )
        is_ranged = response.status == http.client.PARTIAL_CONTENT
        try:
            self._check_size(response, is_ranged)
        except DataError:
            response.close()
            raise
        tag = response.headers.get("ETag")
        if tag is not None and not tag.startswith("W/"):  # a weak tag promises no equal bytes
            if self._tag not in (None, tag):
                response.close()
                raise DataError(f"{self.url} changed while it was read: run the same command again")
            self._tag = tag
        if self.position and not is_ranged:
            self._on_notice(
                "the server knows no ranges: the file comes from its start again, "
                f"and {self.position:,} bytes are passed over"
            )
            try:
                _pass_over(response, self.position)
            except _BROKEN:
                response.close()
                raise
        self._response = response

    def _is_at_end(self, error: HTTPError) -> bool:
        """Tell whether a range was refused because the file ends where it begins."""
        is_beyond = error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE
        return is_beyond and error.headers.get("Content-Range", "") == f"bytes */{self.position}"

    def _check_size(self, response: http.client.HTTPResponse, is_ranged: bool) -> None:
        if is_ranged:
            span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
            if not span.startswith(f"{self.position}-"):
                raise DataError(
                    f"{self.url} answers with bytes {span or '?'}, not those from {self.position}"
                )
        else:
            total = response.headers.get("Content-Length", "")
        if not total.isdigit():
            return
        if self._expected is not None and int(total) != self._expected:
            raise DataError(
                f"{self.url} holds {int(total):,} bytes, not {self._expected:,}: "
                "it is not the file that it should be, check the address"
            )
        if self.n_bytes and int(total) != self.n_bytes:
            raise DataError(f"{self.url} changed while it was read: run the same command again")
        self.n_bytes = int(total)


def _pass_over(response: http.client.HTTPResponse, n_bytes: int) -> None:
    while n_bytes > 0:
        block = response.read(min(n_bytes, BLOCK_BYTES))
        if not block:
            raise ConnectionError("the connection ended early")
        n_bytes -= len(block)


def _reason(error: BaseException) -> str:
    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, TimeoutError):
        return f"the server was silent for {TIMEOUT_SECONDS:.0f} s"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner) or type(inner).__name__


def _retry_after(error: HTTPError) -> float:
    """Seconds that the server asks for; 0 where it names none, or a date."""
    value = error.headers.get("Retry-After", "") if error.headers else ""
    return float(value) if value.isdigit() else 0.0
