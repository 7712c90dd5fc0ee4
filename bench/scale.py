"""Many files: one job, two, and a Ray cluster of two workers convert 64 clips; results to SCALE.md.

Run on a machine that does nothing else: `python bench/scale.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from violute.examples import example_paths
from violute.whole_file import replace_text

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from process_tree import processes_below
from ray_cluster import RayCluster

PAGE = Path(__file__).with_name("SCALE.md")
KEPT = PAGE.with_suffix(".json")
HEADER = """# Many files, many cores

`python bench/scale.py` on {machine}: {n_clips} clips of {seconds:g} s out of the examples, converted
with the built-in voice. Seconds are by the clock and hold the start of processes, but not of the cluster;
core-seconds are those of the command and its workers; memory is the largest sum of what these keep resident.
One job alone uses more than a core where it has more, since it reads, plays and writes at a time; jobs beside
each other do not. Where all cores were asked for and fewer were in use, others had them.

| who | seconds | times as fast | cores in use | core-seconds a clip | x real time | peak memory | bytes |
|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Measured:
    """One conversion of the folder: seconds by the clock and of cores, memory, digest of what was made."""

    who: str
    seconds: float
    core_seconds: float
    peak_bytes: int
    digest: str


def main() -> int:
    """Measure, write the page, and say whether all engines made the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a clip")
    parser.add_argument("--no-ray", action="store_true", help="leave the cluster out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cut_clips(folder / "clips", given.clips, given.seconds)
        one_core = {min(os.sched_getaffinity(0))}
        rows = [
            measure("--jobs 1, one core", folder, "core", "--jobs", "1", cores=one_core),
            measure("--jobs 1", folder, "jobs1", "--jobs", "1"),
            measure("--jobs 2", folder, "jobs2", "--jobs", "2"),
        ]
        if not given.no_ray:
            rows.append(on_cluster(folder))
    cores = len(os.sched_getaffinity(0))
    text = HEADER.format(machine=f"{cores} cores", n_clips=given.clips, seconds=given.seconds)
    for row in rows:
        same = "the same" if row.digest == rows[0].digest else "OTHER"
        faster, clip = rows[0].seconds / row.seconds, row.core_seconds / given.clips
        text += (
            f"| {row.who} | {row.seconds:.1f} | {faster:.2f} | {row.core_seconds / row.seconds:.2f} | "
            f"{clip:.2f} | {given.clips * given.seconds / row.seconds:.0f} | "
            f"{row.peak_bytes / 1e6:.0f} MB | {same} |\n"
        )
    replace_text(PAGE, text)
    told = [{"who": row.who, "times_as_fast": rows[0].seconds / row.seconds} for row in rows]
    replace_text(KEPT, json.dumps(told, indent=1) + "\n")
    print(text)
    return 0 if len({row.digest for row in rows}) == 1 else 1


def cut_clips(folder: Path, n_clips: int, seconds: float) -> None:
    """Cut clips out of the examples played over and over, each from another place, at another level."""
    folder.mkdir()
    examples = [soundfile.read(example_paths()[name], dtype="float32") for name in ("flute", "violin")]
    rate = examples[0][1]
    piece = np.concatenate([audio for audio, _ in examples])
    for i in range(n_clips):
        places = np.arange(round(seconds * rate)) + i * 7919 * rate // 1000
        clip = piece[places % len(piece)] * np.float32(1.0 - i / (2 * n_clips))
        soundfile.write(folder / f"clip{i:02d}.flac", clip, rate)


def on_cluster(folder: Path) -> Measured:
    """Measure two workers of Ray on this machine."""
    cluster = RayCluster()
    try:
        return measure("Ray, 2 workers", folder, "ray", "--cluster", cluster.address, cluster=cluster)
    finally:
        cluster.close()


def measure(
    who: str,
    folder: Path,
    out: str,
    *options: str,
    cluster: RayCluster | None = None,
    cores: set[int] | None = None,
) -> Measured:
    """Convert the folder, on these cores of the machine or on a cluster, and weigh what was made."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "violute", "convert", "clips", out, "--quiet", *options]
    running = subprocess.Popen(command, cwd=folder, env=cluster.environment if cluster else None)
    if cores is not None:
        os.sched_setaffinity(running.pid, cores)  # long before it asks how many there are
    watch = Watch(running.pid, cluster)
    if running.wait() != 0:
        raise SystemExit(f"{who}: the conversion failed")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    watch.stop()
    core_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    core_seconds += sum(watch.core_seconds.values())
    digest = hashlib.sha256()
    for path in sorted((folder / out).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return Measured(who, seconds, core_seconds, watch.peak_bytes, digest.hexdigest())


class Watch:
    """Looks ten times a second at a process, those below it, and the workers of a cluster.

    Attributes:
        peak_bytes: The most that all of them kept resident at a time.
        core_seconds: What each worker of the cluster has taken.
    """

    def __init__(self, pid: int, cluster: RayCluster | None) -> None:
        self.peak_bytes, self.core_seconds = 0, dict[int, float]()
        self._pid, self._cluster, self._ends = pid, cluster, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            workers = self._cluster.workers() if self._cluster else set()
            family = {self._pid} | processes_below(self._pid) | workers
            self.peak_bytes = max(self.peak_bytes, sum(map(resident, family)))
            self.core_seconds |= {pid: core_seconds(pid) for pid in workers}


def core_seconds(pid: int) -> float:
    """Return the core-seconds that a process has taken so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return what a process keeps in memory, in bytes, its share of what others keep too."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(row.split()[1]) for row in rows if row.startswith("Pss:"))


if __name__ == "__main__":
    raise SystemExit(main())
