"""Many files: one job, two, and a Ray cluster of two workers convert 64 clips; results to SCALE.md.

Run on a machine that does nothing else: `python bench/scale.py`.
"""

from __future__ import annotations

import argparse
import hashlib
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

PAGE = Path(__file__).with_name("SCALE.md")
MANIFEST = "violute-manifest.jsonl"
HEADER = """# Many files, many cores

`python bench/scale.py` on {machine}: {n_clips} clips of {seconds:g} s out of the examples, converted
with the built-in voice. Seconds are by the clock and hold the start of processes, but not of the cluster;
core-seconds are those of the command and its workers; memory is the largest sum of what these keep resident.

| who | seconds | times as fast | core-seconds a clip | x real time | peak memory | bytes |
|---|---|---|---|---|---|---|
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
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--no-ray", action="store_true", help="leave the cluster out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cut_clips(folder / "clips", given.clips, given.seconds)
        rows = [measure(f"--jobs {n}", folder, f"jobs{n}", "--jobs", str(n)) for n in (1, 2)]
        if not given.no_ray:
            rows.append(on_cluster(folder))
    cores = len(os.sched_getaffinity(0))
    text = HEADER.format(machine=f"{cores} cores", n_clips=given.clips, seconds=given.seconds)
    for row in rows:
        same = "the same" if row.digest == rows[0].digest else "OTHER"
        text += (
            f"| {row.who} | {row.seconds:.1f} | {rows[0].seconds / row.seconds:.2f} | "
            f"{row.core_seconds / given.clips:.2f} | {given.clips * given.seconds / row.seconds:.0f} | "
            f"{row.peak_bytes / 1e6:.0f} MB | {same} |\n"
        )
    replace_text(PAGE, text)
    print(text)
    return 0 if len({row.digest for row in rows}) == 1 else 1


def cut_clips(folder: Path, n_clips: int, seconds: float) -> None:
    """Cut clips out of the examples, each from another place, at another level."""
    folder.mkdir()
    sounds = [soundfile.read(path, dtype="float32") for path in example_paths().values()]
    for i in range(n_clips):
        audio, rate = sounds[i % len(sounds)]
        n_samples = min(round(seconds * rate), len(audio))
        start = (i * 7919 * rate // 1000) % max(len(audio) - n_samples, 1)
        clip = audio[start : start + n_samples] * np.float32(1.0 - i / (2 * n_clips))
        soundfile.write(folder / f"clip{i:02d}.flac", clip, rate)


def on_cluster(folder: Path) -> Measured:
    """Measure two workers of Ray on this machine."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
    from ray_cluster import RayCluster

    cluster = RayCluster()
    try:
        measure("warm", folder, "warm", "--cluster", cluster.address, environment=cluster.environment)
        options = ("--cluster", cluster.address)
        return measure("Ray, 2 workers", folder, "ray", *options, environment=cluster.environment)
    finally:
        cluster.close()


def measure(
    who: str, folder: Path, out: str, *options: str, environment: dict[str, str] | None = None
) -> Measured:
    """Convert the folder and weigh what was made."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "violute", "convert", "clips", out, "--quiet", *options]
    cluster_before = cluster_core_seconds() if environment else 0.0
    running = subprocess.Popen(command, cwd=folder, env=environment)
    peak = Peak(running.pid, with_ray=environment is not None)
    if running.wait() != 0:
        raise SystemExit(f"{who}: the conversion failed")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    core_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    core_seconds += cluster_core_seconds() - cluster_before if environment else 0.0
    digest = hashlib.sha256()
    for path in sorted((folder / out).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return Measured(who, seconds, core_seconds, peak.stop(), digest.hexdigest())


class Peak:
    """The most memory that a process and those below it keep resident, looked at ten times a second."""

    def __init__(self, pid: int, *, with_ray: bool) -> None:
        self._pid, self._with_ray = pid, with_ray
        self._most, self._ends = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Return the most that was seen, in bytes."""
        self._ends.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            self._most = max(self._most, sum(resident(pid) for pid in self._family()))

    def _family(self) -> list[int]:
        parents = {pid: int(fields[1]) for pid, (_, fields) in processes().items()}
        found = {self._pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        if self._with_ray:
            found |= ray_workers()
        return list(found)


def processes() -> dict[int, tuple[str, list[str]]]:
    """Title and fields of /proc/PID/stat, after the title, of every process."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
                found[int(folder.name)] = (title, (folder / "stat").read_text().rpartition(")")[2].split())
            except OSError:
                continue
    return found


def ray_workers() -> set[int]:
    """Processes of Ray that do tasks."""
    kinds = ("ray::IDLE", "ray::_do")
    return {pid for pid, (title, _) in processes().items() if title.startswith(kinds)}


def cluster_core_seconds() -> float:
    """Core-seconds that the workers of Ray have taken so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    workers = ray_workers()
    return sum(
        (int(fields[11]) + int(fields[12])) / ticks
        for pid, (_, fields) in processes().items()
        if pid in workers
    )


def resident(pid: int) -> int:
    """Return what a process keeps in memory, in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
