"""A Ray cluster of two nodes: the bytes of one process, whatever dies in the middle, and a true manifest."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("ray")

from ray_cluster import RayCluster

N_FILES, SECONDS = 10, 20
PATIENCE_SECONDS = 300
"""On a machine that is busy with other things."""

MANIFEST = "violute-manifest.jsonl"


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    cluster = RayCluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, and what one process makes of them."""
    place = tmp_path_factory.mktemp("scale")
    (place / "rec").mkdir()
    rng = np.random.default_rng(0)
    time_seconds = np.arange(SECONDS * 44_100) / 44_100
    for i in range(N_FILES):
        audio = 0.2 * np.sin(2 * np.pi * (260 + 30 * i) * time_seconds)
        audio = audio + 1e-3 * rng.standard_normal(len(audio))
        soundfile.write(place / "rec" / f"{i}.wav", audio, 44_100)
    (place / "rec" / "bad.wav").write_text("no audio")
    alone = start(place, "alone", "--jobs", "1")
    alone.communicate(timeout=PATIENCE_SECONDS)
    assert alone.returncode == 2
    return place


def start(
    place: Path, out: str, *options: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "violute", "convert", "rec", out, *options],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_cluster(place: Path, out: str, cluster: RayCluster) -> subprocess.Popen[str]:
    return start(place, out, "--cluster", cluster.address, environment=cluster.environment)


def hybrids(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of each finished hybrid."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.glob("*-violute-*.wav"))
    }


def wait_for(n_files: int, folder: Path, running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(list(folder.glob("*-violute-*.wav"))) < n_files:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def check_all_is_there(place: Path, out: str, running: subprocess.Popen[str]) -> None:
    """Every hybrid and the manifest are those of one process, and nothing else is there but hidden halves."""
    _, complaints = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 2, complaints
    assert "1 of 11 files failed" in complaints
    assert "Traceback" not in complaints
    alone, here = place / "alone", place / out
    assert {name: digest for name, (digest, _) in hybrids(here).items()} == {
        name: digest for name, (digest, _) in hybrids(alone).items()
    }
    assert (here / MANIFEST).read_bytes() == (alone / MANIFEST).read_bytes()
    visible = [path.name for path in here.iterdir() if not path.name.startswith(".")]
    assert len(visible) == N_FILES + 1


def kill_worker(cluster: RayCluster) -> None:
    """Kill a process of the cluster that is converting."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (workers := cluster.workers("_do")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(min(workers), signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_worker, RayCluster.remove_node])
def test_a_dead_worker_or_node_costs_what_was_in_flight(
    place: Path, cluster: RayCluster, kill: Callable[[RayCluster], None]
) -> None:
    out = kill.__name__
    running = on_cluster(place, out, cluster)
    wait_for(2, place / out, running)
    before = hybrids(place / out)
    kill(cluster)
    check_all_is_there(place, out, running)
    after = hybrids(place / out)
    # What was finished may not have been reported by the dead yet, so it was in flight: two at most.
    assert sum(after[name] != stamp for name, stamp in before.items()) <= 2
    if kill is not kill_worker:
        cluster.add_node()


def test_a_driver_that_was_killed_goes_on(place: Path, cluster: RayCluster) -> None:
    killed = on_cluster(place, "driver", cluster)
    wait_for(3, place / "driver", killed)
    killed.kill()
    killed.communicate()
    time.sleep(1.0)  # its tasks are ended by their nodes
    before = hybrids(place / "driver")
    assert len(before) < N_FILES
    again = on_cluster(place, "driver", cluster)
    check_all_is_there(place, "driver", again)
    after = hybrids(place / "driver")
    assert all(after[name] == stamp for name, stamp in before.items())


def test_a_second_run_does_nothing(place: Path, cluster: RayCluster) -> None:
    before = hybrids(place / "driver")
    again = on_cluster(place, "driver", cluster)
    said, _ = again.communicate(timeout=PATIENCE_SECONDS)
    assert f"{N_FILES} files were already there" in said
    assert hybrids(place / "driver") == before


def test_a_cluster_looks_through_recordings_as_one_process_does(place: Path, cluster: RayCluster) -> None:
    for name, options in {"one": ("--jobs", "1"), "many": ("--cluster", cluster.address)}.items():
        command = [
            sys.executable,
            "-m",
            "violute",
            "data",
            "folder",
            "rec",
            "--out",
            f"{name}.json",
            *options,
        ]
        subprocess.run(
            command, cwd=place, env=cluster.environment, capture_output=True, timeout=PATIENCE_SECONDS
        )
    one, many = (json.loads((place / f"{name}.json").read_text()) for name in ("one", "many"))
    assert one == many
    assert len(one["recordings"]) == N_FILES


def test_complaints_of_nodes_stay_out_of_standard_output(cluster: RayCluster) -> None:
    driver = (
        "import time\n"
        "from ray._private import utils, worker\n"
        "from violute.worklist.cluster import connect\n"
        f"connect({cluster.address!r})\n"
        "utils.push_error_to_driver(worker.global_worker, 'node', 'a node is slow')\n"
        "time.sleep(2)\n"
        "print('result')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", driver],
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert "result" in ran.stdout.splitlines(), ran.stderr
    assert "a node is slow" not in ran.stdout


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("127.0.0.1:1", "no cluster answers there"),
        ("nowhere", "is no address: give HOST:PORT, ray://HOST:PORT or auto"),
    ],
)
def test_an_unreachable_cluster_is_one_line(place: Path, address: str, complaint: str) -> None:
    running = start(place, "never", "--cluster", address)
    _, complaints = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 2
    (line,) = (line for line in complaints.splitlines() if line.startswith("violute: "))
    assert complaint in line
    assert "Traceback" not in complaints
    assert not (place / "never").exists()


def test_a_row_of_the_manifest_is_what_lies_there(place: Path) -> None:
    rows = [json.loads(line) for line in (place / "alone" / MANIFEST).read_text().splitlines()]
    digests = {name: digest for name, (digest, _) in hybrids(place / "alone").items()}
    assert {row["output"]: row["sha256"] for row in rows if row["state"] == "done"} == digests
    (failed,) = (row for row in rows if row["state"] == "failed")
    assert failed["input"] == str(Path("rec/bad.wav"))
    assert "is not audio" in failed["error"]
