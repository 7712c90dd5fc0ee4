"""`Layout`: what of a file libsndfile is given to decode, and a file that reads as those pieces of it."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

Piece = bytes | tuple[int, int]
"""Bytes as they are, or a range of the file: where it starts, and where it stops."""

Part = tuple[Piece, ...]
"""One recording within a file; without pieces, the file as it is."""

UNKNOWN_BYTES = 0x7FFF0000
"""Programs that write into a pipe put sizes of this order in the header: length unknown."""
NO_LENGTH = "its header gives no length, as after a crash or from a pipe"

_WINDOW_BYTES = 1 << 18


@dataclass(frozen=True)
class Layout:
    """Where the sound of a file is.

    Attributes:
        parts: One after the other; none where libsndfile knows no sound in it.
        warnings: What the user should know, such as "its header gives no length".
    """

    parts: tuple[Part, ...] = ((),)
    warnings: tuple[str, ...] = ()


def truncated_message(name: str) -> str:
    """Say that a file is cut, and what to do."""
    return f"{name} is damaged or truncated, it ends before its declared length: copy or download it again"


def is_slip(declared: int, held: int) -> bool:
    """Tell whether a size is a few bytes too long by a careless program, rather than that of a cut file."""
    return declared - held <= min(4096, held // 10)


def slipped_warning(n_bytes: int) -> str:
    """Say that a header promises a little more than there is."""
    return f"its header promises {n_bytes} byte{'s' * (n_bytes != 1)} more than there are"


class PiecedFile(io.RawIOBase):
    """Pieces one after the other, read as one file; ranges are taken from the file at `path`."""

    def __init__(self, path: Path, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        lengths = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._starts = [0, *accumulate(lengths)]
        self._at = 0
        self._file = path.open("rb")

    def close(self) -> None:
        """Close the file below as well."""
        self._file.close()
        super().close()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, as in any file."""
        origin = (0, self._at, self._starts[-1])[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read what one piece gives; 0 bytes at the end."""
        if self._at >= self._starts[-1]:
            return 0
        i = bisect_right(self._starts, self._at) - 1
        piece, skipped = self._pieces[i], self._at - self._starts[i]
        n_bytes = min(len(buffer), self._starts[i + 1] - self._at)
        if isinstance(piece, bytes):
            content = piece[skipped : skipped + n_bytes]
        else:
            self._file.seek(piece[0] + skipped)
            content = self._file.read(n_bytes)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


class Window:
    """A part of a file, up to `stop`, looked at from place to place without reading it all at once."""

    def __init__(self, file: BinaryIO, stop: int) -> None:
        self.stop = stop
        self.file = file
        self._start = 0
        self._content = b""

    def at(self, place: int, n_bytes: int) -> bytes:
        """Return the bytes from a place on, fewer at the end."""
        first = place - self._start
        if first < 0 or first + n_bytes > len(self._content):
            self.file.seek(place)
            self._content = self.file.read(max(0, min(max(n_bytes, _WINDOW_BYTES), self.stop - place)))
            self._start, first = place, 0
        return self._content[first : first + n_bytes]

    def find(self, what: bytes, place: int) -> int:
        """Return where some bytes come next, from a place on; -1 where they do not."""
        while len(self.at(place, len(what))) == len(what):
            found = self._content.find(what, place - self._start)
            if found >= 0:
                return self._start + found
            place = self._start + len(self._content) - len(what) + 1
        return -1


def add_range(ranges: list[tuple[int, int]], start: int, stop: int) -> None:
    """Add a range to those before it; one that touches the last makes that longer."""
    if ranges and ranges[-1][1] == start:
        start = ranges.pop()[0]
    ranges.append((start, stop))
