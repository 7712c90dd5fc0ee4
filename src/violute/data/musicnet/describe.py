"""The manifest of recordings that came from MusicNet: what the metadata, the labels and the sound say.

Beside a recording of a single line in which several notes sound at times, a segment map of its single
lines is written, as `list_recordings` reads them, so that whatever learns from the folder leaves the
chords out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from violute.data.manifest import Manifest, ManifestEntry, duplicates, traps_of, write_text
from violute.data.measured import content_digest
from violute.data.musicnet.catalogue import CITATION, LICENCE, LINE_ENSEMBLES, Piece
from violute.data.musicnet.files import places_of
from violute.data.musicnet.labels import LABEL_RATE_HZ, polyphonic_share, read_labels, single_line_passages
from violute.data.sound_report import report_sound
from violute.data.splits import TRAIN
from violute.errors import DataError
from violute.worklist.engine import HERE, Engine

SECONDS_OFF = 2.0
"""How far a recording's length may lie from the metadata's whole seconds without a word."""

FEW_SECONDS = 60.0
"""Of all recordings together: starting processes would cost more than measuring them."""

_MAP_NOTE = "single lines by MusicNet's labels, written by violute data musicnet"


def describe(
    out: Path,
    pieces: Sequence[Piece],
    checks: dict[str, str],
    *,
    leave_out_chords: bool,
    on_share: Callable[[float], None],
) -> Manifest:
    """Measure the pieces that are there, on all cores, and describe them; write their segment maps.

    Without `leave_out_chords`, maps that an earlier run wrote are removed.

    Raises:
        AudioError: A recording was damaged since it came.
        DataError: A segment map cannot be written.
    """
    there = [piece for piece in pieces if (out / piece.folder / f"{piece.id}.wav").is_file()]
    engine = Engine(1) if sum(piece.seconds for piece in there) < FEW_SECONDS else HERE
    entries = []
    entry_of = partial(_entry, out, leave_out_chords=leave_out_chords)
    for entry in engine.results(entry_of, there):
        entries.append(entry)
        on_share(len(entries) / len(there))
    entries.sort(key=lambda entry: entry.path)
    return Manifest("MusicNet", LICENCE, CITATION, tuple(entries), duplicates(entries), checks)


def _entry(out: Path, piece: Piece, *, leave_out_chords: bool) -> ManifestEntry:
    path, labels = places_of(piece).values()
    sound = report_sound(out / path)
    traps = [*piece.traps, *traps_of(sound)]
    if abs(sound.seconds - piece.seconds) > SECONDS_OFF:
        traps.append(f"lasts {sound.seconds:.0f} s, the metadata says {piece.seconds:.0f}")
    if sound.sample_rate != LABEL_RATE_HZ:
        traps.append(f"recorded at {sound.sample_rate} Hz, the labels count samples at {LABEL_RATE_HZ}")
    lines = [(0.0, sound.seconds)]
    try:
        notes = read_labels(out / labels)
    except DataError:
        traps.append("its labels are missing")
        labels_sha256 = ""
    else:
        traps.append(
            f"{100 * polyphonic_share(notes):.0f} % of the sounding time is polyphonic by the labels"
        )
        labels_sha256 = content_digest(out / labels)
        if leave_out_chords and piece.split == TRAIN and piece.ensemble in LINE_ENSEMBLES:
            lines = single_line_passages(notes, sound.seconds)
    left_out = sound.seconds - sum(end - start for start, end in lines)
    place = out / f"{path}.json"
    if _is_somebody_elses(place):
        left_out = 0.0
    elif left_out:
        traps.append(f"{left_out:.0f} s of chords and what lies between them are left out of training")
        _write_segment_map(place, lines)
    else:
        place.unlink(missing_ok=True)
    return ManifestEntry(
        path=path.as_posix(),
        instrument=piece.folder,
        split=piece.split,
        sound=sound,
        title=piece.title,
        composer=piece.composer,
        ensemble=piece.ensemble,
        player=piece.source,
        labels=labels.as_posix() if labels_sha256 else "",
        labels_sha256=labels_sha256,
        left_out_seconds=left_out,
        traps=tuple(traps),
    )


def _write_segment_map(place: Path, lines: Sequence[tuple[float, float]]) -> None:
    stem, suffix = place.name.removesuffix(".json").split(".")
    items = [
        {"src": f"{stem}-{number}.{suffix}", "start": start, "end": end}
        for number, (start, end) in enumerate(lines, 1)
    ]
    write_text(place, json.dumps({"note": _MAP_NOTE, "gain": 1.0, "items": items}, indent=1) + "\n")


def _is_somebody_elses(place: Path) -> bool:
    """Tell whether there is a segment map that `violute data musicnet` did not write."""
    if not place.exists():
        return False
    try:
        return bool(json.loads(place.read_text(encoding="utf-8"))["note"] != _MAP_NOTE)
    except (OSError, ValueError, KeyError, TypeError):
        return True
