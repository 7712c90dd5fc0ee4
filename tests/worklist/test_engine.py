"""Workers: as many as the cores that this process may use, of one thread each, gone with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from violute.errors import VioluteError
from violute.worklist.cores import available_cores
from violute.worklist.engine import Engine

N_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

LONG_WORK = """
import os, time
from functools import partial
from pathlib import Path
from violute.worklist.engine import Engine

def note(folder, number):
    (folder / str(os.getpid())).touch()
    time.sleep(60)

if __name__ == "__main__":
    list(Engine(2).results(partial(note, Path(".")), [0, 1]))
"""


@pytest.mark.parametrize(
    ("limit", "most"),
    [("max 100000", N_CORES), ("50000 100000", 1), ("150000 100000", 2), ("x", N_CORES), ("1 0", N_CORES)],
)
def test_a_containers_limit_is_kept(tmp_path: Path, limit: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    assert available_cores(tmp_path) == min(most, N_CORES)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to cores")
def test_affinity_is_kept(tmp_path: Path) -> None:
    script = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    script += "from violute.worklist.cores import available_cores; print(available_cores())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "1\n"


def seen_by_a_worker(_: int) -> tuple[int, str | None, int]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS"), available_cores()


def negative(number: int) -> int:
    return -number


def fail_at_one(number: int) -> int:
    if number == 1:
        raise VioluteError("number 1 is no good")
    return number


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_from_other_processes_of_one_thread() -> None:
    assert list(Engine(2).results(negative, range(5))) == [0, -1, -2, -3, -4]
    before = os.environ.get("OMP_NUM_THREADS")
    for process, threads, cores in Engine(2).results(seen_by_a_worker, range(3)):
        assert process != os.getpid()
        assert (threads, cores) == ("1", 1)
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_one_job_needs_no_process() -> None:
    assert {process for process, *_ in Engine(1).results(seen_by_a_worker, range(3))} == {os.getpid()}


def test_an_error_of_one_item_is_raised_as_it_is() -> None:
    with pytest.raises(VioluteError, match="number 1 is no good"):
        list(Engine(2).results(fail_at_one, range(3)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(VioluteError, match="a worker process was killed"):
        list(Engine(2).results(die, range(2)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM"])
def test_workers_leave_with_their_parent(tmp_path: Path, ending: str) -> None:
    (tmp_path / "work.py").write_text(LONG_WORK)
    parent = subprocess.Popen([sys.executable, "work.py"], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while len(workers := [p for p in tmp_path.iterdir() if p.name.isdigit()]) < 2:
        assert parent.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.send_signal(getattr(signal, ending))
    parent.wait()
    while any(Path(f"/proc/{worker.name}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
