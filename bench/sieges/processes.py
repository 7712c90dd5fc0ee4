"""Commands that are killed, or whose disk fills up, at a random moment, and then begun again.

Each job runs once undisturbed, which says how long it takes and what it leaves. Then it is disturbed; what
stands under a final name is compared, and the same command goes on to the end: the same bytes, or a finding.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from sieges.examiner import Verdict
from violute.examples import example_paths
from violute.voices.file import open_voice_file

TINY_FAMILIES = ("ddsp", "vae", "mevae", "cyclegan", "nsynth", "rave")
_LIMIT_SECONDS = 1200.0
"""Longer than any job takes on a busy machine."""
_BENCH = (
    "bench --data in --out out/report --limit 1 --seconds 1.2 --shortest 1 --no-cost --no-baselines --quiet"
)
_PAIRS = "pairs --data in --mixes 0 0.5 1 --quiet --out"
_MUSICNET = "data musicnet --out out --archive archive/musicnet.tar.gz --checksums archive/md5.txt --quiet"
_MUSICNET_FILES = ("out/*/[!.]*", "out/held_out.txt", "out/metadata.csv")
_TINY = ("--recipe", "tiny", "--quiet", "--seed", "3")
_CLAIMS = ("out/store.json", "out/manifest.json")
"""Written at the start with what a folder is to hold, and again at the end: unfinished, they are refused."""
_FAMILY_ROOM = ("--a", "in/flute", "--b", "in/violin", *_TINY)


@dataclass(frozen=True)
class Job:
    """One command that writes files.

    Attributes:
        name: In the report.
        command: Arguments of `violute`, run in a folder with the recordings below `in/`.
        resume: What is added to go on after a stop.
        first: Arguments of `violute` that make, undisturbed, what the command works on.
        results: Glob patterns of the files that have to be whole and the same at the end.
    """

    name: str
    command: tuple[str, ...]
    results: tuple[str, ...]
    resume: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


def jobs() -> list[Job]:
    """Return a job for everything that works for long."""
    return [
        Job("convert", ("convert", "in", "out", "--mix", "0.5", "--quiet"), ("out/**/*.wav",)),
        Job(
            "prepare",
            ("prepare", "in", "--out", "out", "--seconds", "0.5", "--hold-out", "*1", "--quiet"),
            ("out/**/*.npy", "out/images/**/*.png", "out/store.json"),
        ),
        Job("bench", tuple(_BENCH.split()), ("out/report.json",), ("--force",)),
        Job("pairs", (*_PAIRS.split(), "out"), ("out/**/*.flac", "out/manifest.json")),
        Job("data musicnet", tuple(_MUSICNET.split()), _MUSICNET_FILES),
        *(
            Job(
                f"train {family}",
                ("train", family, "--out", "out/voice.onnx", *_FAMILY_ROOM),
                RESULTS,
                RESUME,
            )
            for family in TINY_FAMILIES
        ),
        Job(
            "train paired",
            ("train", "paired", "--pairs", "pairs", "--out", "out/voice.onnx", *_TINY),
            RESULTS,
            RESUME,
            (*_PAIRS.split(), "pairs"),
        ),
    ]


RESULTS = ("out/voice.onnx",)
RESUME = ("--resume",)


def besiege_jobs(chosen: Sequence[Job], n_kills: int, seed: int) -> list[Verdict]:
    """Kill each job `n_kills` times in all, each time at another moment, and let it go on."""
    verdicts: list[Verdict] = []
    for job, count in zip(chosen, _shared_out(n_kills, len(chosen)), strict=True):
        with _undisturbed(job) as (given, whole, seconds):
            for i in range(count):
                rng = np.random.default_rng([seed, i])
                verdicts.append(_killed(given, job, whole, float(rng.uniform(0.05, 1.0)) * seconds, i))
    return verdicts


def besiege_disks(chosen: Sequence[Job], n_times: int, seed: int) -> list[Verdict]:
    """Fill the disk, or make it read-only, under each job; needs the right to mount a disk of memory."""
    verdicts: list[Verdict] = []
    for job, count in zip(chosen, _shared_out(n_times, len(chosen)), strict=True):
        with _undisturbed(job) as (given, whole, seconds):
            for i in range(count):
                rng = np.random.default_rng([seed, i])
                after = float(rng.uniform(0.0, 0.9)) * seconds
                verdicts.append(_starved(given, job, whole, after, i, is_full=i % 2 == 0))
    return verdicts


def can_mount() -> bool:
    """Say whether this process may mount a disk of memory."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        if (
            shutil.which("mount") is None
            or subprocess.run(mount, capture_output=True, check=False).returncode
        ):
            return False
        subprocess.run(["umount", folder], check=True)
    return True


