"""README's road of RAVE, line by line, at toy sizes: both stages, a voice file, nn~, one line and chords."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from command_line import violute
from tones import SAMPLE_RATE, tone

from violute.voices.file import open_voice_file

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
TOY = {"train": ["--recipe", "tiny"], "convert": [], "export": []}


def road():
    """The words of each line of README's block that begins with RAVE, without `violute`."""
    (block,) = re.findall(r"^```sh\n(violute train rave .*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two notes of each instrument, a third that is held out, and something to play."""
    place = tmp_path_factory.mktemp("rave")
    for name, slope in (("flute", -18.0), ("violin", -6.0)):
        (place / "musicnet" / name).mkdir(parents=True)
        for f0_hz in (440.0, 659.3, 880.0):
            audio = 0.3 * tone(f0_hz, 1.0, db_per_octave=slope)
            soundfile.write(place / "musicnet" / name / f"{f0_hz:g}.wav", audio, SAMPLE_RATE)
    (place / "musicnet" / "held_out.txt").write_text("880\n")
    soundfile.write(place / "solo.wav", 0.3 * tone(523.3, 1.0), SAMPLE_RATE)
    soundfile.write(place / "chord.wav", 0.2 * (tone(440.0, 1.0) + tone(659.3, 1.0)), SAMPLE_RATE)
    return place


@pytest.fixture(scope="module")
def done(place):
    """What each line said, on either stream; only how large things are is changed."""
    said = []
    chord = ["convert", "chord.wav", "hybrid-chord.wav", "--voice", "voice-rave.onnx"]
    for words in [*road(), chord]:
        ended = violute(*words, *TOY[words[0]], "--json", cwd=place)
        assert ended.returncode == 0, ended.stderr[-3000:]
        said.append((json.loads(ended.stdout), ended.stderr))
    return said


def test_the_road_has_four_steps():
    assert [words[0] for words in road()] == ["train", "convert", "export", "convert"]


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
    assert done[2][0]["step"] == 4
    model = torch.jit.load(place / "voice-rave.ts")
    made = [model(torch.zeros(1, 1, 512)) for _ in range(3)]
    assert all(block.shape == (1, 1, 512) for block in made)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("train rave --a musicnet/flute --b musicnet/violin --out x.onnx --recipe huge", "no recipe"),
        ("train rave --a musicnet/flute --b musicnet/violin --out x.onnx --batch 1", "--batch is 1"),
        ("train rave --a musicnet/flute --b nowhere --out x.onnx", "no such folder"),
        ("export voice-rave-run x.pt", "ends in .onnx or .ts"),
        ("convert solo.wav x.wav --voice musicnet/held_out.ts", "cannot be read"),
    ],
)
def test_bad_input_is_one_line(place, done, line, word):
    ended = violute(*line.split(), cwd=place)
    assert ended.returncode == 2
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (place / "x.onnx").exists()
