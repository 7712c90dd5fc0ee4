"""What MusicNet holds: its release, its recordings by the metadata, and the traps that each one sets.

The archive is 11 GB, of which solo violin and solo flute are about 400 MB. Recordings are chosen by
the metadata's `ensemble`, never by the labels' `instrument`: the labels of 2241, 2242 and 2243, played
by one violin, call some of its lines viola (42) and cello (43). What else to mind stands in `TRAPS`
and is written into the manifest beside the recording that it concerns. For all of MusicNet:

- three violin sources and one flautist, each in a room of its own: timbre and room are confounded;
- solo violin lasts 3.8 times as long as solo flute;
- the official test set has one violin (2191) and no flute, so Violute holds 2204 out as well.

Source:
    Thickstun, Harchaoui and Kakade, Learning features of music from scratch (ICLR 2017);
    Zenodo record 5120004.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from violute.data.splits import FLUTE_TEST_ID, HELD_OUT, TRAIN, VIOLIN_TEST_ID
from violute.errors import DataError

LICENCE = "CC BY 4.0"
CITATION = (
    "Thickstun, J., Harchaoui, Z. and Kakade, S. M.: MusicNet (2021), Zenodo, "
    "https://doi.org/10.5281/zenodo.5120004"
)

SOLO_ENSEMBLES = ("Solo Violin", "Solo Flute")
"""What is fetched unless others are asked for."""

LINE_ENSEMBLES = (*SOLO_ENSEMBLES, "Solo Cello")
"""Those of one instrument that plays a single line of notes most of the time."""

OFFICIAL_TEST_IDS = frozenset({1759, 1819, 2106, VIOLIN_TEST_ID, 2298, 2303, 2382, 2416, 2556, 2628})

_WRONG_STRINGS = "labels call some violin lines viola (42) or cello (43): choose by the ensemble alone"
_WRONG_TITLE = "title and movement are one movement off: trust the id"
TRAPS = {
    2241: _WRONG_STRINGS,
    2242: _WRONG_STRINGS,
    2243: _WRONG_STRINGS,
    2288: _WRONG_TITLE,
    2289: _WRONG_TITLE,
    2659: "the published solo-violin weights of DDSP were trained on this player too",
}
"""What is known to be wrong or odd, by id."""

TRAP_OF_LABELS = "about 4 % of the labels are wrong"


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch: its name, its size (None where it is not known beforehand), its md5 in hexadecimal."""

    name: str
    n_bytes: int | None
    md5: str


@dataclass(frozen=True)
class Release:
    """Where a release of MusicNet lies, and what its two files have to be.

    Attributes:
        url: Address of the files, with `{name}` for a file's name.
        archive: Recordings and labels, as tar.gz.
        metadata: Titles, ensembles and lengths, as CSV.
    """

    url: str
    archive: RemoteFile
    metadata: RemoteFile

    def address(self, remote: RemoteFile) -> str:
        """Return where one of the two files lies."""
        return self.url.format(name=remote.name)


OFFICIAL = Release(
    "https://zenodo.org/records/5120004/files/{name}?download=1",
    RemoteFile("musicnet.tar.gz", 11_097_394_998, "844764911fa0d5b97c97da944a057590"),
    RemoteFile("musicnet_metadata.csv", 43_775, "1caef62cee9c875235e62aac368b49d8"),
)


def with_checksums(release: Release, path: Path) -> Release:
    """Return a release whose files have other checksums, and sizes that are not known beforehand.

    `path` is a text file as md5sum writes it: `MD5  NAME` a line.

    Raises:
        DataError: The file cannot be read, or lacks one of the two files.
    """
    try:
        found = re.findall(
            r"^([0-9a-fA-F]{32})\s+\*?(?:.*/)?(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} cannot be read: give a text file as md5sum writes it") from None
    md5_of = {name: md5.lower() for md5, name in found}
    for remote in (release.archive, release.metadata):
        if remote.name not in md5_of:
            raise DataError(f"{path} names no md5 of {remote.name}: give a line MD5  {remote.name}")
    archive, metadata = (
        RemoteFile(remote.name, None, md5_of[remote.name]) for remote in (release.archive, release.metadata)
    )
    return replace(release, archive=archive, metadata=metadata)


@dataclass(frozen=True)
class Piece:
    """One recording as the metadata knows it.

    Attributes:
        id: Number of the recording, the name of its files.
        composer: Such as "Bach".
        title: Composition and movement.
        ensemble: Such as "Solo Violin".
        source: Who played or published it.
        seconds: Length, rounded to seconds.
    """

    id: int
    composer: str
    title: str
    ensemble: str
    source: str
    seconds: float

    @property
    def folder(self) -> str:
        """Name of the folder for recordings of this ensemble: a soloist's instrument, as in "violin"."""
        return re.sub(r"[^a-z0-9]+", "-", self.ensemble.removeprefix("Solo ").lower()).strip("-")

    @property
    def split(self) -> str:
        """`HELD_OUT` for the official test set and the flute that Violute adds to it, else `TRAIN`."""
        return HELD_OUT if self.id in OFFICIAL_TEST_IDS or self.id == FLUTE_TEST_ID else TRAIN

    @property
    def traps(self) -> tuple[str, ...]:
        """What to mind when this recording is used."""
        return tuple(filter(None, (TRAPS.get(self.id), TRAP_OF_LABELS)))


def read_metadata(content: bytes) -> list[Piece]:
    """Read MusicNet's metadata, the content of its CSV.

    Raises:
        DataError: It is not MusicNet's metadata, or names no recordings.
    """
    try:
        pieces = [_piece(row) for row in csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))]
    except (csv.Error, KeyError, TypeError, ValueError):
        pieces = []
    if not pieces:
        raise DataError("the metadata are not MusicNet's: name the right file, or leave --metadata out")
    return pieces


def choose(pieces: Collection[Piece], ensembles: Sequence[str] | None) -> list[Piece]:
    """Choose recordings by ensembles as the metadata names them, whatever their case; None chooses all.

    Raises:
        DataError: There is no such ensemble.
    """
    if ensembles is None:
        return list(pieces)
    known = {piece.ensemble.lower(): piece.ensemble for piece in pieces}
    for ensemble in ensembles:
        if ensemble.lower() not in known:
            raise DataError(
                f"MusicNet has no ensemble {ensemble!r}: choose from {', '.join(sorted(known.values()))}"
            )
    wanted = {ensemble.lower() for ensemble in ensembles}
    return [piece for piece in pieces if piece.ensemble.lower() in wanted]


def held_out_patterns(pieces: Collection[Piece]) -> str:
    """Return a list for `--hold-out`: the held-out recordings, a pattern a line."""
    lines = ["# Held out of training: MusicNet's official test set, and a flute that Violute adds to it."]
    lines += [
        f"{piece.id}  # {piece.ensemble}: {piece.composer}, {piece.title}"
        for piece in pieces
        if piece.split == HELD_OUT
    ]
    return "\n".join(lines) + "\n"


def _piece(row: dict[str, str]) -> Piece:
    titles = [row["composition"].strip(), row["movement"].strip()]
    return Piece(
        id=int(row["id"]),
        composer=row["composer"],
        title=", ".join(title for title in titles if title),
        ensemble=row["ensemble"],
        source=row["source"],
        seconds=float(row["seconds"]),
    )
