"""From two folders to a voice file, with a toy for a family."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from toy_family import ToyTask

from violute.errors import TrainingError
from violute.training.run import TwoEnds, train_family, train_voice, with_limits
from violute.training.settings import LoopSettings

LOOP = LoopSettings(n_steps=2)


class Voice(ToyTask):
    """Exports its own record instead of a network."""

    exporting_fails = False

    def export(self, path: Path) -> None:
        path.write_text(path.stem)
        if self.exporting_fails:
            raise TrainingError("the export failed halfway")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for end, names in (("flute", ["one", "two"]), ("violin", ["one", "three"])):
        (tmp_path / end).mkdir()
        for name in names:
            soundfile.write(tmp_path / end / f"{name}.wav", np.zeros(800, np.float32), 8000)
    return tmp_path / "flute", tmp_path / "violin"


def run(folders: tuple[Path, Path], out: Path, build=lambda ends: Voice(), **options):
    options = {"names": ("flute", "violin"), "config": {"family": "toy"}, "loop": LOOP, **options}
    return train_voice(build, folders, out, **options)


def test_folders_become_a_voice_beside_its_run_folder(tmp_path: Path, folders):
    seen: list[TwoEnds] = []

    def build(ends: TwoEnds) -> Voice:
        seen.append(ends)
        return Voice()

    out = tmp_path / "deep" / "voice.onnx"
    assert run(folders, out, build, hold_out=["two"]).step == 2
    assert out.read_text() == "voice"
    assert sorted(path.name for path in out.parent.iterdir()) == ["voice-run", "voice.onnx"]
    (ends,) = seen
    assert [[recording.name for recording in end] for end in ends.recordings] == [["one"], ["one", "three"]]
    assert ends.cache == tmp_path / "deep" / "voice-run" / "features"
    config = json.loads((tmp_path / "deep" / "voice-run" / "config.json").read_text())
    assert config["family"] == "toy"
    assert config["recordings"] == [["one"], ["one", "three"]]


def test_a_resume_with_other_recordings_is_refused(tmp_path: Path, folders):
    out = tmp_path / "voice.onnx"
    run(folders, out)
    assert run(folders, out, resume=True, loop=LoopSettings(n_steps=4)).step == 4
    with pytest.raises(TrainingError, match="recordings is"):
        run(folders, out, resume=True, hold_out=["three"])


def test_a_failed_export_leaves_no_file(tmp_path: Path, folders):
    voice = Voice()
    voice.exporting_fails = True
    with pytest.raises(TrainingError, match="halfway"):
        run(folders, tmp_path / "voice.onnx", lambda ends: voice)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flute", "violin", "voice-run"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("flute", "flute")}, "the ends are named 'flute' and 'flute': give two different"),
        ({"names": ("", "violin")}, "the ends are named '' and 'violin'"),
        ({"hold_out": ["*"]}, "flute: every recording is held out"),
        ({"device": "abacus"}, "device is 'abacus': give auto, cpu or cuda"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(tmp_path: Path, folders, options, message):
    with pytest.raises(TrainingError, match=message) as caught:
        run(folders, tmp_path / "voice.onnx", **options)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flute", "violin"]


def test_an_impossible_destination_fails_before_the_training(tmp_path: Path, folders):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be written"):
        run(folders, tmp_path / "file" / "voice.onnx")
    with pytest.raises(TrainingError, match="is a folder: name the voice file"):
        run(folders, tmp_path)
    with pytest.raises(TrainingError, match="there is no such folder"):
        run((tmp_path / "nowhere", folders[1]), tmp_path / "voice.onnx")


def test_ddsp_refuses_an_unknown_recipe_before_anything_else(tmp_path: Path):
    with pytest.raises(TrainingError, match="there is no recipe 'grand' for ddsp"):
        train_family("ddsp", ("nowhere", "nowhere"), tmp_path / "voice.onnx", recipe="grand")


def test_steps_alone_lift_the_minutes_and_minutes_alone_keep_the_steps():
    loop = LoopSettings(n_steps=100, minutes=5.0)
    assert with_limits(loop, steps=None, minutes=None) == loop
    assert (
        with_limits(loop, steps=7, minutes=None).n_steps,
        with_limits(loop, steps=7, minutes=None).minutes,
    ) == (
        7,
        None,
    )
    assert with_limits(loop, steps=7, minutes=1.0) == LoopSettings(n_steps=7, minutes=1.0)
    assert with_limits(loop, steps=None, minutes=1.0) == LoopSettings(n_steps=100, minutes=1.0)
