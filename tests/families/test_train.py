"""What every family's training shares: folders in, recipes by name and changed, resumes that notice."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import toy_family

import violute
from violute.errors import DataError, TrainingError
from violute.families.recipes import family_recipe, with_changes
from violute.families.table import FAMILIES, Family, imported
from violute.families.train import train_family
from violute.training.request import TrainingRequest
from violute.training.settings import LoopSettings

RECIPE = toy_family.ToyRecipe(loop=LoopSettings())


@pytest.fixture(autouse=True)
def _toy(monkeypatch):
    toy = Family("", "toy_family:TOY_RECIPES", "toy_family:build_toy")
    monkeypatch.setitem(FAMILIES, "toy", toy)
    toy_family.BUILT.clear()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for end, names in (("flute", ["one", "two"]), ("violin", ["one", "three"])):
        (tmp_path / end).mkdir()
        for name in names:
            soundfile.write(tmp_path / end / f"{name}.wav", np.zeros(800, np.float32), 8000)
    return tmp_path / "flute", tmp_path / "violin"


def run(folders, out: Path, *, changes=None, **options):
    return train_family("toy", TrainingRequest(source=folders, out=out, **options), changes=changes)


def config_of(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "voice-run" / "config.json").read_text())


def test_recordings_of_both_folders_are_learned_from_and_recorded(tmp_path, folders):
    assert run(folders, tmp_path / "voice.onnx", hold_out=["two"]).step == 2
    assert (tmp_path / "voice.onnx").read_text() == "voice"
    ((ends, recipe),) = toy_family.BUILT
    assert [[recording.name for recording in end] for end in ends.recordings] == [["one"], ["one", "three"]]
    assert recipe == toy_family.TOY_RECIPES["default"]()
    config = config_of(tmp_path)
    assert (config["family"], config["recipe"]) == ("toy", "default")
    assert config["recordings"] == [["one"], ["one", "three"]]
    assert config["sha256"].keys() == {"flute/one.wav", "violin/one.wav", "violin/three.wav"}


def test_the_ends_are_called_as_the_folders_are_unless_they_are_named(tmp_path, folders):
    reed = folders[0].rename(tmp_path / "reed")
    run((reed, folders[1]), tmp_path / "voice.onnx")
    assert config_of(tmp_path)["names"] == ["reed", "violin"]
    run((reed, folders[1]), tmp_path / "other.onnx", names=(None, "fiddle"), run_dir=tmp_path / "other")
    assert json.loads((tmp_path / "other" / "config.json").read_text())["names"] == ["reed", "fiddle"]


def test_musicnet_as_it_is_packed_is_no_instrument(tmp_path, folders):
    packed = folders[0].rename(tmp_path / "train_data")
    with pytest.raises(DataError, match="train_data: MusicNet as it is packed: unpack it by instrument"):
        run((packed, folders[1]), tmp_path / "voice.onnx")


def test_a_resume_with_other_recordings_is_refused(tmp_path, folders):
    out = tmp_path / "voice.onnx"
    run(folders, out)
    assert run(folders, out, resume=True, steps=4).step == 4
    with pytest.raises(TrainingError, match="recordings is"):
        run(folders, out, resume=True, hold_out=["three"])


def test_a_resume_with_other_content_under_the_same_names_is_refused(tmp_path, folders):
    out = tmp_path / "voice.onnx"
    run(folders, out)
    soundfile.write(folders[1] / "one.wav", np.full(800, 0.1, np.float32), 8000)
    with pytest.raises(TrainingError, match="violin/one.wav: is not the recording that the run in") as caught:
        run(folders, out, resume=True, steps=4)
    assert "\n" not in str(caught.value)


def test_a_run_of_an_older_version_resumes_without_knowing_its_contents(tmp_path, folders):
    run(folders, tmp_path / "voice.onnx")
    config = config_of(tmp_path)
    config["contents"] = {name: ["0" * 16] for name in config.pop("sha256")}
    (tmp_path / "voice-run" / "config.json").write_text(json.dumps(config))
    assert run(folders, tmp_path / "voice.onnx", resume=True, steps=4).step == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("flute", "flute")}, "the ends are named 'flute' and 'flute': give two different"),
        ({"names": ("", "violin")}, "the ends are named '' and 'violin'"),
        ({"hold_out": ["*"]}, "flute: every recording is held out"),
        ({"device": "abacus"}, "device is 'abacus': give auto, cpu or cuda"),
        ({"changes": {"batch_size": "1"}}, "batch_size is 1: give 2 or more"),
        ({"changes": {"height": "1"}}, "there is no 'height' to set: name one of learning_rate, batch_size"),
    ],
)
def test_bad_input_is_one_clear_line_and_writes_nothing(tmp_path, folders, options, message):
    with pytest.raises(TrainingError, match=message) as caught:
        run(folders, tmp_path / "voice.onnx", **options)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flute", "violin"]


@pytest.mark.parametrize("n_folders", [0, 1, 3])
def test_two_folders_are_needed(tmp_path, folders, n_folders):
    with pytest.raises(TrainingError, match="give two folders of recordings"):
        run([folders[0]] * n_folders, tmp_path / "voice.onnx")


def test_the_beginning_is_told_before_the_work_and_not_where_there_is_none(tmp_path, folders):
    told = []

    def begin():
        told.append((tmp_path / "voice-run").exists())

    run(folders, tmp_path / "voice.onnx", on_begin=begin)
    assert told == [False]
    with pytest.raises(TrainingError, match="held out"):
        run(folders, tmp_path / "other.onnx", hold_out=["*"], on_begin=begin)
    assert told == [False]


def test_a_missing_folder_and_an_unknown_recipe_are_noticed_first(tmp_path, folders):
    with pytest.raises(DataError, match="there is no such folder"):
        run((tmp_path / "nowhere", folders[1]), tmp_path / "voice.onnx")
    request = TrainingRequest(source=("nowhere", "nowhere"), out=tmp_path / "voice.onnx")
    with pytest.raises(TrainingError, match="there is no recipe 'grand' for ddsp"):
        train_family("ddsp", request, recipe="grand")


def test_what_was_set_is_recorded_and_made_again_for_an_export(tmp_path, folders):
    changes = {"sizes": "3,4", "seed": "7", "loss_weights.regression/noise": "0.25"}
    run(folders, tmp_path / "voice.onnx", changes=changes)
    recipe = toy_family.BUILT[0][1]
    assert (recipe.sizes, recipe.loop.seed, recipe.loss_weights["regression/noise"]) == ((3, 4), 7, 0.25)
    config = config_of(tmp_path)
    assert config["set"] == changes
    assert family_recipe(config["family"], config["recipe"], config.get("set")) == recipe
    with pytest.raises(
        TrainingError, match="settings.loss_weights.regression/noise is 0.5, the run in it has 0.25"
    ):
        run(folders, tmp_path / "voice.onnx", resume=True)
    assert run(folders, tmp_path / "voice.onnx", resume=True, changes=changes, steps=4).step == 4
    with pytest.raises(TrainingError, match="loop.seed is 8, the run in it has 7"):
        run(folders, tmp_path / "voice.onnx", resume=True, changes=changes | {"seed": "8"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_size", "4", 4),
        ("learning_rate", "1e-3", 1e-3),
        ("kind", "wide", "wide"),
        ("sizes", "[5, 6, 7]", (5, 6, 7)),
        ("sizes", "5", (5,)),
        ("is_augmented", "true", True),
        ("limit", "2.5", 2.5),
        ("limit", "none", None),
    ],
)
def test_text_becomes_what_the_field_is(name, text, value):
    found = getattr(with_changes(RECIPE, {name: text}), name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("batch_size", "1.5", "batch_size is '1.5': give a value such as 8"),
        ("kind", "tall", "kind is 'tall': give a value such as 'plain'"),
        ("sizes", "1,x", "sizes is '1,x'"),
        ("is_augmented", "perhaps", "is_augmented is 'perhaps'"),
        ("loss_weights", "1", "loss_weights has parts: name one of them, such as loss_weights.regression"),
        ("loss_weights.other", "1", "no 'loss_weights.other' to set: name one of regression/harmonics"),
        ("batch_size.x", "1", "batch_size.x: batch_size has no parts"),
        ("n_steps", "0", "n_steps is 0"),
        ("loop.height", "0", "there is no 'loop.height'"),
    ],
)
def test_what_cannot_be_set_is_one_line(name, text, message):
    with pytest.raises(TrainingError, match=message) as caught:
        with_changes(RECIPE, {name: text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", [name for name, entry in FAMILIES.items() if entry.task])
def test_every_family_of_the_table_is_there(family):
    entry = FAMILIES[family]
    assert callable(imported(entry.voice))
    assert callable(imported(entry.task))
    assert entry.default_recipe in entry.recipe_names == tuple(imported(entry.recipes))
    for name in imported(entry.recipes):
        assert name in entry.recipe_help or name.startswith("tiny")
        assert family_recipe(family, name, {"batch_size": "2", "n_steps": "3"}).loop.n_steps == 3


def test_python_trains_as_the_command_line_does(folders, tmp_path):
    done = violute.train("toy", folders, tmp_path / "voice.onnx", changes={"kind": "wide"}, seed=3)
    assert (done.step, (tmp_path / "voice.onnx").read_text()) == (2, "voice")
    config = config_of(tmp_path)
    assert (config["settings"]["kind"], config["loop"]["seed"]) == ("wide", 3)
    with pytest.raises(TypeError, match="minuets"):
        violute.train("toy", folders, tmp_path / "other.onnx", minuets=5)
