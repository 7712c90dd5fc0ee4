"""MusicNet's solo recordings into a folder: fetched as a stream, checked, measured and described.

The archive of 11 GB is read as it comes and only what is wanted is kept. gzip can be read only from its
start: a connection that breaks goes on where it was, but a run that was killed reads the archive anew
and passes over the recordings that it has, unless the archive itself is kept on disk.
"""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from violute.data.manifest import MANIFEST_NAME, Manifest, read_manifest, write_manifest, write_text
from violute.data.musicnet.archive import (
    LocalArchive,
    OnShare,
    WrongArchiveError,
    check_md5,
    check_size,
    download,
    what_was_checked,
)
from violute.data.musicnet.catalogue import (
    OFFICIAL,
    SOLO_ENSEMBLES,
    Piece,
    Release,
    choose,
    held_out_patterns,
    read_metadata,
)
from violute.data.musicnet.describe import describe
from violute.data.musicnet.files import (
    HELD_OUT_NAME,
    METADATA_NAME,
    DamagedMemberError,
    member_key,
    missing,
    places_of,
    store,
)
from violute.data.musicnet.http_stream import HttpStream, OnNotice
from violute.data.musicnet.labels import LABEL_RATE_HZ
from violute.errors import DataError
from violute.whole_file import remove_partial_files, replace_bytes

_BYTES_A_SECOND = 4 * LABEL_RATE_HZ
_BYTES_BESIDE = 1 << 18
"""Room for a recording's labels and its line in the manifest; generous."""

_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Fetched:
    """What a fetch left behind.

    Attributes:
        manifest: As it was written.
        n_new: Recordings that came in this run.
        failed: A line for each file of the archive that is missing there or damaged.
    """

    manifest: Manifest
    n_new: int
    failed: tuple[str, ...]


def fetch_musicnet(
    out: str | Path,
    *,
    ensembles: Sequence[str] | None = SOLO_ENSEMBLES,
    archive: Path | None = None,
    metadata: Path | None = None,
    keep_archive: bool = False,
    leave_out_chords: bool = True,
    release: Release = OFFICIAL,
    on_progress: OnShare = lambda stage, share: None,
    on_notice: OnNotice = lambda line: None,
) -> Fetched:
    """Fetch recordings of MusicNet into a folder; what is there already is kept.

    Args:
        out: Folder to make or to complete; see `files` for its layout.
        ensembles: Whose recordings to fetch, as the metadata names them; None fetches all.
        archive: A copy of the archive at hand, instead of the net.
        metadata: A copy of the metadata; None looks beside `archive`, then on the net.
        keep_archive: Fetch the whole archive into `out` first, and keep it there.
        leave_out_chords: Write segment maps that keep several notes at once out of training.
        release: Of MusicNet.
        on_progress: Called with the stage, such as "fetching, 3 of 12 recordings", and its share done;
            reading may end before 1, when everything wanted has come.
        on_notice: Hears what the user should know, such as retries and kept files that were changed.

    Raises:
        DataError: An ensemble is unknown, the disk is full, or metadata or archive cannot be had or
            are not what they should be. Recordings that came whole before are kept, except where the
            archive as a whole turned out to be wrong.
    """
    out = Path(out)
    if archive is not None:
        check_size(archive, release.archive)
    table = _metadata(out, release, metadata, archive, on_notice)
    known = read_metadata(table)
    chosen = {piece.id for piece in choose(known, ensembles)}
    digests = _recorded_digests(out, on_notice)
    pieces = [
        piece
        for piece in known
        if piece.id in chosen or any(place.as_posix() in digests for place in places_of(piece).values())
    ]
    _prepare_folder(out, table, pieces)
    wanted = missing(out, pieces, digests, on_notice)
    n_missing = _n_recordings(wanted)

    def tell(stage: str, share: float) -> None:
        n_there = len(pieces) - _n_recordings(wanted)
        on_progress(f"{stage}, {n_there} of {len(pieces)} recordings", share)

    failed: dict[str, str] = {}
    check = "not read: everything was there"
    if wanted:
        _check_space(out, pieces, wanted, release if keep_archive else None)
        if n_missing < len(pieces) and archive is None and not keep_archive:
            on_notice(
                f"{len(pieces) - n_missing} of {len(pieces)} recordings are there and kept; "
                "the archive is read from its start again"
            )
        with _opened(release, archive, out if keep_archive else None, tell, on_notice) as stream:
            failed, check = _unpack(stream, wanted, tell, release, to_the_end=ensembles is None)
    checks = {"metadata": f"md5 {release.metadata.md5}", "archive": check}
    manifest = describe(
        out,
        pieces,
        checks,
        leave_out_chords=leave_out_chords,
        on_share=lambda share: tell("measuring", share),
    )
    for entry in manifest.recordings:
        if digests.get(entry.path) not in (None, entry.sound.sha256):
            on_notice(f"{out / entry.path} is another recording than the one before, by the archive")
    write_text(out / HELD_OUT_NAME, held_out_patterns(pieces))
    write_manifest(manifest, out / MANIFEST_NAME)
    return Fetched(manifest, n_missing - _n_recordings(failed), tuple(failed.values()))