@contextlib.contextmanager
def _undisturbed(job: Job) -> Iterator[tuple[Path, dict[str, bytes], float]]:
    """Run a job once; gives a folder with what it works on, what it makes of it, and in how many seconds."""
    with tempfile.TemporaryDirectory() as kept, tempfile.TemporaryDirectory() as folder:
        given, place = Path(kept) / "given", Path(folder)
        given.mkdir()
        _recordings_into(given)
        if job.first:
            subprocess.run([sys.executable, "-m", "violute", *job.first], cwd=given, check=True)
        _copy(given, place)
        started = time.monotonic()
        done = _run(job.command, place)
        if done.returncode:
            raise RuntimeError(f"{job.name} fails undisturbed: {done.stderr}")
        yield given, _results(job, place), time.monotonic() - started


def _copy(given: Path, place: Path) -> None:
    shutil.copytree(given, place, dirs_exist_ok=True)


def _killed(given: Path, job: Job, whole: dict[str, bytes], after: float, i: int) -> Verdict:
    name = f"{job.name}, kill {i} after {after:.1f} s"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _copy(given, place)
        _run(job.command, place, lambda process: _kill_after(process, after))
        if rest := _orphans(place):
            return Verdict(name, "orphans", f"processes {rest} live on")
        return _gone_on(job, place, whole, name)


def _starved(
    given: Path, job: Job, whole: dict[str, bytes], after: float, i: int, *, is_full: bool
) -> Verdict:
    name = f"{job.name}, disk {'full' if is_full else 'read-only'} {i} after {after:.1f} s"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
        try:
            _copy(given, place)
            (place / "out").mkdir()
            spoil = _fill if is_full else _make_read_only
            done = _run(job.command, place, lambda process: _spoil_after(process, place, after, spoil))
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            if "Traceback" in done.stderr or (done.returncode not in (0, 2)):
                return Verdict(name, "traceback", done.stderr[-1500:])
            if done.returncode == 2 and not any(line.startswith("violute: ") for line in lines):
                return Verdict(name, "no line", done.stderr[-500:])
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            (place / "filler").unlink(missing_ok=True)
            return _gone_on(job, place, whole, name)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def _gone_on(job: Job, place: Path, whole: dict[str, bytes], name: str) -> Verdict:
    """Compare what a disturbed job left under final names, and what it makes when it goes on."""
    for path, content in _results(job, place).items():
        if whole.get(path) != content and path not in _CLAIMS:
            return Verdict(name, "half file", f"{path} is not what an undisturbed run writes")
    done = _run((*job.command, *job.resume), place)
    if done.returncode:
        return Verdict(name, "does not go on", done.stderr[-1500:])
    after = _results(job, place)
    if after.keys() != whole.keys():
        return Verdict(name, "other files", str(sorted(after.keys() ^ whole.keys())))
    other = [path for path in whole if whole[path] != after[path]]
    return Verdict(name, "other bytes", str(other)) if other else Verdict(name, "played")


