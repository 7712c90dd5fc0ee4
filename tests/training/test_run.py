"""From a task to a file beside its run folder, with a toy for a family."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from toy_family import ToyTask

from violute.errors import TrainingError
from violute.training import run_folder
from violute.training.request import TrainingRequest
from violute.training.run import RunContext, check_destination, recorded_seed, run_training
from violute.training.settings import LoopSettings

LOOP = LoopSettings(n_steps=2)


class Voice(ToyTask):
    """Exports a word instead of a network."""

    exporting_fails = False

    def export(self, path: Path) -> None:
        path.write_text("a voice")
        if self.exporting_fails:
            raise TrainingError("the export failed halfway")


def run(out: Path, build=lambda context: Voice(), *, loop=LOOP, **options):
    request = TrainingRequest(source=("a", "b"), out=out, **options)
    chosen = request.limited(loop, seed=recorded_seed(request))
    return run_training(request, chosen, {"family": "toy"}, build)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_task_becomes_a_file_beside_its_run_folder(tmp_path):
    seen: list[RunContext] = []

    def build(context: RunContext) -> Voice:
        seen.append(context)
        return Voice()

    out = tmp_path / "deep" / "voice.onnx"
    assert run(out, build, card={"licence": "CC0"}).step == 2
    assert out.read_text() == "a voice"
    assert names(out.parent) == ["voice-run", "voice.onnx"]
    (context,) = seen
    assert context.cache == tmp_path / "deep" / "voice-run" / "features"
    assert (context.card["name"], context.card["licence"]) == ("voice", "CC0")
    config = json.loads((tmp_path / "deep" / "voice-run" / "config.json").read_text())
    assert (config["family"], config["loop"]["n_steps"]) == ("toy", 2)


def test_runs_may_share_what_was_measured(tmp_path):
    seen: list[Path] = []

    def build(context: RunContext) -> Voice:
        seen.append(context.cache)
        return Voice()

    for name in ("a", "b"):
        run(tmp_path / f"{name}.onnx", build, cache=tmp_path / "measured")
    run(tmp_path / "a.onnx", build, cache=tmp_path / "moved", resume=True)
    assert seen == [tmp_path / "measured"] * 2 + [tmp_path / "moved"]


def test_a_run_that_is_there_is_refused_before_anything_is_measured(tmp_path):
    run(tmp_path / "a.onnx")
    (tmp_path / "a.onnx").unlink()
    with pytest.raises(TrainingError, match="a-run: holds a run already"):
        run(tmp_path / "a.onnx", lambda context: pytest.fail("something was measured"))


def test_a_failed_export_leaves_no_file(tmp_path):
    voice = Voice()
    voice.exporting_fails = True
    with pytest.raises(TrainingError, match="halfway"):
        run(tmp_path / "voice.onnx", lambda context: voice)
    assert names(tmp_path) == ["voice-run"]


def test_what_a_killed_export_left_does_not_block_a_resume(tmp_path):
    out = tmp_path / "voice.onnx"
    run(out)
    left = tmp_path / ".voice.onnx.partial"
    left.mkdir()
    (left / "voice.onnx").touch()
    assert run(out, resume=True, steps=4).step == 4


def test_what_killed_checkpoints_left_goes_at_the_next_start(tmp_path):
    run(tmp_path / "voice.onnx")
    left = tmp_path / "voice-run" / "checkpoints" / ".violute-01234567.part.safetensors"
    left.touch()
    run(tmp_path / "voice.onnx", resume=True)
    assert not left.exists()


def test_only_the_first_process_tries_the_destination(tmp_path, monkeypatch):
    """Several that make and remove the same thing at once get in each other's way."""
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "voice.onnx"
    with pytest.raises(TrainingError, match="cannot be written"):
        check_destination(out)
    monkeypatch.setenv("RANK", "1")
    check_destination(out)
    check_destination(tmp_path / "new" / "voice.onnx")
    assert names(tmp_path) == ["file"]


def test_an_impossible_destination_or_device_fails_before_the_training(tmp_path):
    with pytest.raises(TrainingError, match="is a folder: name the voice file"):
        run(tmp_path)
    with pytest.raises(TrainingError, match="device is 'abacus': give auto, cpu or cuda"):
        run(tmp_path / "voice.onnx", device="abacus")
    assert names(tmp_path) == []


