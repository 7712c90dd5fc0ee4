"""Where MusicNet's recordings and labels lie in a folder, and how they come there: whole or not at all.

The layout is one folder an instrument, as `violute train` and `violute bench` want it:

- `violin/2186.wav`, `flute/2202.wav`, ...: as in the archive, mono, 44.1 kHz, IEEE float32;
- `labels/2186.csv`: the score's notes in samples;
- `metadata.csv`, `manifest.json`, and `held_out.txt` for `--hold-out`.

A member of the archive is written into `.partial` first and takes its name once it has been read
through, so whatever has its name is whole, and a run that was killed goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from violute.audio.source import FileSource, check_audible
from violute.data.musicnet.archive_members import Member
from violute.data.musicnet.catalogue import Piece
from violute.data.musicnet.labels import read_labels
from violute.errors import AudioError, DataError

METADATA_NAME = "metadata.csv"
HELD_OUT_NAME = "held_out.txt"
LABELS_FOLDER = "labels"
PARTIAL_FOLDER = ".partial"

WAV, CSV = "wav", "csv"

MemberKey = tuple[int, str]
"""Id of a recording, and `WAV` or `CSV`."""

_MEMBER = re.compile(r"(?:\./)?(?:musicnet/)?(?:train|test)_(data|labels)/(\d+)\.(wav|csv)")
_KIND_IN = {"data": WAV, "labels": CSV}


def member_key(name: str) -> MemberKey | None:
    """Tell which recording's WAV or CSV a member of the archive is; None for anything else.

    Args:
        name: With its folders: `musicnet/train_data/2186.wav`.
    """
    match = _MEMBER.fullmatch(name)
    if match is None or _KIND_IN[match[1]] != match[3]:
        return None
    return int(match[2]), match[3]


def place_of(piece: Piece, kind: str) -> Path:
    """Return where a file lies, relative to the folder."""
    return Path(LABELS_FOLDER if kind == CSV else piece.folder, f"{piece.id}.{kind}")


def missing(folder: Path, pieces: Iterable[Piece]) -> set[MemberKey]:
    """Return what is still to be fetched: what is not there, or is there and damaged."""
    keys = set()
    for piece in pieces:
        for kind in (WAV, CSV):
            path = folder / place_of(piece, kind)
            try:
                _check(path, kind)
            except (AudioError, DataError):
                keys.add((piece.id, kind))
    return keys


def store(folder: Path, piece: Piece, kind: str, member: Member) -> Path:
    """Write a member to its place.

    Returns:
        The file's path.

    Raises:
        AudioError: The recording in the archive is damaged, silent or not finite; it is left out.
        DataError: The labels are malformed, the archive is damaged, or the disk cannot be written.
    """
    path = folder / place_of(piece, kind)
    partial = folder / PARTIAL_FOLDER / f"{path.name}.partial"
    try:
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                for block in member.blocks():
                    file.write(block)
            _check_member(partial, kind, member.name)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({(error.strerror or str(error)).lower()}): free some space or name "
            "another --out; what came whole is kept"
        ) from None
    return path


def clear_partial(folder: Path) -> None:
    """Remove what a run that was killed left half written."""
    for path in (folder / PARTIAL_FOLDER).glob("*.partial"):
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        (folder / PARTIAL_FOLDER).rmdir()


class DamagedMemberError(DataError):
    """A single file in the archive is unusable; the others may not be."""


def _check_member(partial: Path, kind: str, name: str) -> None:
    try:
        _check(partial, kind, thoroughly=True)
    except (AudioError, DataError) as error:
        reason = str(error).removeprefix(str(partial)).split(":")[0].strip()
        raise DamagedMemberError(f"{name} in the archive {reason}: it is left out") from None


def _check(path: Path, kind: str, *, thoroughly: bool = False) -> None:
    """Make sure that a file is a whole recording, or whole labels."""
    if kind == CSV:
        read_labels(path)
        return
    source = FileSource(path)
    if thoroughly:
        check_audible(source)
        for _ in source.blocks():
            continue  # reading finds what is not finite, and a cut
