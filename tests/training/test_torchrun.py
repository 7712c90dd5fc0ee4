"""Two gloo processes train as one does at one batch; a run goes on with another number, and after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from process_tree import is_running, processes_below
from tones import SAMPLE_RATE, tone

from violute.training.provenance import checkpoint_step

PATIENCE_SECONDS = 300
"""On a machine that is busy with other things."""

FAMILIES = {"ddsp": 0.01, "vae": 0.15, "rave": 0.15}
"""How far the validation of two processes may lie from that of one, which draws other windows."""

TRAIN = """
import json, sys
from pathlib import Path
from violute.families.train import train_family
from violute.training.processes import joined_processes
from violute.training.request import TrainingRequest

with joined_processes():
    for family, name, steps, resume in json.loads(sys.argv[1]):
        request = TrainingRequest(
            source=("reed", "string"), out=Path(f"{name}-{family}.onnx"), names=("reed", "string"),
            cache=Path("cache"), steps=steps, seed=3, resume=resume,
        )
        changes = {"batch_size": "4", "loop.checkpoint_every": "5"}
        train_family(family, request, recipe="tiny", changes=changes)
"""

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUTF8": "1"}
ALONE = [sys.executable, "train.py"]
TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "train.py",
]

Run = tuple[str, str, int, bool]
"""Family, name of the run, steps, and whether it is resumed."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("torchrun")
    for name, slope_db in (("reed", -20.0), ("string", -4.0)):
        (place / name).mkdir()
        for f0_hz in (440.0, 660.0):
            soundfile.write(
                place / name / f"{f0_hz:.0f}.wav", tone(f0_hz, 2.0, db_per_octave=slope_db), SAMPLE_RATE
            )
    (place / "train.py").write_text(TRAIN)
    return place


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    """Runs `one` and `two` of each family, of so many processes; two went on with ddsp's `one`."""
    train(place, ALONE, [(family, "one", 12, False) for family in FAMILIES])
    train(place, TORCHRUN, [*((family, "two", 12, False) for family in FAMILIES), ("ddsp", "one", 16, True)])
    return place


def train(place: Path, start: list[str], runs: list[Run]) -> None:
    done = subprocess.run(
        [*start, json.dumps(runs)],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def loss_at(step: int, run: Path) -> float:
    return next(
        row["validation/total"] for row in metrics(run) if row["step"] == step and "validation/total" in row
    )


def last_step(run: Path) -> int:
    step = checkpoint_step(run / "checkpoints" / "last.safetensors")
    assert step is not None
    return step


@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_end_where_one_does_at_one_global_batch(trained: Path, family: str) -> None:
    one, two = (loss_at(12, trained / f"{name}-{family}-run") for name in ("one", "two"))
    assert two == pytest.approx(one, rel=FAMILIES[family])


def test_a_run_goes_on_with_another_number_of_processes(trained: Path) -> None:
    run = trained / "one-ddsp-run"
    assert last_step(run) == 16
    steps = [row["step"] for row in metrics(run)]
    assert steps == sorted(steps)
    assert loss_at(16, run) < loss_at(12, run)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_killed_rank_leaves_a_run_that_resumes(place: Path) -> None:
    step = step_after_a_kill(place, "rave")
    assert not (place / "killed-rave.onnx").exists()
    train(place, ALONE, [("rave", "killed", step + 3, True)])
    run = place / "killed-rave-run"
    assert last_step(run) == step + 3
    steps = [row["step"] for row in metrics(run)]
    assert steps == sorted(steps)
    assert (place / "killed-rave.onnx").exists()


def step_after_a_kill(place: Path, family: str) -> int:
    """Kill a rank after a checkpoint; return the step of the last one, once all processes have gone."""
    run, said = place / f"killed-{family}-run", place / f"killed-{family}.log"
    with said.open("w") as log:
        running = subprocess.Popen(
            [*TORCHRUN, json.dumps([(family, "killed", 100_000, False)])],
            cwd=place,
            env=ENVIRONMENT,
            stdout=log,
            stderr=log,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (run / "checkpoints" / "last.safetensors").exists():
            assert running.poll() is None, said.read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        below = processes_below(running.pid)
        os.kill(rank_one_of(below), signal.SIGKILL)
        assert running.wait(timeout=PATIENCE_SECONDS) != 0
    while any(map(is_running, below)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return last_step(run)


def rank_one_of(pids: set[int]) -> int:
    (pid,) = (pid for pid in pids if b"RANK=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    return pid
