"""Bad dials, automations, voices and flags: one line, exit code 2, and nothing left behind."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from command_line import MODEL, complaint_of, files_below, put_voice, refused, violute_here
from fake_voice import CARD

from violute.voices.card import FORMAT_VERSION
from violute.voices.file import seal


def tone(n_samples=8_000):
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / 8_000)


@pytest.fixture
def place(tmp_path):
    """A folder with a good recording and a voice."""
    put_voice(tmp_path)
    soundfile.write(tmp_path / "solo.wav", tone(), 8_000)
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--mix", "1.5"], "mix is 1.5: give a number from 0 to 1"),
        (["--mix", "-0.1"], "mix is -0.1"),
        (["--mix", "nan"], "mix is nan"),
        (["--mix", "half"], "--mix is 'half': give a number"),
        (["--mix"], "--mix needs a value"),
        (["--room", "7"], "room is 7"),
        (["--vibrato", "2"], "vibrato is 2"),
        (["--mixx", "0.5"], "--mixx"),
        (["--tone", "half"], "--tone is 'half': give a number from 0 to 1, or a CSV file"),
        (["--tone", "-0.1"], "tone is -0.1: give a number"),
        (["--attack", "gone.csv"], "gone.csv: there is no such automation file"),
        (["--wet", "-0.1"], "wet is -0.1"),
        (["--level", "25"], "level is 25: give dB from -24 to 24"),
        (["--transpose", "nan"], "transpose is nan: give semitones from -24 to 24"),
        (["--automation", "gone.csv"], "gone.csv: there is no such automation file"),
        (["--automation", "bad.csv"], "bad.csv, line 3: 1 s does not come after 2 s"),
        (["--automation", "good.csv", "--mix", "0.5"], "choose one"),
    ],
)
def test_a_dial_or_an_automation_out_of_range(place, flags, reason):
    (place / "bad.csv").write_text("seconds,mix\n2,0.5\n1,0.5\n")
    (place / "good.csv").write_text("seconds,mix\n1,0.5\n2,0.5\n")
    assert reason in refused(place, "solo.wav", "out.wav", *flags, run=violute_here)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("oboe", None, "unknown voice 'oboe': here are"),
        ("gone.onnx", None, "gone.onnx: there is no such voice file"),
        ("torn.onnx", seal(MODEL, CARD)[:-9], "torn.onnx: the voice file is damaged"),
        (
            "flipped.onnx",
            seal(MODEL, CARD).replace(b"sines", b"sinks"),
            "flipped.onnx: the voice file is damaged",
        ),
        ("text.onnx", b"hello", "text.onnx: not a Violute voice"),
        (
            "newer.onnx",
            seal(MODEL, replace(CARD, format_version=FORMAT_VERSION + 1)),
            f"newer.onnx: the voice has format {FORMAT_VERSION + 1}",
        ),
        ("alien.onnx", seal(MODEL, replace(CARD, family="alien")), "alien.onnx: unknown family 'alien'"),
    ],
)
def test_a_voice_that_cannot_play(place, name, content, reason):
    if content is not None:
        (place / name).write_bytes(content)
    line = complaint_of(violute_here("convert", "solo.wav", "out.wav", "--voice", name, cwd=place))
    assert reason in line
    assert not (place / "out.wav").exists()


def test_a_verb_that_does_not_exist(place):
    assert "convrt" in complaint_of(violute_here("convrt", "solo.wav", cwd=place))


def test_training_from_folders_that_are_not_there(place):
    command = ["train", "ddsp", "--a", "gone", "--b", "voices", "--out"]
    assert complaint_of(violute_here(*command, "v.onnx", cwd=place)).startswith(
        "gone: there is no such folder"
    )
    assert "ends in .onnx" in complaint_of(violute_here(*command, "v.wav", cwd=place))
    assert "above 0" in complaint_of(violute_here(*command, "v.onnx", "--steps", "0", cwd=place))
    same = ["train", "ddsp", "--a", ".", "--b", str(place), "--out", "v.onnx"]
    assert "are the same folder" in complaint_of(violute_here(*same, cwd=place))
    assert files_below(place) == ["solo.wav", "voices/sines.onnx"]


def test_exporting_a_run_that_is_not_there(place):
    assert "gone: there is no such run" in complaint_of(violute_here("export", "gone", "v.onnx", cwd=place))


def test_an_earlier_demo_is_kept_and_a_folder_is_asked_for(place):
    (place / "violute-demo-sines").mkdir()
    (place / "violute-demo-sines" / "spectrograms.png").touch()
    line = complaint_of(violute_here("demo", "--voice", "sines", cwd=place))
    assert line.endswith("spectrograms.png exists: name another folder with --out, or add --force")


def test_a_demo_without_a_place(place):
    line = complaint_of(violute_here("demo", "--voice", "sines", "--out", "solo.wav", cwd=place))
    assert line.startswith("solo.wav: the folder cannot be made")
