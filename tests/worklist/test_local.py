"""Many files on several cores: the same bytes, one lost worker is one file, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from violute.errors import VioluteError
from violute.whole_file import whole_file
from violute.worklist.engine import Engine


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def note(folder: Path, number: int) -> int:
    (folder / f"{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
    return number


def die_at_three(folder: Path, number: int) -> int:
    note(folder, number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_once(folder: Path, number: int) -> int:
    is_first = not list(folder.glob("3-*"))
    note(folder, number)
    if number == 3 and is_first:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def times_done(folder: Path) -> list[int]:
    return [len(list(folder.glob(f"{number}-*"))) for number in range(12)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_worker_costs_what_was_in_flight_and_nothing_is_lost(tmp_path: Path) -> None:
    results = dict(Engine(2).attempts(partial(die_once, tmp_path), range(12)))
    assert results == {number: number for number in range(12)}
    again = [number - 1 for number in times_done(tmp_path)]
    assert again[3] == 1
    assert set(again) <= {0, 1}
    assert sum(again) <= 4  # two a process are in flight


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_an_item_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    results = dict(Engine(2).attempts(partial(die_at_three, tmp_path), range(12)))
    failed = results.pop(3)
    assert isinstance(failed, VioluteError)
    assert "worker process was killed" in str(failed)
    assert results == {number: number for number in range(12) if number != 3}
    assert times_done(tmp_path)[3] == 2


def test_few_are_in_flight(tmp_path: Path) -> None:
    attempts = Engine(2).attempts(partial(note, tmp_path), range(12))
    next(attempts)
    time.sleep(0.3)
    assert sum(times_done(tmp_path)) <= 4
    attempts.close()
    assert sum(times_done(tmp_path)) <= 4


def write_slowly(folder: Path, number: int) -> None:
    with whole_file(folder / f"{number}.txt") as partial_path:
        partial_path.write_text("half")
        (folder / f"at-{number}").touch()
        time.sleep(60)


def test_who_stops_waiting_leaves_no_worker_and_no_half_file(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from functools import partial\n"
        "from test_local import write_slowly\n"
        "from violute.worklist.engine import Engine\n"
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "if __name__ == '__main__':\n"
        "    list(Engine(2).results(partial(write_slowly, Path.cwd()), range(2)))\n"
    )
    (tmp_path / "driver.py").write_text(script)
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    running = subprocess.Popen(
        [sys.executable, "driver.py", str(Path(__file__).parent)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths},
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("at-*"))) < 2:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.terminate()
    assert running.wait(timeout=60) == 143
    assert files_below(tmp_path) == ["at-0", "at-1", "driver.py"]


def test_two_jobs_convert_as_one_does_to_the_byte(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "rec" / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.wav", "b.flac", "deep/c.wav")):
        audio = 0.2 * np.sin(2 * np.pi * (300 + 90 * i) * np.arange(60_000) / 44_100)
        soundfile.write(tmp_path / "rec" / name, audio + 1e-3 * rng.standard_normal(len(audio)), 44_100)
    (tmp_path / "rec" / "bad.wav").write_text("no audio")
    for jobs in ("1", "2"):
        command = [sys.executable, "-m", "violute", "convert", "rec", f"out{jobs}", "--jobs", jobs]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2
        assert "1 of 4 files failed" in done.stderr
    one, two = (files_below(tmp_path / f"out{jobs}") for jobs in "12")
    assert one == two
    assert len(one) == 4
    for name in one:
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()
    manifest = (tmp_path / "out2" / "violute-manifest.jsonl").read_text()
    rows = [json.loads(line) for line in manifest.splitlines()]
    assert [row["state"] for row in rows] == ["done", "done", "failed", "done"]
