"""Where MusicNet's recordings and labels lie in a folder, and how they come there: whole or not at all.

The layout is one folder an instrument, as `violute train` and `violute bench` want it:

- `violin/2186.wav`, `flute/2202.wav`, ...: as in the archive, mono, 44.1 kHz, IEEE float32;
- `violin/2241.wav.json`: a segment map of its single lines, where several notes sound elsewhere in it;
- `labels/2186.csv`: the score's notes in samples;
- `metadata.csv`, `manifest.json`, and `held_out.txt` for `--hold-out`.

A file of the archive takes its name once it has been read through, so whatever has its name is whole,
and a run that was killed goes on from there. The manifest holds a digest of each: what was written over
since is fetched anew.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from violute.audio.source import FileSource, check_audible
from violute.data.musicnet.catalogue import Piece
from violute.data.musicnet.http_stream import BLOCK_BYTES, OnNotice
from violute.data.musicnet.labels import read_labels
from violute.errors import AudioError, DataError
from violute.whole_file import whole_file

METADATA_NAME = "metadata.csv"
HELD_OUT_NAME = "held_out.txt"
LABELS_FOLDER = "labels"

WAV, CSV = "wav", "csv"

MemberKey = tuple[int, str]
"""Id of a recording, and `WAV` or `CSV`."""

_MEMBER = re.compile(r"(?:\./)?(?:musicnet/)?(?:train|test)_(?:data/(\d+)\.wav|labels/(\d+)\.csv)")


class DamagedMemberError(DataError):
    """A single file in the archive is unusable; the others may not be."""


def member_key(name: str) -> MemberKey | None:
    """Tell which recording's WAV or CSV a member of the archive is; None for anything else.

    Args:
        name: With its folders: `musicnet/train_data/2186.wav`.
    """
    match = _MEMBER.fullmatch(name)
    if match is None:
        return None
    return (int(match[1]), WAV) if match[1] else (int(match[2]), CSV)


def place_of(piece: Piece, kind: str) -> Path:
    """Return where a file lies, relative to the folder."""
    return Path(LABELS_FOLDER if kind == CSV else piece.folder, f"{piece.id}.{kind}")


def missing(
    folder: Path, pieces: Iterable[Piece], digests: Mapping[str, str], on_notice: OnNotice
) -> dict[MemberKey, Piece]:
    """Return what is still to be fetched: what is not there, or is not what once came.

    Args:
        folder: In the layout above.
        pieces: Recordings wanted.
        digests: SHA-256 of what came, by place; other files have to be whole only.
        on_notice: Hears which files were written over.
    """
    wanted = {}
    for piece in pieces:
        for kind in (WAV, CSV):
            place = place_of(piece, kind)
            try:
                _check(folder / place, kind)
            except (AudioError, DataError):
                wanted[piece.id, kind] = piece
                continue
            recorded = digests.get(place.as_posix())
            if recorded and sha256_of(folder / place) != recorded:
                on_notice(
                    f"{folder / place} was changed since it came (its sha256 differs): fetching it anew"
                )
                wanted[piece.id, kind] = piece
    return wanted


def sha256_of(path: Path) -> str:
    """Return the digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store(path: Path, kind: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """Write a file of the archive to its place, once it has been read through.

    Raises:
        DamagedMemberError: It is a recording that is damaged, silent or not finite, or malformed labels.
        DataError: The disk cannot be written.
    """
    content = archive.extractfile(member)
    assert content is not None  # it is a plain file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            with partial.open("wb") as file:
                shutil.copyfileobj(content, file, BLOCK_BYTES)
            try:
                _check(partial, kind, thoroughly=True)
            except (AudioError, DataError) as error:
                reason = str(error).removeprefix(str(partial)).split(":")[0].strip()
                raise DamagedMemberError(f"{member.name} in the archive {reason}: it is left out") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({(error.strerror or str(error)).lower()}): free some space or name "
            "another --out; what came whole is kept"
        ) from None


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
