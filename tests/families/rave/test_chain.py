"""The researcher's road of RAVE at toy sizes: both stages, a voice file, nn~, one line and chords."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch
from command_line import violute
from readme_chain import chain, put_chord, put_notes

from violute.voices.file import open_voice_file

TOY = {"train": ["--recipe", "tiny"], "convert": [], "export": []}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two notes of each instrument, a third that is held out, and something to play."""
    place = tmp_path_factory.mktemp("rave")
    put_notes(place, 1.0, 1.0)
    put_chord(place, 1.0)
    return place


@pytest.fixture(scope="module")
def done(place):
    """What each line said, on either stream; only how large things are is changed."""
    said = []
    chord = ["convert", "chord.wav", "hybrid-chord.wav", "--voice", "voice-rave.onnx"]
    for words in [*chain("rave"), chord]:
        toy = [] if "--recipe" in words else TOY[words[0]]
        small = ["tiny" if word == "live" else word for word in words]
        ended = violute(*small, *toy, "--json", cwd=place)
        assert ended.returncode == 0, ended.stderr[-3000:]
        said.append((json.loads(ended.stdout), ended.stderr))
    return said


def test_the_road_has_five_steps():
    assert [words[0] for words in chain("rave")] == ["train", "convert", "train", "export", "convert"]


def test_both_stages_were_trained_and_announced(place, done):
    assert done[0][0]["steps"] == 4
    assert "stage two begins at step 2 of 4, in about" in done[0][1]
    assert "know these recordings by heart" in done[0][1]
    rows = [json.loads(row) for row in (place / "voice-rave-run" / "metrics.jsonl").read_text().splitlines()]
    names = {row["step"]: set(row) for row in rows if "total" in row}
    assert "latent/confusion" in names[2]
    assert "adversarial/feature_matching" in names[4]


def test_one_line_and_chords_come_out(place, done):
    for name, source_name in (("rave", "solo"), ("ts", "solo"), ("chord", "chord")):
        audio, _ = soundfile.read(place / f"hybrid-{name}.wav")
        source, _ = soundfile.read(place / f"{source_name}.wav")
        assert audio.shape == source.shape
        assert np.abs(audio).max() > 0.01


def test_the_card_says_what_was_learned(place, done):
    card = open_voice_file(place / "voice-rave.onnx")[1]
    assert (card.family, card.ends) == ("rave", ("flute", "violin"))
    learned = " ".join(card.training_data)
    assert "440" in learned
    assert "880" not in learned
    assert card.settings["rave"]["ratio"] == 128


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_the_export_plays_block_by_block(place, done):
    assert done[3][0]["step"] == 4
    model = torch.jit.load(place / "voice-live.ts")
    made = [model(torch.zeros(1, 1, 512)) for _ in range(3)]
    assert all(block.shape == (1, 1, 512) for block in made)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("train rave --a musicnet/flute --b musicnet/violin --out x.onnx --recipe huge", "no recipe"),
        ("train rave --a musicnet/flute --b musicnet/violin --out x.onnx --batch 1", "--batch is 1"),
        ("train rave --a musicnet/flute --b nowhere --out x.onnx", "no such folder"),
        ("export voice-rave-run x.pt", "ends in .onnx or .ts"),
        ("convert solo.wav x.wav --voice nowhere.ts", "unknown voice"),
    ],
)
def test_bad_input_is_one_line(place, done, line, word):
    ended = violute(*line.split(), cwd=place)
    assert ended.returncode == 2
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (place / "x.onnx").exists()
