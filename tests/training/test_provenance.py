"""What a card says of a voice's making, from what training knows."""

import json
from pathlib import Path

import pytest
import tiny_ddsp

from violute.errors import TrainingError
from violute.families.export import export_run
from violute.training.provenance import N_NAMED_SOURCES, command_text, training_data
from violute.training.run_folder import RunFolder
from violute.voices.file import open_voice_file


def test_sources_are_named_longest_first_and_counted_from_the_thirteenth_on():
    many = {f"{i}.wav": 10.0 + i for i in range(N_NAMED_SOURCES + 3)}
    flute, violin = training_data(("flute", "violin"), (many, {"b.wav": 60.4, "a.wav": 60.4}))
    assert violin == "violin: a.wav (60 s), b.wav (60 s)"
    assert flute.startswith("flute: 14.wav (24 s), 13.wav (23 s), ")
    assert flute.endswith(", 3.wav (13 s), 3 more (33 s)")
    assert flute.count(".wav") == N_NAMED_SOURCES


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["/opt/env/bin/violute", "train", "--a", "../my flutes"], "violute train --a '../my flutes'"),
        (["/opt/env/violute/__main__.py", "train"], "python -m violute train"),
        (["experiments/one.py", "7"], "python one.py 7"),
        (["-c", "x"], "python -c ... x"),
        ([], ""),
    ],
)
def test_a_command_is_told_without_where_its_program_lies(command, text):
    assert command_text(command) == text


def test_the_command_of_a_run_is_that_of_its_first_start(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.command() == []
    folder.start({}, resume=False, command=["a"])
    folder.start({}, resume=False, command=["b", "--steps", "9"])  # nothing was there to resume yet
    folder.last_checkpoint.parent.mkdir()
    folder.last_checkpoint.touch()
    folder.start({}, resume=True, command=["b", "--resume"])
    with folder.starts_path.open("a") as file:
        file.write('{"started": "2')
    assert folder.command() == ["b", "--steps", "9"]


def test_a_voice_knows_what_it_learned_from(tmp_path):
    task = tiny_ddsp.task()
    task.export(tmp_path / "known.onnx")
    _, card = open_voice_file(tmp_path / "known.onnx")
    # 8 notes of 40 frames of 10 ms each: two recordings of one source, and one of each of two.
    assert card.training_data == ("mellow: one (6 s)", "bright: one (3 s), two (3 s)")
    task.card = {"name": "mine", "training_data": ("hearsay",), "figures": {"rating": 5}}
    task.export(tmp_path / "told.onnx")
    _, card = open_voice_file(tmp_path / "told.onnx")
    assert (card.name, card.training_data, card.figures) == ("mine", ("hearsay",), {"rating": 5})
    assert card.ends == tiny_ddsp.NAMES


def test_a_run_without_a_checkpoint_cannot_be_exported(tmp_path: Path):
    config = {"family": "ddsp", "folders": ["a", "b"], "names": ["a", "b"], "recipe": "tiny"}
    (tmp_path / "config.json").write_text(json.dumps(config | {"recordings": [[], []]}))
    with pytest.raises(TrainingError, match=r"last.safetensors: there is no such checkpoint"):
        export_run(tmp_path, tmp_path / "voice.onnx")
