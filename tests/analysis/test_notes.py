"""Notes and their files: the score of the shipped pieces comes back, and another program reads the MIDI."""

import csv
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.analysis.analyser import analyse
from violute.analysis.controls import Controls
from violute.analysis.note_files import midi_bytes, write_controls, write_midi, write_note_table
from violute.analysis.notes import Note, notes_of
from violute.analysis.pitch_range import HIGH, LOW
from violute.audio.read import read_mono
from violute.errors import InputError
from violute.evaluation.metrics.notes import note_f1
from violute.examples import example_paths
from violute.rates import SAMPLE_RATE


def score(name):
    """The notes that `examples/render_examples.py` played."""
    path = Path(__file__).resolve().parents[2] / "examples" / "render_examples.py"
    spec = importlib.util.spec_from_file_location("render_examples", path)
    script = importlib.util.module_from_spec(spec)
    sys.modules["render_examples"] = script
    spec.loader.exec_module(script)
    piece = next(piece for piece in script.PIECES if piece.name == name)
    return [
        Note(note.start, note.stop, 440.0 * 2 ** ((note.midi - 69) / 12)) for note in script.perform(piece)
    ]


def read_midi(content):
    """(tick, whether on, channel, key, velocity) of each message, by the standard's own words."""
    assert content[:14] == b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0"
    assert int.from_bytes(content[18:22], "big") == len(content) - 22
    found, place, tick = [], 22, 0
    while place < len(content):
        wait = 0
        while content[place] & 0x80:
            wait, place = wait << 7 | content[place] & 0x7F, place + 1
        tick, place = tick + (wait << 7 | content[place]), place + 1
        status, first, second = content[place : place + 3]
        if status == 0xFF:
            place += 3 + second
            continue
        found.append((tick, status >> 4 == 9, status & 15, first, second))
        place += 3
    return found


@pytest.mark.parametrize(
    ("instrument", "pitch_range", "least_f1"),
    [("flute", HIGH, 0.9), ("violin", HIGH, 0.9), ("clarinet", LOW, 0.85), ("cello", LOW, 0.85)],
)
def test_the_score_of_a_piece_is_heard(instrument, pitch_range, least_f1):
    path = example_paths()[instrument]
    heard = notes_of(analyse(read_mono(path, SAMPLE_RATE), pitch_range=pitch_range))
    assert note_f1(score(path.stem), heard) > least_f1
    assert all(-60.0 < note.loudness_db < 0.0 and note.line == 0 for note in heard)


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 400.0), st.floats(0.06, 3.0), st.floats(30.0, 4000.0), st.floats(-60.0, 0.0)
        ),
        max_size=20,
    )
)
def test_midi_has_an_end_for_each_note_where_it_was_played(rows):
    notes = [Note(on, on + seconds, f0, db, i % 4) for i, (on, seconds, f0, db) in enumerate(rows)]
    events = read_midi(midi_bytes(notes))
    assert [tick for tick, *_ in events] == sorted(tick for tick, *_ in events)
    begun = sorted((tick, channel) for tick, is_on, channel, *_ in events if is_on)
    assert begun == sorted((round(note.onset_seconds * 960), note.line) for note in notes)
    ended = sorted((tick, channel) for tick, is_on, channel, *_ in events if not is_on)
    assert ended == sorted((round(note.offset_seconds * 960), note.line) for note in notes)


def test_keys_are_the_nearest_and_louder_notes_have_larger_velocities():
    notes = [Note(0.0, 0.5, 440.0, -10.0), Note(0.5, 1.0, 450.0, -20.0), Note(1.0, 2.0, 261.63, -70.0)]
    begun = [(key, velocity) for _, is_on, _, key, velocity in read_midi(midi_bytes(notes)) if is_on]
    assert begun == [(69, 115), (69, 90), (60, 15)]


def test_tables_hold_what_was_measured(tmp_path):
    f0_hz = np.array([[440.0, 441.0], [660.0, 0.0]])
    loudness_db = np.array([[-10.0, -11.5], [-12.0, -120.0]])
    controls = Controls(f0_hz, np.ones((2, 2)), loudness_db, np.array([1.0, 0.25]))
    write_controls(controls, tmp_path / "x.csv")
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert [(row["seconds"], row["line"]) for row in rows] == [
        ("0.00", "0"),
        ("0.00", "1"),
        ("0.01", "0"),
        ("0.01", "1"),
    ]
    assert [float(row["f0_hz"]) for row in rows] == [440.0, 660.0, 441.0, 0.0]
    assert float(rows[2]["loudness_db"]) == -11.5
    write_note_table([Note(0.5, 1.0, 466.16, -20.0, 1)], tmp_path / "n.csv")
    (row,) = csv.DictReader((tmp_path / "n.csv").read_text().splitlines())
    assert (row["onset_seconds"], row["offset_seconds"], row["midi"], row["line"]) == (
        "0.50",
        "1.00",
        "70.00",
        "1",
    )


def test_a_file_that_is_there_stays_where_it_may_not_be_replaced(tmp_path):
    (tmp_path / "x.mid").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_midi([], tmp_path / "x.mid", overwrite=False)
    assert (tmp_path / "x.mid").read_text() == "mine"
