"""`violute train` and `violute export` from start to end: two processes, one line, a card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import complaint_of, files_below, violute, violute_here
from tones import SAMPLE_RATE, tone

from violute import whole_file
from violute.training.checkpoints import read_checkpoint
from violute.voices.file import open_voice_file
from violute.whole_file import take_name

COMMAND = ["train", "ddsp", "--a", "reed", "--b", "string", "--a-name", "reed", "--b-name", "string"]
COMMAND += ["--out", "voice.onnx", "--recipe", "tiny", "--card", "card.json", "--batch", "4"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two folders of two notes each and a card, and what two processes made of them."""
    place = tmp_path_factory.mktemp("trained")
    for name, slope_db in (("reed", -20.0), ("string", -4.0)):
        (place / name).mkdir()
        for f0_hz in (440.0, 660.0):
            audio = tone(f0_hz, 0.6, db_per_octave=slope_db)
            soundfile.write(place / name / f"{f0_hz:.0f}.wav", audio, SAMPLE_RATE)
    (place / "card.json").write_text(json.dumps({"licence": "CC0", "figures": {"rating": 5}}))
    return place


@pytest.fixture(scope="module")
def trained(place):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*torchrun, "-m", "violute", *COMMAND], cwd=place, env=environment, capture_output=True, text=True
    )


def test_one_of_two_processes_says_the_last_word(place, trained):
    assert trained.returncode == 0, trained.stderr[-3000:]
    line, hear, go_on = trained.stdout.splitlines()
    assert line.startswith("voice.onnx (4 steps in ")
    assert hear == "hear it: violute convert YOUR.wav --voice voice.onnx (examples are in voice-run/sounds)"
    assert "--resume" in go_on
    assert list((place / "voice-run" / "sounds").glob("*.wav"))
    assert "held out: nothing; what is by default, MusicNet's 2204 and 2191, is not here" in trained.stderr


def test_the_card_tells_sources_command_and_what_was_written(place, trained):
    _, card = open_voice_file(place / "voice.onnx")
    assert card.training_data == (
        "reed: 440.wav (1 s), 660.wav (1 s)",
        "string: 440.wav (1 s), 660.wav (1 s)",
    )
    assert card.command == f"python -m violute {' '.join(COMMAND)}"
    assert (card.name, card.licence, card.figures) == ("voice", "CC0", {"rating": 5})


def test_export_tells_the_same_and_may_be_told_otherwise(place, trained):
    done = violute("export", "voice-run", "again.onnx", "--json", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["step"] in (2, 4)
    _, card = open_voice_file(place / "again.onnx")
    _, before = open_voice_file(place / "voice.onnx")
    assert (card.training_data, card.command) == (before.training_data, before.command)
    assert (card.name, card.licence, card.figures) == ("again", "", {})

    (place / "other.json").write_text(json.dumps({"name": "other", "command": "by hand"}))
    assert violute_here("export", "voice-run", "o.onnx", "--card", "other.json", cwd=place).returncode == 0
    _, card = open_voice_file(place / "o.onnx")
    assert (card.name, card.command, card.training_data) == ("other", "by hand", before.training_data)


def test_of_two_exports_that_began_together_the_later_loses(place, trained, monkeypatch):
    out = place / "both.onnx"

    def overtaken(partial, path, *, overwrite=True):
        path.write_bytes(b"of the first")
        take_name(partial, path, overwrite=overwrite)

    monkeypatch.setattr(whole_file, "take_name", overtaken)
    line = complaint_of(violute_here("export", "voice-run", "both.onnx", cwd=place))
    assert "both.onnx exists already: name another file or add --force" in line
    assert out.read_bytes() == b"of the first"
    assert violute_here("export", "voice-run", "both.onnx", "--force", cwd=place).returncode == 0
    assert open_voice_file(out)[1].name == "both"


def test_a_tilt_is_told_by_the_card_and_kept_in_bounds(place, trained):
    assert violute_here("export", "voice-run", "t.onnx", "--tilt", "0", "-1.5", cwd=place).returncode == 0
    _, card = open_voice_file(place / "t.onnx")
    assert list(card.settings["tilt_db_per_octave"].values()) == [0.0, -1.5]
    line = complaint_of(violute_here("export", "voice-run", "never.onnx", "--tilt", "nan", "7", cwd=place))
    assert "give -6 to 6" in line
    assert not (place / "never.onnx").exists()


def test_a_run_that_keeps_no_best_exports_the_average_of_its_last(place, trained):
    best = place / "voice-run" / "checkpoints" / "best.safetensors"
    best.rename(place / "best.safetensors")
    done = violute_here("export", "voice-run", "last.onnx", cwd=place)
    (place / "best.safetensors").rename(best)
    assert done.stdout == "last.onnx (weights of step 4)\n"
    last = read_checkpoint(best.with_name("last.safetensors"))
    weights, averages = last["modules"]["decoder"], last["averaged"]
    network, _ = open_voice_file(place / "last.onnx")
    name = next(name for name, value in weights.items() if value.ndim == 2 and "weight" in name)
    kept, passing = (
        np.ascontiguousarray(value.numpy()) for value in (averages[f"decoder.{name}"], weights[name])
    )
    assert not np.array_equal(kept, passing)
    holds = [any(form.tobytes() in network for form in (value, value.T)) for value in (kept, passing)]
    assert holds == [True, False]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--set", "height=1"], "there is no 'height' to set: name one of learning_rate, batch_size"),
        (["--set", "channels=many"], "channels is 'many': give a value such as 16"),
        (["--set", "channels"], "--set channels: give NAME=VALUE"),
        (["--batch", "1"], "--batch is 1: give 2 or more"),
    ],
)
def test_what_cannot_be_set_is_one_line_before_any_work(place, words, reason):
    before = files_below(place)
    command = [word.replace("voice.onnx", "new.onnx") for word in COMMAND]
    if words[0] == "--batch" and words[0] in command:
        del command[(place_of := command.index(words[0])) : place_of + 2]
    assert reason in complaint_of(violute_here(*command, *words, cwd=place))
    assert files_below(place) == before


