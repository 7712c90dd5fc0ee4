"""The researcher's WaveNet road at toy sizes: train, encode, interpolate, convert, decode, look."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from command_line import complaint_of, files_below, violute, violute_here
from readme_chain import chain, put_notes
from tones import SAMPLE_RATE

from violute.families.nsynth.codes import read_codes
from violute.voices.file import open_voice_file

TOY = {"train": ["--recipe", "tiny"], "encode": [], "decode": [], "convert": [], "rainbow": []}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two notes of each instrument, a third that is held out, and something to play."""
    place = tmp_path_factory.mktemp("nsynth")
    put_notes(place, 0.8, 1.2)
    return place


@pytest.fixture(scope="module")
def done(place):
    """What each line said."""
    said = {}
    for words in chain("nsynth"):
        ended = violute(*words, *TOY[words[0]], "--json", cwd=place)
        assert ended.returncode == 0, ended.stderr[-3000:]
        said[words[0]] = json.loads(ended.stdout)
    return said


def test_the_road_has_every_verb(done):
    assert [words[0] for words in chain("nsynth")] == list(TOY)
    assert done["train"]["steps"] == 4


def test_the_card_tells_what_was_learned(place, done):
    _, card = open_voice_file(place / "voice-nsynth.onnx")
    assert (card.family, card.ends, card.sample_rate) == ("nsynth", ("flute", "violin"), 16_000)
    assert "880" not in " ".join(card.training_data)


def test_codes_are_numbers_a_frame(place, done):
    codes = read_codes(place / "solo.npz")
    assert codes.code.shape == (150, 4)
    assert np.abs(codes.code).max() < 1.0
    assert codes.seconds == pytest.approx(1.2, abs=0.001)
    with np.load(place / "solo.npz") as held:
        assert {"code", "level_db", "n_samples", "sample_rate", "hop_length"} <= set(held)
        assert held["f0_hz"].shape == held["loudness_db"].shape == (121,)


def test_decoded_and_converted_last_as_long_as_the_solo(place, done):
    decoded, decoded_rate = soundfile.read(place / "decoded.wav")
    converted, rate = soundfile.read(place / "hybrid-nsynth.wav")
    solo, _ = soundfile.read(place / "solo.wav")
    assert (len(decoded), decoded_rate) == (19_200, 16_000)
    assert (converted.shape, rate) == (solo.shape, SAMPLE_RATE)
    assert np.abs(converted).max() > 0.01


def test_the_same_again_is_the_same_and_another_mix_is_another(place, done):
    for name, mix in (("again.wav", "0.5"), ("other.wav", "1")):
        ended = violute("decode", "solo.npz", name, "--voice", "voice-nsynth.onnx", "--mix", mix, cwd=place)
        assert ended.returncode == 0, ended.stderr
    first, again, other = (soundfile.read(place / f"{name}.wav")[0] for name in ("decoded", "again", "other"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("encode nowhere.wav x.npz --voice voice-nsynth.onnx", "nowhere.wav"),
        ("encode solo.wav x.wav --voice voice-nsynth.onnx", "ends in .npz"),
        ("encode solo.wav solo.npz --voice voice-nsynth.onnx", "exists"),
        ("encode solo.wav x.npz --voice violute-violin-flute", "has no codes"),
        ("decode nowhere.npz x.wav --voice voice-nsynth.onnx", "no such file"),
        ("decode solo.wav x.wav --voice voice-nsynth.onnx", "holds no codes"),
        ("decode solo.npz x.wav --voice voice-nsynth.onnx --mix 2", "from 0 to 1"),
        ("decode solo.npz decoded.wav --voice voice-nsynth.onnx", "exists"),
        ("rainbow nowhere.wav", "nowhere.wav"),
        ("rainbow solo.wav x.jpg", "PNG"),
        ("train nsynth --a musicnet/flute --b musicnet/violin --out x.onnx --recipe huge", "no recipe"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(place, done, line, word):
    before = files_below(place)
    assert word in complaint_of(violute_here(*line.split(), cwd=place))
    assert files_below(place) == before