def _run(
    command: Sequence[str],
    place: Path,
    disturb: Callable[[subprocess.Popen[str]], None] = lambda _: None,
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "violute", *command],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            text=True,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        disturb(process)
        try:
            process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return subprocess.CompletedProcess(list(command), process.returncode, "", said.read())


def _kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill the command alone, as the kernel would: its own workers have to notice by themselves."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()


def _spoil_after(
    process: subprocess.Popen[str], place: Path, seconds: float, spoil: Callable[[Path], None]
) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return
    spoil(place)


def _fill(place: Path) -> None:
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1 << 16))


def _make_read_only(place: Path) -> None:
    for _ in range(200):  # refused while a file is open for writing
        done = subprocess.run(["mount", "-o", "remount,ro", str(place)], capture_output=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.02)


def _orphans(place: Path) -> list[int]:
    """Return processes that still work in the folder some seconds after their parent was killed."""
    deadline = time.monotonic() + 5.0
    while True:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(place):
                    found.append(int(entry.name))
        if not found or time.monotonic() > deadline:
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return found
        time.sleep(0.1)


def _recordings_into(place: Path) -> None:
    """Write four short recordings of each instrument."""
    for name, path in example_paths().items():
        audio, sample_rate = soundfile.read(path, dtype="float32")
        folder = place / "in" / name
        folder.mkdir(parents=True)
        for i in range(4):
            start = i * 2 * sample_rate
            piece = audio[start : start + round(1.5 * sample_rate)]
            soundfile.write(folder / f"{name}_{i}.wav", piece, sample_rate)
    _pack_archive(place)


def _pack_archive(place: Path) -> None:
    """Pack the recordings as MusicNet is, each with a chord among its labels."""
    folder = place / "archive"
    folder.mkdir()
    labels = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n"
    labels += "0,6000,41,69,0,1,Half\n3000,6000,41,76,0,1,Half\n6000,66000,41,69,1,2,Half\n"
    (folder / "labels.csv").write_text(labels)
    rows = ["id,composer,composition,movement,ensemble,source,transcriber,catalog_name,seconds"]
    with tarfile.open(folder / "musicnet.tar.gz", "w:gz", compresslevel=1) as archive:
        for number, path in enumerate(sorted((place / "in").rglob("*.wav")), 2300):
            archive.add(path, f"musicnet/train_data/{number}.wav")
            archive.add(folder / "labels.csv", f"musicnet/train_labels/{number}.csv")
            rows.append(f"{number},Bach,Partita,Allemande,Solo {path.parent.name.title()},A player,,,2")
    (folder / "labels.csv").unlink()
    (folder / "musicnet_metadata.csv").write_text("\n".join(rows) + "\n")
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.name}\n" for path in folder.iterdir()]
    (folder / "md5.txt").write_text("".join(sums))


def _results(job: Job, place: Path) -> dict[str, bytes]:
    """Return what a job has made, by its final name, without what differs from run to run by right."""
    found = {path for pattern in job.results for path in place.glob(pattern) if path.is_file()}
    named = {path: path.relative_to(place) for path in sorted(found)}
    shown = {path: name for path, name in named.items() if not any(part[0] == "." for part in name.parts)}
    return {str(name): _comparable(path, place) for path, name in shown.items()}


def _comparable(path: Path, place: Path) -> bytes:
    """Return a file's content without the folder of the run, and a voice without the command that made it."""
    if path.suffix == ".onnx":
        network, card = open_voice_file(path)
        return network + replace(card, command="").to_json().encode()
    content = path.read_bytes()
    if path.name == "report.json":
        document = json.loads(content) | {"environment": None}
        for result in document["results"]:
            del result["cost"]  # seconds of a clock
        return json.dumps(document).encode()
    return content.replace(str(place).encode(), b"") if path.suffix == ".json" else content


def _shared_out(total: int, n: int) -> list[int]:
    return [total // n + (i < total % n) for i in range(n)]
