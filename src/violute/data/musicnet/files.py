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

import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from violute.audio.channels import measure
from violute.audio.file_source import FileSource
from violute.data.measured import content_digest
from violute.data.musicnet.catalogue import Piece
from violute.data.musicnet.http_stream import BLOCK_BYTES, OnNotice
from violute.data.musicnet.labels import read_labels
from violute.errors import AudioError, DataError
from violute.whole_file import whole_file

METADATA_NAME = "metadata.csv"
HELD_OUT_NAME = "held_out.txt"

_MEMBER = re.compile(r"(?:\./)?(?:musicnet/)?(?:train|test)_(data/\d+\.wav|labels/\d+\.csv)")


class DamagedMemberError(DataError):
    """A single file in the archive is unusable; the others may not be."""


def member_key(name: str) -> str | None:
    """Tell a recording or its labels by their name in the archive; None for anything else.

    `musicnet/train_data/2186.wav` is `data/2186.wav`.
    """
    match = _MEMBER.fullmatch(name)
    return None if match is None else match[1]


def places_of(piece: Piece) -> dict[str, Path]:
    """Return where a recording and its labels lie, relative to the folder, by their keys in the archive."""
    recording, labels = f"{piece.id}.wav", f"{piece.id}.csv"
    return {f"data/{recording}": Path(piece.folder, recording), f"labels/{labels}": Path("labels", labels)}


def missing(
    folder: Path, pieces: Iterable[Piece], digests: Mapping[str, str], on_notice: OnNotice
) -> dict[str, Path]:
    """Return the paths of what is still to be fetched, by key: not there, not whole, or not what once came.

    Of what came, `digests` holds the SHA-256 by place; `on_notice` hears which files were written over.
    """
    wanted = {}
    for piece in pieces:
        for key, place in places_of(piece).items():
            path = folder / place
            try:
                _check(path)
            except (AudioError, DataError):
                wanted[key] = path
                continue
            recorded = digests.get(place.as_posix())
            if recorded and content_digest(path) != recorded:
                on_notice(f"{path} was changed since it came (its sha256 differs): fetching it anew")
                wanted[key] = path
    return wanted


def store(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
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
                _check(partial, thoroughly=True)
            except (AudioError, DataError) as error:
                reason = str(error).removeprefix(str(partial)).split(":")[0].strip()
                raise DamagedMemberError(f"{member.name} in the archive {reason}: it is left out") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({(error.strerror or str(error)).lower()}): free some space or name "
            "another --out; what came whole is kept"
        ) from None


def _check(path: Path, *, thoroughly: bool = False) -> None:
    """Make sure that a file is a whole recording, or whole labels."""
    if path.suffix == ".csv":
        read_labels(path)
        return
    source = FileSource(path)
    if thoroughly:
        measure(source)  # reading finds what is silent or not finite, and a cut
