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
import io
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from violute.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TIMEOUT_SECONDS = 60.0
"""A server that is silent for longer than this counts as gone."""

N_RETRIES = 8
"""Tries one after another without a new byte before the stream gives up: about three minutes."""

N_FIRST_RETRIES = 3
"""The same before the first byte, when the address or the network is more likely at fault: 7 s."""

LONGEST_PAUSE_SECONDS = 60.0
BLOCK_BYTES = 1 << 20

_PASSING_CODES = frozenset({408, 425, 429, 500, 502, 503, 504})

OnNotice = Callable[[str], None]
"""Called with a line that the user should know of, though nothing is wrong with what they gave."""


class HttpStream(io.RawIOBase):
    """A remote file as a readable binary stream. The first read connects.

    Args:
        url: http or https.
        n_bytes: Size that the file has to have; None takes what the server says.
        start: First byte wanted.
        on_notice: Called when the connection broke, and when ranges turn out to be unknown.

    Attributes:
        n_bytes: Size of the file; None if neither caller nor server knows it yet.

    Raises:
        DataError: The address is malformed. On reading: the server refuses or cannot be reached, the
            connection broke and could not be mended, or the file is not of the size expected.
    """

    def __init__(self, url: str, *, n_bytes: int | None = None, start: int = 0, on_notice: OnNotice) -> None:
        if not re.fullmatch(r"https?://[^/\s]\S*", url):
            raise DataError(f"{url!r} is no address of a server: give one that starts with https://")
        self.url, self.n_bytes = url, n_bytes
        self._start = self._position = start
        self._on_notice = on_notice
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._response: http.client.HTTPResponse | None = None
        self._tag: str | None = None
        self._n_failures = 0

    @property
    def md5(self) -> str | None:
        """Of the file in hexadecimal, once all of it was read from byte 0; else None."""
        is_whole = self._start == 0 and self.n_bytes is not None and self._position >= self.n_bytes
        return self._md5.hexdigest() if is_whole else None

    def tell(self) -> int:
        """Return the number of bytes of the file read so far, those before `start` included."""
        return self._position

    def readable(self) -> bool:
        """Tell that the stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Put some bytes into a buffer as they come; return how many, 0 only at the end of the file."""
        while self.n_bytes is None or self._position < self.n_bytes:
            try:
                n_read = (self._response or self._connect()).readinto(buffer)
            except HTTPError as error:
                error.close()
                self._mend_refusal(error)
            except (OSError, http.client.HTTPException) as error:
                self._prepare_retry(_reason(error))
            else:
                if n_read:
                    self._n_failures = 0
                    self._md5.update(memoryview(buffer)[:n_read])
                    self._position += n_read
                    return n_read
                if self.n_bytes is None:  # the end is where the server says
                    self.n_bytes = self._position
                else:
                    self._prepare_retry("the connection ended early")
        return 0

    def close(self) -> None:
        """End the connection."""
        self._disconnect()
        super().close()

    def _disconnect(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _connect(self) -> http.client.HTTPResponse:
        """Open the connection at the byte that comes next."""
        headers = {"User-Agent": "violute", "Accept-Encoding": "identity"}
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
        response: http.client.HTTPResponse = urlopen(
            Request(self.url, headers=headers), timeout=TIMEOUT_SECONDS
        )
        self._response = response
        begins_at = self._position if response.status == http.client.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", "")
        if length.isdigit():
            n_bytes = begins_at + int(length)
            if self.n_bytes not in (None, n_bytes):
                raise DataError(
                    f"{self.url} holds {n_bytes:,} bytes, not {self.n_bytes:,}: "
                    "it is not the file that it should be, check the address"
                )
            self.n_bytes = n_bytes
        tag = response.headers.get("ETag")
        if self._tag not in (None, tag):  # another file must not be joined to what came
            raise DataError(f"{self.url} changed while it was read: run the same command again")
        self._tag = tag
        if begins_at < self._position:
            self._on_notice(
                "the server knows no ranges: the file comes from its start again, "
                f"and {self._position:,} bytes are passed over"
            )
            n_left = self._position
            while n_left:
                n_left -= (n_read := len(response.read(min(n_left, BLOCK_BYTES))))
                if not n_read:
                    raise ConnectionError("the connection ended early")
        return response

    def _mend_refusal(self, error: HTTPError) -> None:
        """Wait for a server that is busy, or take note that the file ends where its rest was asked for."""
        if error.code in _PASSING_CODES:
            seconds = error.headers.get("Retry-After", "")
            self._prepare_retry(
                f"the server answered {error.code}", float(seconds) if seconds.isdigit() else 0.0
            )
        elif error.headers.get("Content-Range") == f"bytes */{self._position}":  # with 416
            self.n_bytes = self._position
        else:
            raise DataError(
                f"{self.url} is refused by the server ({error.code} {error.reason}): check the address"
            ) from None

    def _prepare_retry(self, reason: str, wait_seconds: float = 0.0) -> None:
        """Wait before the next try, or give up."""
        self._disconnect()
        self._n_failures += 1
        has_begun = self._position > self._start
        n_retries = N_RETRIES if has_begun else N_FIRST_RETRIES
        if self._n_failures > n_retries:
            raise DataError(
                f"{self.url} cannot be read{f' further than byte {self._position:,}' if has_begun else ''} "
                f"({reason}, tried {self._n_failures} times): check the connection and run the command again"
            ) from None
        wait_seconds = min(max(wait_seconds, 2.0 ** (self._n_failures - 1)), LONGEST_PAUSE_SECONDS)
        self._on_notice(
            f"{reason} at byte {self._position:,}: trying again in {wait_seconds:.0f} s "
            f"(try {self._n_failures} of {n_retries})"
        )
        time.sleep(wait_seconds)


def _reason(error: BaseException) -> str:
    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, TimeoutError):
        return f"the server was silent for {TIMEOUT_SECONDS:.0f} s"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner) or type(inner).__name__
