"""The shipped pieces are what they are said to be, and their script writes proper MIDI."""

import importlib.util
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from violute.examples import example_paths, pieces_for

REPOSITORY = Path(__file__).resolve().parents[2]


def load_script():
    path = REPOSITORY / "examples" / "render_examples.py"
    spec = importlib.util.spec_from_file_location("render_examples", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["render_examples"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


def piece_named(name):
    return next(piece for piece in SCRIPT.PIECES if piece.name == name)


@pytest.mark.parametrize("instrument", sorted(example_paths()))
def test_a_piece_is_mono_short_small_and_not_clipped(instrument):
    path = example_paths()[instrument]
    audio, sample_rate = soundfile.read(path, always_2d=True)
    assert sample_rate == 44100
    assert audio.shape[1] == 1
    assert 12 <= len(audio) / sample_rate <= 15.5
    assert path.stat().st_size < 1_500_000
    assert 0.5 < np.abs(audio).max() < 0.9


@pytest.mark.parametrize("instrument", sorted(example_paths()))
def test_every_note_of_the_score_is_heard_at_its_pitch(instrument):
    """Oracle: in the middle of each note, the spectrum at the written pitch's harmonics stands out."""
    path = example_paths()[instrument]
    audio, sample_rate = soundfile.read(path)
    notes = SCRIPT.perform(piece_named(path.stem))
    n_fft = 1 << 15
    frequencies = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    for note in notes:
        middle = audio[round(note.start * sample_rate) + 1000 : round(note.stop * sample_rate)]
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), n_fft)) ** 2

        def strength(midi, spectrum=spectrum):
            lines = librosa.midi_to_hz(midi) * np.arange(1, 9)
            return sum(spectrum[np.abs(frequencies - line) < 0.01 * line].sum() for line in lines)

        # Neighbours up to a fourth away: an octave would share its harmonics.
        others = [strength(note.midi + step) for step in range(-5, 6) if step != 0]
        assert strength(note.midi) > max(others), f"{note} is not heard"


def test_the_openings_are_those_of_the_scores():
    """Oracle: the first bars as scale steps, read off the scores once more, independently of the SCRIPT."""
    allemande = [key for key, _ in SCRIPT.parse(SCRIPT.ALLEMANDE) if key is not None]
    preludio = [key for key, _ in SCRIPT.parse(SCRIPT.PRELUDIO) if key is not None]
    assert allemande[:15] == [76, 81, 80, 81, 84, 81, 76, 69, 76, 81, 80, 81, 84, 81, 76]
    assert preludio[:6] == [88, 87, 88, 83, 80, 83]
    # The Preludio's second bar repeats the first figure an octave lower, around its lower neighbours.
    assert preludio[6:10] == [76, 78, 76, 75]
    # Each bar of the cello's Prelude is a figure over an open string, played twice.
    prelude = [key for key, _ in SCRIPT.parse(SCRIPT.PRELUDE) if key is not None]
    assert prelude[:16] == 2 * [43, 50, 59, 57, 59, 50, 59, 50]
    assert prelude[16:24] == prelude[24:32] == [43, 52, 60, 59, 60, 52, 60, 52]


@pytest.mark.parametrize("name", [path.stem for path in example_paths().values()])
def test_every_bar_is_full(name):
    piece = piece_named(name)
    lines = [line for line in piece.melody.splitlines() if line.strip()]
    lengths = [sum(length for _, length in SCRIPT.parse(line)) for line in lines]
    assert set(lengths[:-1]) == {piece.sixteenths_a_bar}
    assert len(lengths) == len(piece.bar_levels)


@given(st.integers(0, 2**28 - 1))
def test_variable_length_numbers_come_back(number):
    encoded = SCRIPT.variable_length(number)
    decoded = 0
    for byte in encoded:
        decoded = decoded << 7 | byte & 0x7F
    assert decoded == number
    assert all(byte & 0x80 for byte in encoded[:-1])
    assert not encoded[-1] & 0x80


def test_a_midi_file_has_one_end_for_each_note():
    piece = piece_named("violin_bwv1006")
    notes = SCRIPT.perform(piece)
    data = SCRIPT.midi_file(notes, piece)
    assert data[:8] == b"MThd\x00\x00\x00\x06"
    assert int.from_bytes(data[18:22], "big") == len(data) - 22
    sounding, n_on, position = set(), 0, 22
    while position < len(data):
        while data[position] & 0x80:
            position += 1
        status, first, second = data[position + 1 : position + 4]
        if status == 0xFF:
            position += 4 + second
            continue
        if status == 0x90:
            assert not sounding, "one line: the last note has ended"
            sounding.add(first)
            n_on += 1
        elif status == 0x80:
            sounding.remove(first)
        position += 3 if status == 0xC0 else 4
    assert n_on == len(notes)
    assert not sounding


def test_a_voice_is_shown_with_its_own_instruments_where_they_are_there():
    assert list(pieces_for(("clarinet", "cello"))) == ["clarinet", "cello"]
    assert list(pieces_for(("flute", "violin"))) == list(pieces_for(("reed", "cello"))) == ["flute", "violin"]
