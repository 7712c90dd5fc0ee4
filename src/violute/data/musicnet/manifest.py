"""The manifest of recordings that came from MusicNet: what the metadata, the labels and the sound say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from violute.data.manifest import Manifest, ManifestEntry, duplicates, traps_of
from violute.data.musicnet.catalogue import CITATION, LICENCE, Piece
from violute.data.musicnet.files import CSV, WAV, place_of
from violute.data.musicnet.labels import LABEL_RATE_HZ, polyphonic_share, read_labels
from violute.data.sound_report import SoundReport, report_sound
from violute.errors import DataError

SECONDS_OFF = 2.0
"""How far a recording's length may lie from the metadata's whole seconds without a word."""


def describe(
    out: Path,
    pieces: Sequence[Piece],
    checks: Mapping[str, str],
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Manifest:
    """Measure the recordings that are there and describe them.

    Args:
        out: Folder in the layout of `musicnet_files`.
        pieces: Recordings wanted; those that are not there are passed over.
        checks: What was checked on the way.
        on_progress: Called with the share done, 0 to 1.

    Raises:
        AudioError: A recording was damaged since it came.
    """
    tell = on_progress or (lambda share: None)
    there = [piece for piece in pieces if (out / place_of(piece, WAV)).is_file()]
    seconds = [max(piece.seconds, 1.0) for piece in there]
    done, entries = 0.0, []
    for piece, length in zip(there, seconds, strict=True):
        sound = report_sound(out / place_of(piece, WAV))
        done += length
        tell(done / sum(seconds))
        entries.append(_entry(out, piece, sound))
    entries.sort(key=lambda entry: entry.path)
    return Manifest("MusicNet", LICENCE, CITATION, tuple(entries), duplicates(entries), dict(checks))


def _entry(out: Path, piece: Piece, sound: SoundReport) -> ManifestEntry:
    traps = [*piece.traps, *traps_of(sound)]
    labels = place_of(piece, CSV)
    if abs(sound.seconds - piece.seconds) > SECONDS_OFF:
        traps.append(f"lasts {sound.seconds:.0f} s, the metadata says {piece.seconds:.0f}")
    if sound.sample_rate != LABEL_RATE_HZ:
        traps.append(f"recorded at {sound.sample_rate} Hz, the labels count samples at {LABEL_RATE_HZ}")
    try:
        several = polyphonic_share(read_labels(out / labels))
    except DataError:
        traps.append("its labels are missing")
        is_labelled = False
    else:
        traps.append(f"{100 * several:.0f} % of the sounding time is polyphonic by the labels")
        is_labelled = True
    return ManifestEntry(
        path=place_of(piece, WAV).as_posix(),
        instrument=piece.folder,
        split=piece.split,
        sound=sound,
        title=piece.title,
        composer=piece.composer,
        ensemble=piece.ensemble,
        player=piece.source,
        labels=labels.as_posix() if is_labelled else "",
        traps=tuple(traps),
    )
