"""The researcher's road of translated pairs, line by line, at toy sizes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from command_line import violute, violute_here
from readme_chain import chain, put_chord, put_notes

from violute.voices.file import open_voice_file

TOY = {
    "train": ["--recipe", "tiny"],
    "pairs": ["--mixes", "0", "0.5", "1", "--jobs", "1"],
    "convert": [],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two notes of each instrument, a third that is held out, and something to play."""
    place = tmp_path_factory.mktemp("translation")
    put_notes(place, 1.6, 1.5)
    put_chord(place, 1.5)
    return place


@pytest.fixture(scope="module")
def done(place):
    """What each line said; only how large things are is changed."""
    said = []
    chord = ["convert", "chord.wav", "hybrid-chord.wav", "--voice", "voice-cyclegan.onnx"]
    for words in [*chain("cyclegan"), chord]:
        ended = violute(*words, *TOY[words[0]], "--json", cwd=place)
        assert ended.returncode == 0, ended.stderr[-3000:]
        said.append(json.loads(ended.stdout))
    return said


def test_the_road_has_four_steps():
    assert [words[0] for words in chain("cyclegan")] == ["train", "pairs", "train", "convert"]


def test_every_command_did_its_part(place, done):
    assert [done[i]["steps"] for i in (0, 2)] == [4, 4]
    assert done[1]["pairs"] == 12, "two notes of each instrument at three mixes"
    for name, source_name in (("hybrid-paired.wav", "solo.wav"), ("hybrid-chord.wav", "chord.wav")):
        audio, _ = soundfile.read(place / name)
        source, _ = soundfile.read(place / source_name)
        assert audio.shape == source.shape
        assert np.abs(audio).max() > 0.01


def test_cards_say_what_taught_the_voice(place, done):
    cards = {name: open_voice_file(place / f"voice-{name}.onnx")[1] for name in ("cyclegan", "paired")}
    assert [card.family for card in cards.values()] == ["cyclegan", "paired"]
    assert all(card.ends == ("flute", "violin") for card in cards.values())
    assert cards["paired"].settings["flavour"] == "vae"
    assert cards["paired"].settings["teacher"] == "voice-cyclegan.onnx"
    assert cards["paired"].settings["blend"] == "log-magnitude"
    for card in cards.values():
        learned = " ".join(card.training_data)
        assert "440" in learned
        assert "880" not in learned


def test_an_export_from_the_run_is_the_same_voice(place, done):
    ended = violute_here("export", "voice-paired-run", "again.onnx", cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert (place / "again.onnx").stat().st_size == pytest.approx(
        (place / "voice-paired.onnx").stat().st_size, rel=0.05
    )


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("train paired --pairs musicnet --out x.onnx", "holds no pairs"),
        ("train paired --pairs pairs --out x.onnx --recipe huge", "no recipe"),
        ("train cyclegan --a musicnet/flute --b musicnet/violin --out x.onnx --recipe huge", "no recipe"),
        ("train cyclegan --a musicnet/flute --b nowhere --out x.onnx", "no such folder"),
    ],
)
def test_bad_input_is_one_line(place, done, line, word):
    ended = violute_here(*line.split(), cwd=place)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert word in ended.stderr
    assert not (place / "x.onnx").exists()
