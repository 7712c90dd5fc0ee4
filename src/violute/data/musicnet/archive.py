"""MusicNet's archive, and what is checked of it.

The size always (a server names it before the first byte); the md5 of a file before anything is taken
from it, and of a stream once all of it was read. A stream that stops early has no md5; there each
recording was read through instead.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

from violute.data.musicnet.catalogue import Release, RemoteFile
from violute.data.musicnet.http_stream import BLOCK_BYTES, HttpStream, OnNotice
from violute.errors import DataError
from violute.whole_file import take_name

OnShare = Callable[[str, float], None]
"""Called with what is being done, such as "fetching", and the share of it that is done, 0 to 1."""


class WrongArchiveError(DataError):
    """All of an archive was read, and it is not the one that it should be."""


class LocalArchive(io.FileIO):
    """A copy at hand that was checked; it looks like an `HttpStream`."""

    def __init__(self, path: Path, md5: str) -> None:
        super().__init__(path)
        self.n_bytes, self.md5 = path.stat().st_size, md5


def download(release: Release, folder: Path, on_share: OnShare, on_notice: OnNotice) -> Path:
    """Fetch the whole archive into a folder, from where an earlier run left off, and check it.

    Raises:
        DataError: It cannot be had or written, or is not the one that it should be.
    """
    remote = release.archive
    path = folder / remote.name
    partial = folder / f"{remote.name}.partial"
    if path.exists():
        check_md5(path, remote, on_share)
        return path
    start = partial.stat().st_size if partial.exists() else 0
    if start:
        on_notice(f"{start:,} bytes of {remote.name} are there already: going on from there")
    stream = HttpStream(release.address(remote), n_bytes=remote.n_bytes, start=start, on_notice=on_notice)
    try:
        with stream, partial.open("ab") as file:
            while block := stream.read(BLOCK_BYTES):
                file.write(block)
                on_share("fetching", stream.tell() / stream.n_bytes if stream.n_bytes else 0.0)
    except OSError as error:
        raise DataError(
            f"{partial} cannot be written ({(error.strerror or str(error)).lower()}): free some space "
            "and run the same command again, it goes on from there"
        ) from None
    try:
        check_md5(partial, remote, on_share)
    except DataError:
        partial.unlink()  # it would only be found wrong again
        raise
    take_name(partial, path)
    return path


def check_md5(path: Path, remote: RemoteFile, on_share: OnShare = lambda stage, share: None) -> None:
    """Make sure that a file at hand is the one of the release.

    Raises:
        DataError: It is missing, cannot be read, or differs in size or md5.
    """
    check_size(path, remote)
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                md5.update(block)
                on_share("checking", file.tell() / path.stat().st_size)
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
    if remote.n_bytes not in (None, n_bytes):
        raise DataError(
            f"{path} holds {n_bytes:,} bytes, {remote.name} has {remote.n_bytes:,}: copy or fetch it again"
        )


def what_was_checked(stream: LocalArchive | HttpStream, remote: RemoteFile) -> str:
    """Compare what was read with what it should be, as far as that can be done; say how far.

    Raises:
        WrongArchiveError: The archive is not the one that it should be.
    """
    if stream.md5 is None:
        return (
            f"read up to byte {stream.tell():,} of {stream.n_bytes or 0:,}, so its md5 could not be "
            "compared; its size was, and each recording was read through"
        )
    if stream.md5 != remote.md5:
        raise WrongArchiveError(
            f"{remote.name} has the md5 {stream.md5}, not {remote.md5}: "
            "what came from it was removed, run the same command again"
        )
    return f"md5 {stream.md5}"
