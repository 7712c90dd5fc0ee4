"""MusicNet's solo recordings into a folder: fetched as a stream, checked, measured and described.

The archive of 11 GB is read as it comes and only what is wanted is kept. gzip can be read only from its
start: a connection that breaks goes on where it was, but a run that was killed reads the archive anew
and passes over the recordings that it has, unless the archive itself is kept on disk.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from violute.data.manifest import MANIFEST_NAME, Manifest, write_manifest, write_text
from violute.data.musicnet.archive import ArchiveStream, check_file, check_size, open_archive
from violute.data.musicnet.archive_members import WrongArchiveError, wanted_members
from violute.data.musicnet.catalogue import (
    OFFICIAL,
    SOLO_ENSEMBLES,
    Piece,
    Release,
    choose,
    held_out_patterns,
    read_metadata,
)
from violute.data.musicnet.files import (
    HELD_OUT_NAME,
    METADATA_NAME,
    WAV,
    DamagedMemberError,
    MemberKey,
    clear_partial,
    member_key,
    missing,
    store,
)
from violute.data.musicnet.http_stream import HttpStream, OnNotice
from violute.data.musicnet.labels import LABEL_RATE_HZ
from violute.data.musicnet.manifest import describe
from violute.data.musicnet.progress import FetchMeter, OnFetchProgress
from violute.errors import DataError

_BYTES_A_SECOND = 4 * LABEL_RATE_HZ
_BYTES_BESIDE = 1 << 18
"""Room for a recording's labels and its line in the manifest; generous."""


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
    release: Release = OFFICIAL,
    on_progress: OnFetchProgress | None = None,
    on_notice: OnNotice | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch recordings of MusicNet into a folder; what is there already is kept.

    Args:
        out: Folder to make or to complete; see `musicnet_files` for its layout.
        ensembles: Whose recordings to fetch, as the metadata names them; None fetches all.
        archive: A copy of the archive at hand, instead of the net.
        metadata: A copy of the metadata; None looks beside `archive`, then on the net.
        keep_archive: Fetch the whole archive into `out` first, and keep it there.
        release: Of MusicNet.
        on_progress: Follows the work.
        on_notice: Hears what the user should know, such as retries.
        pause: Waits for some seconds before a retry.

    Raises:
        DataError: An ensemble is unknown, the disk is full, or metadata or archive cannot be had or
            are not what they should be. Recordings that came whole before are kept, except where the
            archive as a whole turned out to be wrong.
    """
    out = Path(out)
    say = on_notice or (lambda line: None)
    if archive is not None:
        check_size(archive, release.archive)
    made = _make_folder(out)
    try:
        table = _metadata(out, release, metadata, archive, say, pause)
        pieces = choose(read_metadata(table), ensembles)
    except BaseException:
        if made:
            (out / METADATA_NAME).unlink(missing_ok=True)
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise
    clear_partial(out)
    wanted = missing(out, pieces)
    n_missing = len(_missing_recordings(wanted))
    meter = FetchMeter(on_progress, n_wanted=len(pieces), n_there=len(pieces) - n_missing)
    failed: list[str] = []
    check = "not read: everything was there"
    if wanted:
        _check_space(out, pieces, wanted, release if keep_archive else None)
        if n_missing < len(pieces) and archive is None and not keep_archive:
            say(
                f"{len(pieces) - n_missing} of {len(pieces)} recordings are there and kept; "
                "the archive is read from its start again"
            )
        with open_archive(
            release,
            file=archive,
            keep_in=out if keep_archive else None,
            on_bytes=meter.on_bytes,
            on_notice=say,
            pause=pause,
        ) as stream:
            name = release.archive.name if archive is None else str(archive)
            failed, check = _unpack(stream, name, out, pieces, wanted, ensembles is None, meter)
    checks = {"metadata": f"md5 {release.metadata.md5}", "archive": check}
    manifest = describe(out, pieces, checks, on_progress=meter.on_measuring)
    write_text(out / HELD_OUT_NAME, held_out_patterns(pieces))
    write_manifest(manifest, out / MANIFEST_NAME)
    return Fetched(manifest, n_missing - len(_missing_recordings(missing(out, pieces))), tuple(failed))


def _unpack(
    stream: ArchiveStream,
    name: str,
    out: Path,
    pieces: Sequence[Piece],
    wanted: set[MemberKey],
    to_the_end: bool,
    meter: FetchMeter,
) -> tuple[list[str], str]:
    """Store the wanted members; return a line for each that failed, and what was checked."""
    by_id = {piece.id: piece for piece in pieces}
    written: list[Path] = []
    failed: list[str] = []
    members = wanted_members(stream, wanted, member_key, name=name, to_the_end=to_the_end)
    try:
        for (number, kind), member in members:
            try:
                written.append(store(out, by_id[number], kind, member))
            except DamagedMemberError as error:
                failed.append(str(error))
            if kind == WAV:
                meter.on_recording()
        check = stream.check()
    except WrongArchiveError:
        for path in written:  # nobody knows which of them is wrong
            path.unlink(missing_ok=True)
        raise
    finally:
        members.close()
        clear_partial(out)
    failed += [
        f"{number}.{kind} is not in {name}, which holds everything else: is it MusicNet's archive?"
        for number, kind in sorted(wanted)
    ]
    return failed, check


def _metadata(
    out: Path,
    release: Release,
    given: Path | None,
    archive: Path | None,
    say: OnNotice,
    pause: Callable[[float], None],
) -> Path:
    """Bring the metadata into the folder, unless it is there; return its path."""
    remote, path = release.metadata, out / METADATA_NAME
    beside = None if archive is None else archive.parent / remote.name
    if given is None and path.is_file():
        with suppress(DataError):  # damaged, or of another release: it comes anew
            check_file(path, remote)
            return path
    if given is None and beside is not None and beside.is_file():
        given = beside
    if given is not None:
        check_file(given, remote)
        write_text(path, given.read_text(encoding="utf-8"))
        return path
    url = release.url.format(name=remote.name)
    with HttpStream(url, n_bytes=remote.n_bytes, on_notice=say, pause=pause) as stream:
        content = stream.read()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != remote.md5:
        raise DataError(f"{url} has the md5 {md5}, not {remote.md5}: check the address, or try again later")
    write_text(path, content.decode("utf-8"))
    return path


def _make_folder(out: Path) -> list[Path]:
    """Make the folder; return what was made, the innermost first."""
    made = [path for path in (out, *out.parents) if not path.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{out}: the folder cannot be made ({(error.strerror or str(error)).lower()}): name another --out"
        ) from None
    return made


def _check_space(out: Path, pieces: Sequence[Piece], wanted: set[MemberKey], kept: Release | None) -> None:
    """Make sure that what is to come has room."""
    ids = _missing_recordings(wanted)
    needed = sum(int(piece.seconds * _BYTES_A_SECOND) + _BYTES_BESIDE for piece in pieces if piece.id in ids)
    if kept is not None and not (out / kept.archive.name).exists():
        partial = out / f"{kept.archive.name}.partial"
        needed += (kept.archive.n_bytes or 0) - (partial.stat().st_size if partial.is_file() else 0)
    free = shutil.disk_usage(out).free
    if free < needed:
        raise DataError(
            f"{out}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free: "
            "free some space or name another --out"
        )


def _missing_recordings(wanted: Iterable[MemberKey]) -> set[int]:
    return {number for number, kind in wanted if kind == WAV}