def test_a_resume_with_another_seed_is_refused_and_one_without_keeps_its_own(tmp_path):
    out, config = tmp_path / "voice.onnx", tmp_path / "voice-run" / "config.json"
    run(out, seed=5)
    before = config.read_text()
    with pytest.raises(TrainingError, match=r"loop.seed is 6, the run in it has 5") as caught:
        run(out, seed=6, resume=True)
    assert "\n" not in str(caught.value)
    assert config.read_text() == before
    assert run(out, resume=True, steps=4).step == 4
    assert json.loads(config.read_text())["loop"] == json.loads(before)["loop"] | {"n_steps": 4}


def test_warnings_before_the_first_step_are_passed_on_and_kept(tmp_path):
    def build(context: RunContext) -> Voice:
        context.warn("little sound")
        return Voice()

    reported: list[str] = []
    run(tmp_path / "voice.onnx", build, on_warning=reported.append)
    assert reported == ["little sound"]
    rows = (tmp_path / "voice-run" / "warnings.jsonl").read_text().splitlines()
    assert [json.loads(row) for row in rows] == [{"step": 0, "warning": "little sound"}]


def test_steps_alone_lift_the_minutes_and_minutes_alone_keep_the_steps():
    loop = LoopSettings(n_steps=100, minutes=5.0)
    request = TrainingRequest(source="store", out=Path("voice.onnx"))
    assert request.limited(loop) == loop
    assert replace(request, steps=7).limited(loop) == LoopSettings(n_steps=7, minutes=None)
    assert replace(request, steps=7, minutes=1.0).limited(loop) == LoopSettings(n_steps=7, minutes=1.0)
    assert replace(request, minutes=1.0).limited(loop) == LoopSettings(n_steps=100, minutes=1.0)
    assert replace(request, seed=3).limited(loop, seed=2).seed == 3
    assert request.limited(loop, seed=2).seed == 2


@pytest.mark.parametrize("run_dir", ["voice-run", "elsewhere"])
def test_of_two_runs_with_one_output_the_later_loses(tmp_path, run_dir):
    out = tmp_path / "voice.onnx"
    late: list[str] = []

    class Overtaken(Voice):
        def export(self, path: Path) -> None:
            super().export(path)
            out.write_text("of the first")

    def build(context: RunContext) -> Voice:
        return Overtaken()

    with pytest.raises(TrainingError, match=f"{out} exists already: .*violute export .*{run_dir} OTHER.onnx"):
        run(out, build, run_dir=tmp_path / run_dir)
    with pytest.raises(TrainingError, match="voice.onnx exists: name another file"):
        run(out, lambda context: late.append("built") or Voice(), run_dir=tmp_path / "third-run")
    assert (late, out.read_text()) == ([], "of the first")
    run(out, run_dir=tmp_path / run_dir, resume=True)
    assert out.read_text() == "a voice"
    assert names(tmp_path) == sorted([run_dir, "voice.onnx"])


def test_two_runs_never_train_in_one_folder(tmp_path, monkeypatch):
    """A resume while the first still trains would mix the steps of both."""
    monkeypatch.setattr(run_folder, "ORPHANS_SECONDS", 0.0)
    folder = tmp_path / "voice-run"
    refused: list[str] = []

    def second(reason: str, **options) -> None:
        with pytest.raises(TrainingError, match=reason) as caught:
            run(tmp_path / "other.onnx", run_dir=folder, **options)
        refused.append(str(caught.value))

    class Watched(Voice):
        def sounds(self):
            before = (folder / "config.json").read_text()
            second("holds a run already: resume it")
            second("another run trains in it: wait for its end", resume=True)
            assert (folder / "config.json").read_text() == before
            return super().sounds()

    assert run(tmp_path / "voice.onnx", lambda context: Watched()).step == 2
    assert len(refused) == 2
    assert run(tmp_path / "other.onnx", run_dir=folder, resume=True, steps=4).step == 4


def test_a_run_goes_on_as_soon_as_what_drew_for_a_killed_one_has_noticed(tmp_path):
    """A forked process inherits the lock of its parent."""
    fcntl = pytest.importorskip("fcntl", reason="Windows locks no folders")
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    drawer = subprocess.Popen(["sleep", "0.5"], pass_fds=[handle])
    os.close(handle)
    with run_folder.RunFolder(tmp_path).alone():
        assert drawer.wait(0.2) == 0
    assert names(tmp_path) == []
