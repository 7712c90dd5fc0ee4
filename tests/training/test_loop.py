"""The loop: repeatable, resumable bit for bit, on time, and awake when training runs away."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_family import ToyTask

from violute.errors import TrainingError
from violute.training.checkpoints import read_checkpoint
from violute.training.loop import train
from violute.training.progress import Progress
from violute.training.run_folder import RunFolder
from violute.training.settings import LoopSettings

SETTINGS = LoopSettings(
    n_steps=24, report_every=5, validate_every=12, checkpoint_every=6, warmup_steps=3, averaging_decay=0.9
)
TIMINGS = ("seconds", "seconds_per_step")

# Sleeps in each step, so that there is time to kill it; torchrun-free, type checks off: speed alone differs.
SLOW_RUN = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from toy_family import ToyTask
from violute.training.loop import train
from violute.training.settings import LoopSettings

class SlowTask(ToyTask):
    def step(self, batch, context):
        time.sleep(0.05)
        return super().step(batch, context)

settings = LoopSettings(
    n_steps=24, report_every=5, validate_every=12, checkpoint_every=6, warmup_steps=3, averaging_decay=0.9
)
train(SlowTask(seed=int(sys.argv[2])), sys.argv[1], settings)
"""


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(RunFolder, "plot", lambda folder: None)  # the module's first run draws
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def metrics(run_dir: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMINGS} for row in rows]


def flat(tree: object, path: str = "") -> dict[str, object]:
    """Leaves of a checkpoint by path, without the clock."""
    if isinstance(tree, dict):
        children = tree.items()
    elif isinstance(tree, (list, tuple)):
        children = enumerate(tree)
    else:
        return {path: tree}
    return {
        k: v for key, child in children if key != "seconds" for k, v in flat(child, f"{path}/{key}").items()
    }


def assert_same_checkpoint(first: Path, second: Path) -> None:
    ours, theirs = (
        flat(read_checkpoint(path / "checkpoints" / "last.safetensors")) for path in (first, second)
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        other = theirs[name]
        same = torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other
        assert same, name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("uninterrupted")
    torch.set_num_threads(1)
    train(ToyTask(), path, SETTINGS)
    return path


def test_a_run_leaves_metrics_curves_sounds_and_checkpoints(uninterrupted: Path):
    files = {
        str(path.relative_to(uninterrupted))
        for path in uninterrupted.rglob("*")
        if path.is_file() and "tensorboard" not in path.parts
    }
    assert files == {
        "config.json",
        "starts.jsonl",
        "metrics.jsonl",
        "losses.png",
        "sounds/tone.wav",
        "sounds/wide.wav",
        "checkpoints/best.safetensors",
        "checkpoints/last.safetensors",
    }


def test_a_killed_run_resumes_bit_for_bit(tmp_path: Path, uninterrupted: Path):
    run_dir = tmp_path / "run"
    path = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH")])
    )
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(run_dir), "0"], env=environment)
    try:
        checkpoint = run_dir / "checkpoints" / "last.safetensors"
        end = time.monotonic() + 120
        while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.15)  # into the steps after the checkpoint, which must be forgotten
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    reached = read_checkpoint(checkpoint)["step"]
    assert 0 < reached < SETTINGS.n_steps
    with (run_dir / "metrics.jsonl").open("a") as file:
        file.write('{"step": 23, "total": 9.9}\n{"step": 24, "tot')  # rows ahead of it, the last half written

    # Another seed for the fresh network: everything must come from the checkpoint.
    result = train(ToyTask(seed=1), run_dir, SETTINGS, resume=True)

    assert result.step == SETTINGS.n_steps
    assert_same_checkpoint(run_dir, uninterrupted)
    assert metrics(run_dir) == metrics(uninterrupted)
    starts = [json.loads(line) for line in (run_dir / "starts.jsonl").read_text().splitlines()]
    assert [start["resumed"] for start in starts] == [False, True]


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path, uninterrupted: Path):
    torch.manual_seed(99)  # the caller's own chance is none of the run's business
    train(ToyTask(), tmp_path / "same", SETTINGS)
    assert_same_checkpoint(tmp_path / "same", uninterrupted)
    other = LoopSettings(**{**SETTINGS.__dict__, "seed": 1})
    train(ToyTask(), tmp_path / "other", other)
    assert metrics(tmp_path / "other") != metrics(uninterrupted)