def _opened(
    release: Release, archive: Path | None, keep_in: Path | None, tell: OnShare, on_notice: OnNotice
) -> LocalArchive | HttpStream:
    """Open the archive at its first byte: the copy at hand, the one to keep, or as it comes from the net."""
    remote = release.archive
    if archive is not None:
        check_md5(archive, remote, tell)
    elif keep_in is not None:
        archive = download(release, keep_in, tell, on_notice)
    if archive is not None:
        return LocalArchive(archive, remote.md5)
    return HttpStream(release.address(remote), n_bytes=remote.n_bytes, on_notice=on_notice)


def _unpack(
    stream: LocalArchive | HttpStream,
    wanted: dict[str, Path],
    tell: OnShare,
    release: Release,
    *,
    to_the_end: bool,
) -> tuple[dict[str, str], str]:
    """Store the wanted files of the archive, and take each out of `wanted` as it comes.

    Returns:
        Why files failed, and what of the archive was checked.
    """
    stage, name = "fetching" if isinstance(stream, HttpStream) else "unpacking", release.archive.name
    written: list[Path] = []
    failed: dict[str, str] = {}
    folders = {path.parent for path in wanted.values()}
    at = "its start"
    try:
        with _archive_of(stream) as archive:
            for member in archive:
                at = member.name
                key = member_key(at) if member.isfile() else None
                if key is not None and key in wanted:
                    path = wanted.pop(key)
                    try:
                        store(path, archive, member)
                        written.append(path)
                    except DamagedMemberError as error:
                        failed[key] = str(error)
                        path.unlink(missing_ok=True)
                tell(stage, stream.tell() / stream.n_bytes if stream.n_bytes else 0.0)
                if not wanted and not to_the_end:
                    break
            else:
                while stream.read(_READ_BYTES):
                    continue
                tell(stage, 1.0)
        check = what_was_checked(stream, release.archive)
        for key, path in wanted.items():
            failed[key] = f"{path.name} is not in {name}, which holds the rest: is it MusicNet's archive?"
            path.unlink(missing_ok=True)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise DataError(f"{name} is damaged or cut near {at} ({error}): fetch it again") from None
    except WrongArchiveError:
        for path in written:  # nobody knows which of them is wrong
            path.unlink(missing_ok=True)
        raise
    finally:
        for folder in folders:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
    return failed, check


def _archive_of(stream: LocalArchive | HttpStream) -> tarfile.TarFile:
    """Open the archive, for reading from its start to its end."""
    try:
        return tarfile.open(fileobj=stream, mode="r|gz", bufsize=_READ_BYTES)
    except AttributeError:  # of Python before 3.11.4, where the head of a gzip file is damaged
        raise tarfile.ReadError("not a gzip file") from None


def _metadata(
    out: Path, release: Release, given: Path | None, archive: Path | None, on_notice: OnNotice
) -> bytes:
    """Return the metadata: as given, as they lie in the folder or beside the archive, or from the net."""
    remote = release.metadata
    beside = [] if archive is None else [archive.parent / remote.name]
    if given is not None:
        check_md5(given, remote)
        return given.read_bytes()
    for path in (out / METADATA_NAME, *beside):
        with suppress(DataError):  # not there, damaged, or of another release
            check_md5(path, remote)
            return path.read_bytes()
    with HttpStream(release.address(remote), n_bytes=remote.n_bytes, on_notice=on_notice) as stream:
        content = stream.read()
    if stream.md5 != remote.md5:
        raise DataError(
            f"{stream.url} has the md5 {stream.md5}, not {remote.md5}: check the address, or try again later"
        )
    return content


def _recorded_digests(out: Path, on_notice: OnNotice) -> dict[str, str]:
    """Return the SHA-256 of the recordings and labels that came in earlier runs and are there, by place."""
    path = out / MANIFEST_NAME
    if not path.is_file():
        return {}
    try:
        recordings = read_manifest(path).recordings
    except DataError as error:
        on_notice(f"{error}; what was changed since it came cannot be noticed")
        return {}
    digests = {entry.path: entry.sound.sha256 for entry in recordings}
    digests |= {entry.labels: entry.labels_sha256 for entry in recordings}
    return {place: digest for place, digest in digests.items() if digest and (out / place).is_file()}


def _prepare_folder(out: Path, table: bytes, pieces: Sequence[Piece]) -> None:
    """Make the folder with its table, and clear it of what a run that was killed left half written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not (out / METADATA_NAME).is_file() or (out / METADATA_NAME).read_bytes() != table:
            replace_bytes(out / METADATA_NAME, table)
    except OSError as error:
        raise DataError(
            f"{out}: the folder cannot be made ({(error.strerror or str(error)).lower()}): name another --out"
        ) from None
    for folder in {out, *((out / place).parent for piece in pieces for place in places_of(piece).values())}:
        remove_partial_files(folder)


def _check_space(
    out: Path, pieces: Sequence[Piece], wanted: Mapping[str, Path], kept: Release | None
) -> None:
    """Make sure that what is to come has room."""
    coming = [piece for piece in pieces if f"data/{piece.id}.wav" in wanted]
    needed = sum(int(piece.seconds * _BYTES_A_SECOND) + _BYTES_BESIDE for piece in coming)
    if kept is not None and not (out / kept.archive.name).exists():
        partial = out / f"{kept.archive.name}.partial"
        needed += (kept.archive.n_bytes or 0) - (partial.stat().st_size if partial.is_file() else 0)
    free = shutil.disk_usage(out).free
    if free < needed:
        raise DataError(
            f"{out}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free: "
            "free some space or name another --out"
        )


def _n_recordings(keys: Iterable[str]) -> int:
    return sum(key.startswith("data/") for key in keys)
