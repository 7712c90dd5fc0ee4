"""Where the bytes of MusicNet's archive come from: the net, the net by way of a kept file, or a file at hand.

What is checked on the way: the size always (a server tells it before the first byte); the md5 of a file
before anything is taken from it, and of a stream once all of it was read. A stream that stops early has
no md5; there each recording was read through instead.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from violute.data.musicnet.archive_members import WrongArchiveError
from violute.data.musicnet.catalogue import Release, RemoteFile
from violute.data.musicnet.http_stream import BLOCK_BYTES, HttpStream, OnNotice
from violute.errors import DataError

OnBytes = Callable[[str, int, int], None]
"""Called with what is being done, the bytes done and the bytes in all (0 if unknown)."""

FETCHING, CHECKING, UNPACKING = "fetching", "checking", "unpacking"


class ArchiveStream(Protocol):
    """An archive being read from its first byte on."""

    def read(self, n: int = -1, /) -> bytes:
        """Return up to `n` bytes, none at the end."""
        ...

    def check(self) -> str:
        """Compare what was read with what it should be; return what was compared.

        Raises:
            WrongArchiveError: The archive is not the one that it should be.
        """
        ...


@contextmanager
def open_archive(
    release: Release,
    *,
    file: Path | None = None,
    keep_in: Path | None = None,
    on_bytes: OnBytes = lambda stage, n_done, n_all: None,
    on_notice: OnNotice = lambda line: None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[ArchiveStream]:
    """Open the archive of a release.

    Args:
        release: Whose archive it is.
        file: A copy at hand; its md5 is compared first.
        keep_in: Folder in which to fetch the whole archive before it is unpacked; a fetch that was cut
            goes on there by a range. None reads the archive as it comes and keeps none of it.
        on_bytes: Follows the work.
        on_notice: Hears of cuts and retries.
        pause: Waits for some seconds before a retry.

    Raises:
        DataError: The archive cannot be had, or is not the one that it should be.
    """
    remote = release.archive
    if file is None and keep_in is not None:
        file = keep_in / remote.name
        if not file.exists():
            _fetch(release, file, on_bytes, on_notice, pause)
    if file is not None:
        check_file(file, remote, on_bytes)
        with file.open("rb") as opened:
            yield _FileStream(opened, file.stat().st_size, remote, on_bytes)
        return
    with HttpStream(
        release.url.format(name=remote.name),
        n_bytes=remote.n_bytes,
        on_bytes=lambda n_done, n_all: on_bytes(FETCHING, n_done, n_all),
        on_notice=on_notice,
        pause=pause,
    ) as stream:
        yield _NetStream(stream, remote)


def check_file(path: Path, remote: RemoteFile, on_bytes: OnBytes = lambda stage, n_done, n_all: None) -> None:
    """Make sure that a file at hand is the one of the release.

    Raises:
        DataError: It is missing, cannot be read, or differs in size or md5.
    """
    check_size(path, remote)
    n_bytes = path.stat().st_size
    md5 = hashlib.md5(usedforsecurity=False)
    n_done = 0
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                md5.update(block)
                n_done += len(block)
                on_bytes(CHECKING, n_done, n_bytes)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
    if md5.hexdigest() != remote.md5:
        raise DataError(
            f"{path} has the md5 {md5.hexdigest()}, {remote.name} has {remote.md5}: copy or fetch it again"
        )


def check_size(path: Path, remote: RemoteFile) -> None:
    """Make sure that a file at hand is as long as the one of the release, which takes no time.

    Raises:
        DataError: It is missing or differs in size.
    """
    if not path.is_file():
        raise DataError(
            f"{path} does not exist: name a copy of {remote.name}, or leave it out to have it fetched"
        )
    n_bytes = path.stat().st_size
    if remote.n_bytes is not None and n_bytes != remote.n_bytes:
        raise DataError(
            f"{path} holds {n_bytes:,} bytes, {remote.name} has {remote.n_bytes:,}: copy or fetch it again"
        )


class _FileStream:
    def __init__(self, file: IO[bytes], n_bytes: int, remote: RemoteFile, on_bytes: OnBytes) -> None:
        self._file, self._n_bytes, self._remote, self._on_bytes = file, n_bytes, remote, on_bytes
        self._n_done = 0

    def read(self, n: int = -1, /) -> bytes:
        block = self._file.read(n)
        self._n_done += len(block)
        self._on_bytes(UNPACKING, self._n_done, self._n_bytes)
        return block

    def check(self) -> str:
        return f"md5 {self._remote.md5}"


class _NetStream:
    def __init__(self, stream: HttpStream, remote: RemoteFile) -> None:
        self._stream, self._remote = stream, remote

    def read(self, n: int = -1, /) -> bytes:
        return self._stream.read(n)

    def check(self) -> str:
        md5 = self._stream.md5
        if md5 is None:
            return (
                f"read up to byte {self._stream.position:,} of {self._stream.n_bytes:,}, so its md5 could "
                "not be compared; its size was, and each recording was read through"
            )
        if md5 != self._remote.md5:
            raise WrongArchiveError(
                f"{self._stream.url} has the md5 {md5}, not {self._remote.md5}: "
                "what came from it was removed, run the same command again"
            )
        return f"md5 {md5}"


def _fetch(
    release: Release,
    path: Path,
    on_bytes: OnBytes,
    on_notice: OnNotice,
    pause: Callable[[float], None],
) -> None:
    """Fetch the archive into a file, from where an earlier run left off."""
    partial = path.with_name(f"{path.name}.partial")
    remote = release.archive
    start = partial.stat().st_size if partial.is_file() else 0
    if remote.n_bytes is not None and start > remote.n_bytes:
        partial.unlink()  # of another release
        start = 0
    if start:
        on_notice(f"{start:,} bytes of {remote.name} are there already: going on from there")
    try:
        with (
            HttpStream(
                release.url.format(name=remote.name),
                n_bytes=remote.n_bytes,
                start=start,
                on_bytes=lambda n_done, n_all: on_bytes(FETCHING, n_done, n_all),
                on_notice=on_notice,
                pause=pause,
            ) as stream,
            partial.open("ab") as file,
        ):
            while block := stream.read1():
                file.write(block)
    except OSError as error:
        raise DataError(
            f"{partial} cannot be written ({(error.strerror or str(error)).lower()}): free some space "
            "and run the same command again, it goes on from there"
        ) from None
    try:
        check_file(partial, remote, on_bytes)
    except DataError:
        partial.unlink()  # it would only be found wrong again
        raise
    partial.replace(path)