def test_the_caller_keeps_its_own_random_numbers(tmp_path: Path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(ToyTask(), tmp_path, LoopSettings(n_steps=2, averaging_decay=None))
    assert torch.equal(torch.rand(3), expected)


def test_a_longer_resume_continues_where_the_run_ended(tmp_path: Path):
    steady = {"report_every": 4, "validate_every": 4, "checkpoint_every": 4, "schedule": "constant"}
    train(ToyTask(), tmp_path / "whole", LoopSettings(n_steps=12, **steady))
    train(ToyTask(), tmp_path / "parts", LoopSettings(n_steps=8, **steady))
    train(ToyTask(), tmp_path / "parts", LoopSettings(n_steps=12, **steady), resume=True)
    assert_same_checkpoint(tmp_path / "parts", tmp_path / "whole")


def test_a_finished_run_resumed_does_nothing_but_take_up_the_best(tmp_path: Path):
    first, second = ToyTask(), ToyTask(seed=3)
    ended = train(first, tmp_path, SETTINGS)
    again = train(second, tmp_path, SETTINGS, resume=True)
    assert (again.step, again.best_step, again.validation) == (ended.step, ended.best_step, ended.validation)
    for ours, theirs in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_best_validated_weights_are_left_in_the_modules(tmp_path: Path):
    class Worsening(ToyTask):
        """Validates ever worse after the second time."""

        n_validations = 0

        def validate(self):
            self.n_validations += 1
            return {"total": float(abs(self.n_validations - 2))}

    task = Worsening()
    kept = {}

    def on_progress(progress: Progress) -> None:
        if progress.step == 8:
            kept.update({k: v.clone() for k, v in task.network.state_dict().items()})

    settings = LoopSettings(
        n_steps=16, report_every=4, validate_every=4, checkpoint_every=4, averaging_decay=None
    )
    result = train(task, tmp_path, settings, on_progress=on_progress)
    assert result.best_step == 8
    assert result.validation == {"validation/total": 0.0}
    assert all(torch.equal(value, kept[name]) for name, value in task.network.state_dict().items())


def test_training_lowers_the_loss_it_reports(tmp_path: Path):
    seen: list[Progress] = []
    settings = LoopSettings(n_steps=60, report_every=10, validate_every=60, schedule="constant")
    result = train(ToyTask(), tmp_path, settings, on_progress=seen.append)
    assert [p.step for p in seen if p.losses] == [10, 20, 30, 40, 50, 60]
    assert seen[-1].losses["total"] < 0.5 * seen[0].losses["total"]
    assert all(p.seconds_left > 0 for p in seen if p.step < 60)
    assert seen[-1].seconds_left == 0
    assert result.stopped_by == "steps"


def test_time_runs_out_across_restarts(tmp_path: Path):
    settings = LoopSettings(n_steps=10**6, minutes=0.5 / 60, report_every=1, averaging_decay=None)
    first = train(ToyTask(), tmp_path, settings)
    assert first.stopped_by == "minutes"
    assert 0 < first.step < 10**6
    # Half a second is spent already, so the same limit leaves nothing to do.
    again = train(ToyTask(), tmp_path, settings, resume=True)
    assert (again.step, again.stopped_by) == (first.step, "minutes")


def test_schedules_follow_the_minutes_across_restarts(tmp_path: Path):
    class Noting(ToyTask):
        def __init__(self):
            super().__init__()
            self.shares = []

        def step(self, batch, context):
            time.sleep(0.01)
            self.shares.append(context.share)
            if context.time_share > 0.5 and len(self.shares) > 3:
                raise KeyboardInterrupt
            return super().step(batch, context)

    settings = LoopSettings(
        n_steps=10**6, minutes=1.0 / 60, report_every=1, checkpoint_every=1, warmup_steps=0, final_factor=0.2
    )
    interrupted, resumed = Noting(), Noting()
    with pytest.raises(KeyboardInterrupt):
        train(interrupted, tmp_path, settings)
    resumed.step = lambda batch, context: ToyTask.step(resumed, batch, context)
    train(resumed, tmp_path, settings, resume=True)
    assert interrupted.shares == sorted(interrupted.shares)
    rates = [row["learning_rate/heads"] for row in metrics(tmp_path) if "learning_rate/heads" in row]
    assert all(later <= before for before, later in itertools.pairwise(rates))
    assert rates[0] == pytest.approx(0.01, rel=0.1)
    assert rates[-1] == pytest.approx(0.002, rel=0.2)


def test_divergence_is_told_and_the_last_good_checkpoint_stays(tmp_path: Path):
    settings = LoopSettings(n_steps=24, report_every=4, validate_every=24, checkpoint_every=4)
    with pytest.raises(TrainingError, match=r"total is nan by step 12: lower the learning rate .*last\.safe"):
        train(ToyTask(poison_at=9), tmp_path, settings)
    state = read_checkpoint(tmp_path / "checkpoints" / "last.safetensors")
    assert state["step"] == 8
    assert all(v.isfinite().all() for v in flat(state).values() if isinstance(v, torch.Tensor))
    assert train(ToyTask(), tmp_path, settings, resume=True).step == 24


def test_an_exploding_loss_is_divergence_too(tmp_path: Path):
    class Exploding(ToyTask):
        def step(self, batch, context):
            losses = super().step(batch, context)
            return {**losses, "total": losses["total"] * (1e6 if context.step > 8 else 1.0)}

    settings = LoopSettings(n_steps=20, report_every=1, validate_every=20)
    with pytest.raises(TrainingError, match=r"total is [0-9.e+]+ by step 10: .*there was no checkpoint yet"):
        train(Exploding(), tmp_path, settings)


def test_a_run_is_never_overwritten_by_mistake(tmp_path: Path):
    settings = LoopSettings(n_steps=2)
    train(ToyTask(), tmp_path, settings)
    with pytest.raises(TrainingError, match=r"holds a run already: resume it \(--resume\) or name another"):
        train(ToyTask(), tmp_path, settings)


def test_an_unknown_best_by_names_what_there_is(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"best_by is 'totla', validation measures .*total"):
        train(ToyTask(), tmp_path, LoopSettings(n_steps=1, best_by="totla"))


def test_another_model_cannot_continue_a_run(tmp_path: Path):
    train(ToyTask(), tmp_path, LoopSettings(n_steps=2))
    wider = ToyTask()
    wider.network.noise = torch.nn.Conv1d(16, 9, 1)
    with pytest.raises(TrainingError, match="is of another model"):
        train(wider, tmp_path, LoopSettings(n_steps=4), resume=True)


def test_the_norm_of_the_gradient_is_limited(tmp_path: Path):
    """With plain gradient descent at rate 1 a step moves the heads by the clipped norm itself."""

    class OneStep(ToyTask):
        def __init__(self):
            super().__init__()
            self._optimizers = {"trunk": torch.optim.SGD(self.network.parameters(), lr=1.0)}

    task = OneStep()
    before = torch.nn.utils.parameters_to_vector(task.network.parameters()).clone()
    settings = LoopSettings(
        n_steps=1, gradient_clip_norm=0.01, schedule="constant", warmup_steps=0, averaging_decay=None
    )
    train(task, tmp_path, settings)
    moved = torch.nn.utils.parameters_to_vector(task.network.parameters()) - before
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)
