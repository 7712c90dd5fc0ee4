"""Members of a tar.gz read as a stream: those that are wanted, in the order in which they come.

gzip can only be read from its start, so a stream that comes anew is unpacked anew from the first byte;
members of no interest cost their decompression and are dropped. Reading stops as soon as the last
wanted member has come.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from violute.errors import DataError

_DAMAGED = (tarfile.TarError, zlib.error, EOFError)

Key = TypeVar("Key")


class WrongArchiveError(DataError):
    """All of an archive was read, and its checksum is not the one that it should be."""


class Readable(Protocol):
    """What an archive is read from."""

    def read(self, n: int = -1, /) -> bytes:
        """Return up to `n` bytes, none at the end."""
        ...


class _ReadOnly:
    """A stream as gzip wants it: it never goes back once it has begun."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, n: int, /) -> bytes:
        return self._stream.read(n)

    def seek(self, n: int, /) -> int:
        raise OSError(f"an archive that comes as a stream cannot go to byte {n}")


@dataclass(frozen=True)
class Member:
    """A file in an archive, to be read before the next one is asked for.

    Attributes:
        name: With its folders, as the archive has it.
        n_bytes: Its size.
    """

    name: str
    n_bytes: int
    file: Readable

    def blocks(self, n_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Read the member from its start.

        Raises:
            DataError: The archive is damaged here.
            WrongArchiveError: Its checksum differs, where this is its last member.
        """
        n_left = self.n_bytes
        while n_left:
            try:
                block = self.file.read(min(n_bytes, n_left))
            except gzip.BadGzipFile as error:
                raise WrongArchiveError(_damaged(self.name, _said(error))) from None
            except _DAMAGED as error:
                raise DataError(_damaged(self.name, _said(error))) from None
            if not block:
                raise DataError(_damaged(self.name, "it ends early"))
            n_left -= len(block)
            yield block


def wanted_members(
    stream: Readable,
    wanted: set[Key],
    key_of: Callable[[str], Key | None],
    *,
    name: str,
    to_the_end: bool = False,
) -> Generator[tuple[Key, Member], None, None]:
    """Yield the wanted members of a tar.gz; those that never came are left in `wanted`.

    Args:
        stream: The archive, from its first byte on.
        wanted: Keys of the members to yield; each is taken out as its member comes.
        key_of: Tells a member's key by its name; None for what nobody could want.
        name: Of the archive, for messages.
        to_the_end: Read on when nothing more is wanted, so that all of the archive has been seen and
            gzip's own checksum been compared.

    Raises:
        DataError: The archive is damaged or cut.
        WrongArchiveError: It is no tar.gz, or gzip's checksum at its end differs.
    """
    at = "its start"
    try:
        with (
            gzip.GzipFile(fileobj=_ReadOnly(stream), mode="rb") as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|") as archive,
        ):
            for info in archive:
                at = info.name
                key = key_of(info.name) if info.isfile() else None
                if key is not None and key in wanted:
                    file = archive.extractfile(info)
                    assert file is not None  # it is a plain file
                    wanted.discard(key)
                    yield key, Member(info.name, info.size, file)
                if not wanted and not to_the_end:
                    return
            while unpacked.read(1 << 20):
                continue
    except gzip.BadGzipFile as error:  # not gzip at all, or its checksum at the very end differs
        raise WrongArchiveError(f"{name} is damaged, or no tar.gz ({_said(error)}): fetch it again") from None
    except _DAMAGED as error:
        raise DataError(f"{name} is damaged or cut near {at} ({_said(error)}): fetch it again") from None


def _damaged(name: str, reason: str) -> str:
    return f"the archive is damaged at {name} ({reason}): fetch it again"


def _said(error: BaseException) -> str:
    return str(error).lower() or type(error).__name__