def test_what_was_set_holds_for_the_run_and_its_export(place):
    command = [word.replace("voice.onnx", "wide.onnx") for word in COMMAND]
    words = ["--set", "channels=24", "--set", "n_steps=2", "--seed", "3", "--quiet"]
    done = violute_here(*command, *words, cwd=place)
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert all(line.startswith("violute: warning: ") for line in lines)
    kept = (place / "wide-run" / "warnings.jsonl").read_text().splitlines()
    assert [f"violute: warning: {json.loads(row)['warning']}" for row in kept] == lines
    assert any("reed: 1 s of sound are little" in line for line in lines)
    config = json.loads((place / "wide-run" / "config.json").read_text())
    assert config["set"] == {"channels": "24", "n_steps": "2", "batch_size": "4"}
    assert (config["settings"]["channels"], config["loop"]["seed"]) == (24, 3)
    assert violute_here("export", "wide-run", "same.onnx", cwd=place).stdout.startswith(
        "same.onnx (weights of"
    )
    sizes = [(place / name).stat().st_size for name in ("wide.onnx", "same.onnx")]
    assert abs(sizes[0] - sizes[1]) < 100


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "line 1: malformed JSON"),
        ('{"licens": "MIT"}', "unknown entry 'licens'"),
        (None, "cannot be read"),
    ],
)
def test_a_card_that_cannot_be_used_costs_no_training(place, content, reason):
    path: Path = place / "bad.json"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    before = files_below(place)
    command = [word.replace("card.json", "bad.json").replace("voice.onnx", "new.onnx") for word in COMMAND]
    line = complaint_of(violute_here(*command, cwd=place))
    assert line.startswith("bad.json")
    assert reason in line
    assert complaint_of(violute_here("export", "reed", "new.onnx", "--card", "bad.json", cwd=place)) == line
    assert files_below(place) == before


def test_a_recipe_file_sets_what_set_does(place):
    (place / "mine.toml").write_text(
        'recipe = "tiny"\nchannels = 24\nn_steps = 2\n[loss_weights]\n"prior/small_room" = 0.5\n'
    )
    command = [word.replace("voice.onnx", "filed.onnx").replace("tiny", "mine.toml") for word in COMMAND]
    done = violute_here(*command, "--set", "channels=16", "--quiet", cwd=place)
    assert done.returncode == 0, done.stderr
    config = json.loads((place / "filed-run" / "config.json").read_text())
    assert config["recipe"] == "tiny"
    assert config["set"] == {
        "channels": "16",
        "n_steps": "2",
        "batch_size": "4",
        "loss_weights.prior/small_room": "0.5",
    }
    assert config["settings"]["loss_weights"]["prior/small_room"] == 0.5


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("channels = ", "is no TOML"),
        ('recipe = "huge"', "there is no recipe 'huge' for ddsp"),
        ("recipe = 3", "recipe is 3"),
        ("width = 3", "there is no 'width' to set"),
        (None, "cannot be read"),
    ],
)
def test_a_recipe_file_that_cannot_be_used_is_one_line(place, content, reason):
    path = place / "bad.toml"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    before = files_below(place)
    command = [word.replace("voice.onnx", "new.onnx").replace("tiny", "bad.toml") for word in COMMAND]
    assert reason in complaint_of(violute_here(*command, cwd=place))
    assert files_below(place) == before


def test_a_run_that_begins_anew_says_so(place):
    run = place / "stopped-run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    command = [word.replace("voice.onnx", "stopped.onnx") for word in COMMAND]
    done = violute_here(*command, cwd=place)
    assert done.returncode == 0
    assert "stopped before its first checkpoint: it begins anew" in done.stderr
    command = [word.replace("voice.onnx", "fresh.onnx") for word in COMMAND]
    assert "no checkpoint to go on from" in violute_here(*command, "--resume", cwd=place).stderr


def test_an_interrupted_run_says_what_is_saved_and_how_to_go_on(place, trained, monkeypatch):
    assert trained.returncode == 0

    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("violute.families.train.train_family", interrupted)
    command = [word.replace("voice.onnx", "broken.onnx") for word in COMMAND]
    done = violute_here(*command, cwd=place)
    assert (done.returncode, done.stdout) == (130, "")
    assert "interrupted: nothing was saved yet in broken-run" in done.stderr
    done = violute_here(*COMMAND, "--resume", cwd=place)
    assert "step 4 is saved in voice-run: go on with the same command and --resume" in done.stderr
    assert "violute export voice-run OTHER.onnx" in done.stderr
    # Also before anything of it is loaded.
    monkeypatch.setattr("violute.cli.train.require_training", interrupted)
    done = violute_here(*COMMAND, "--resume", cwd=place)
    assert (done.returncode, done.stdout) == (130, "")
    assert "step 4 is saved in voice-run" in done.stderr
    assert "examples are in voice-run/sounds" in done.stderr
