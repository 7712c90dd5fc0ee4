"""Notes and controls as files for other programs: MIDI, and tables as CSV.

Source:
    MIDI Manufacturers Association, Standard MIDI Files 1.0 (1988).
"""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from violute.analysis.conditioning import hz_to_midi
from violute.analysis.controls import Controls
from violute.analysis.notes import Note
from violute.whole_file import named_file

TICKS_A_BEAT, BEATS_A_SECOND = 480, 2
"""120 beats a minute, so that a tick lasts about a millisecond: the notes stay where they were played."""

LOUDEST_VELOCITY, SOFTEST_VELOCITY, VELOCITY_A_DB = 115, 15, 2.5

_NOTE_ON, _NOTE_OFF = 0x90, 0x80


def write_midi(notes: Sequence[Note], path: str | Path, *, overwrite: bool = True) -> None:
    """Write notes as a MIDI file of one track: the nearest key of each, a channel for each line.

    The loudest note has the velocity 115, one that is 10 dB softer 90.

    Raises:
        InputError: The file cannot be written, or is there and may not be replaced.
    """
    with named_file(Path(path), overwrite=overwrite) as partial:
        partial.write_bytes(midi_bytes(notes))


def midi_bytes(notes: Sequence[Note]) -> bytes:
    """Return notes as the content of a MIDI file; see `write_midi`."""
    loudest_db = max((note.loudness_db for note in notes), default=0.0)
    events: list[tuple[int, int, bytes]] = []
    for note in notes:
        key = min(max(round(_key(note)), 0), 127)
        wanted = round(LOUDEST_VELOCITY + VELOCITY_A_DB * (note.loudness_db - loudest_db))
        velocity, channel = max(wanted, SOFTEST_VELOCITY), note.line % 16
        on, off = (round(seconds * BEATS_A_SECOND * TICKS_A_BEAT) for seconds in note[:2])
        # Of the events at one tick, what ends comes before what begins.
        events.append((on, 1, bytes((_NOTE_ON | channel, key, velocity))))
        events.append((off, 0, bytes((_NOTE_OFF | channel, key, 0))))
    microseconds_a_beat = 1_000_000 // BEATS_A_SECOND
    track = b"\x00\xff\x51\x03" + microseconds_a_beat.to_bytes(3, "big")
    now = 0
    for tick, _, message in sorted(events):
        track += _variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_A_BEAT)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def write_note_table(notes: Iterable[Note], path: str | Path, *, overwrite: bool = True) -> None:
    """Write a row for each note: begin and end in seconds, pitch in Hz and as a MIDI key, loudness, line.

    Raises:
        InputError: The file cannot be written, or is there and may not be replaced.
    """
    names = ("onset_seconds", "offset_seconds", "f0_hz", "midi", "loudness_db", "line")
    rows = (
        (*(f"{number:.2f}" for number in (*note[:3], _key(note), note.loudness_db)), note.line)
        for note in notes
    )
    _write_table(names, rows, Path(path), overwrite=overwrite)


def write_controls(controls: Controls, path: str | Path, *, overwrite: bool = True) -> None:
    """Write a row for each line and frame of 10 ms: what was measured, as in `Controls`.

    Raises:
        InputError: The file cannot be written, or is there and may not be replaced.
    """
    names = ("seconds", "line", "f0_hz", "periodicity", "loudness_db", "onset_strength")
    tracks = (controls.f0_hz, controls.periodicity, controls.loudness_db)
    rows = (
        (
            f"{frame / controls.frame_rate_hz:.2f}",
            line,
            *(f"{track[line, frame]:.3f}" for track in tracks),
            f"{controls.onset_strength[frame]:.3f}",
        )
        for frame in range(controls.n_frames)
        for line in range(controls.n_lines)
    )
    _write_table(names, rows, Path(path), overwrite=overwrite)


def _write_table(
    names: Sequence[str], rows: Iterable[Sequence[object]], path: Path, *, overwrite: bool
) -> None:
    with (
        named_file(path, overwrite=overwrite) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        table.writerows(rows)


def _key(note: Note) -> float:
    """Return the MIDI key of a note, with cents as fractions."""
    return float(hz_to_midi(np.array(note.f0_hz)))


def _variable_length(number: int) -> bytes:
    """Encode a number in groups of seven bits, all but the last marked."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))
