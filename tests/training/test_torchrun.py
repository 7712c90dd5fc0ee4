"""Two gloo processes share a batch, and a run goes on with another number of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from tones import SAMPLE_RATE, tone

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONUTF8": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
VERB = ["-m", "violute", "train", "ddsp", "--a", "reed", "--b", "string", "--a-name", "reed"]
VERB += ["--b-name", "string", "--recipe", "tiny", "--cache", "cache", "--batch"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("torchrun")
    for name, slope_db in (("reed", -20.0), ("string", -4.0)):
        (place / name).mkdir()
        for f0_hz in (440.0, 660.0):
            soundfile.write(
                place / name / f"{f0_hz:.0f}.wav", tone(f0_hz, 2.0, db_per_octave=slope_db), SAMPLE_RATE
            )
    return place


def test_a_run_goes_on_with_another_number_of_processes(place: Path) -> None:
    for start, steps in ((TORCHRUN, "4"), ([sys.executable], "8"), (TORCHRUN, "12")):
        command = [*start, *VERB, "4", "--out", "both.onnx", "--steps", steps, "--resume", "--json"]
        done = subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        assert json.loads(done.stdout)["steps"] == int(steps)
    rows = [json.loads(line) for line in (place / "both-run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)


def test_a_batch_that_processes_cannot_share_is_one_line(place: Path) -> None:
    command = [*TORCHRUN, *VERB, "2", "--out", "odd.onnx"]
    done = subprocess.run(command, cwd=place, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "batch_size is 2 for 2 processes: give a multiple of 2 from 4 on" in done.stderr
    assert "Traceback (most recent call last):\n  File" not in done.stdout
