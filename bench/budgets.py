"""Measure the budgets of the design beside WORLD, in one run, and write their section of `bench/RESULTS.md`.

    python bench/budgets.py                      the shipped examples, the built-in voice
    python bench/budgets.py --input FOLDER       real recordings
    python bench/budgets.py --install            the size of a base install too, which takes a minute

Times are the best of a few, wall-clock. The column "per core" gives the same in seconds of sound per second
of one core, which other work on the machine disturbs less. WORLD runs on one core and has no voice: it only
takes a recording apart and puts it together again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import world
from environment import ROOT, environment_lines
from results_page import write_section

from violute.audio.channels import to_mono
from violute.audio.file_source import FileSource
from violute.audio.write import write
from violute.examples import example_paths
from violute.voices.conversion.convert import convert_file
from violute.voices.conversion.destinations import plan_conversions
from violute.voices.family import FamilyVoice
from violute.voices.load import DEFAULT_VOICE, find_voice, load_voice

COLD_SECONDS = 10
HOUR_SECONDS = 3600
MB = 1e6


@dataclass(frozen=True)
class Spent:
    """Time that some work took, in seconds: on the clock, and of all cores together."""

    wall: float
    processor: float


@dataclass(frozen=True)
class FileTimes:
    """What one recording took.

    Attributes:
        name: Of the file.
        seconds: Length of the sound.
        spent: By name of the work.
    """

    name: str
    seconds: float
    spent: dict[str, Spent]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    budget: str
    measured: str
    processor: str = ""
    beside_world: str = ""


def main() -> None:
    """Measure and write the page."""
    options = _options()
    voice_path = find_voice(options.voice or DEFAULT_VOICE)
    voice = load_voice(voice_path)
    inputs = options.input or list(example_paths().values())
    files = [Path(plan.source) for plan in plan_conversions(inputs, "elsewhere/", label="")]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        times = [_time_file(path, voice, work, options.repeats) for path in files]
        rows = _speed_rows(times)
        rows += _process_rows(files, times, voice_path, work, options.cold_repeats)
        if not options.skip_hour:
            rows.append(_hour_row(files[0], voice_path, work))
    rows.append(Row("voice file", "10 MB", f"{voice_path.stat().st_size / MB:.1f} MB"))
    if options.install:
        rows.append(Row("base install, site-packages", "200 MB", f"{_install_bytes() / MB:.0f} MB"))
    page = _page(rows, times, options.repeats, options.cold_repeats)
    write_section(options.out, page)
    print(page)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", help="name or file; default: the built-in voice")
    parser.add_argument("--input", nargs="+", help="recordings or folders; default: the shipped examples")
    parser.add_argument("--repeats", type=int, default=3, help="of each time in this process")
    parser.add_argument("--cold-repeats", type=int, default=5, help="of the cold start")
    parser.add_argument("--skip-hour", action="store_true", help="leave out the hour of audio")
    parser.add_argument("--install", action="store_true", help="measure a fresh base install")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "RESULTS.md")
    return parser.parse_args()


def _time_file(path: Path, voice: FamilyVoice, work: Path, repeats: int) -> FileTimes:
    """Time everything that runs in this process, after one round that warms up."""
    print(f"timing {path.name}", file=sys.stderr)
    source = FileSource(path)
    destination = work / "hybrid.wav"
    take = voice.analyse_source(source)
    take.render(0.5)
    apart = world.analyse(to_mono(source), source.sample_rate)

    def world_file_to_file() -> None:
        sound = world.analyse(to_mono(FileSource(path)), source.sample_rate).resynthesise()
        write(destination, sound.astype(np.float32), source.sample_rate)

    works: dict[str, Callable[[], object]] = {
        "convert": lambda: convert_file(path, destination, mix=0.5, voice=voice),
        "render": lambda: take.render(0.3),
        "analyse": lambda: voice.analyse_source(FileSource(path)),
        "WORLD convert": world_file_to_file,
        "WORLD render": apart.resynthesise,
        "WORLD analyse": lambda: world.analyse(to_mono(FileSource(path)), source.sample_rate),
    }
    spent = {name: _best(work_once, repeats) for name, work_once in works.items()}
    return FileTimes(path.name, source.n_samples / source.sample_rate, spent)


def _best(work: Callable[[], object], repeats: int) -> Spent:
    wall, processor = [], []
    for _ in range(repeats):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return Spent(min(wall), min(processor))


def _speed_rows(times: list[FileTimes]) -> list[Row]:
    seconds = sum(file.seconds for file in times)

    def row(name: str, what: str, budget: str) -> Row:
        mine, peer = (
            Spent(
                sum(file.spent[key].wall for file in times), sum(file.spent[key].processor for file in times)
            )
            for key in (name, f"WORLD {name}")
        )
        return Row(
            what,
            budget,
            f"{seconds / mine.wall:.0f}x real time",
            f"{seconds / mine.processor:.0f}x",
            f"{peer.wall / mine.wall:.0f} times as fast (WORLD: {seconds / peer.wall:.1f}x real time)",
        )

    return [
        row("convert", "convert, file to file, pitch tracking included", "40x"),
        row("render", "re-render at another mix", "200x"),
        row("analyse", "analysis alone, from the file", "50x"),
    ]


def _process_rows(
    files: list[Path], times: list[FileTimes], voice_path: Path, work: Path, repeats: int
) -> list[Row]:
    longest = max(range(len(files)), key=lambda i: times[i].seconds)
    whole = _convert_process(files[longest], voice_path, work)
    seconds = times[longest].seconds
    excerpt = work / "ten seconds.wav"
    audio = to_mono(FileSource(files[0]))
    rate = FileSource(files[0]).sample_rate
    write(excerpt, np.resize(audio, COLD_SECONDS * rate), rate)
    cold = [_convert_process(excerpt, voice_path, work) for _ in range(repeats)]
    return [
        Row(
            f"`violute convert` of {seconds:.0f} s, whole process",
            "",
            f"{seconds / whole['seconds']:.0f}x real time",
            f"{seconds / whole['processor_seconds']:.0f}x",
        ),
        Row(
            f"`violute convert` of {COLD_SECONDS} s, whole process, median of {repeats}",
            "2 s",
            f"{statistics.median(run['seconds'] for run in cold):.2f} s",
            f"{statistics.median(run['processor_seconds'] for run in cold):.2f} s",
        ),
    ]


def _hour_row(path: Path, voice_path: Path, work: Path) -> Row:
    print("converting an hour", file=sys.stderr)
    source = FileSource(path)
    hour = work / "hour.wav"
    n_left = HOUR_SECONDS * source.sample_rate
    with soundfile.SoundFile(hour, "w", source.sample_rate, source.n_channels, "PCM_16") as file:
        while n_left > 0:
            for block in source.blocks():
                file.write(block.T[:n_left])
                n_left -= min(block.shape[1], n_left)
                if n_left == 0:
                    break
    run = _convert_process(hour, voice_path, work)
    return Row(
        f"peak memory, one hour of {source.n_channels}-channel audio",
        "350 MB",
        f"{run['peak_bytes'] / MB:.0f} MB, at {HOUR_SECONDS / run['seconds']:.0f}x real time",
        f"{HOUR_SECONDS / run['processor_seconds']:.0f}x",
    )


def _convert_process(path: Path, voice_path: Path, work: Path) -> dict[str, float]:
    """Run `violute convert` as a user does and return what `measured_process` says."""
    command = [sys.executable, "-m", "violute", "convert", str(path), str(work / "whole.wav")]
    command += ["--voice", str(voice_path), "--force", "--quiet"]
    launcher = [sys.executable, str(ROOT / "bench" / "measured_process.py")]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, check=True)
    report: dict[str, float] = json.loads(done.stdout)
    if report["returncode"] != 0:
        raise SystemExit(f"violute convert failed: {done.stderr.strip()}")
    return report


def _install_bytes() -> int:
    """Install the package into a fresh environment and weigh everything but pip itself."""
    print("installing", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT)], check=True)
        site = next(Path(folder).rglob("site-packages"))
        return sum(
            path.stat().st_size
            for path in site.rglob("*")
            if path.is_file() and not path.relative_to(site).parts[0].startswith(("pip", "setuptools"))
        )


def _page(rows: list[Row], times: list[FileTimes], repeats: int, cold_repeats: int) -> str:
    note = (
        "Written by `bench/budgets.py`. Seconds of sound per second of work, the best of "
        f"{repeats} after a warm-up; the whole process with its start, the median of {cold_repeats}. "
        '"Per core" divides by the processor time of all cores together instead of the time on the clock.'
    )
    lines = [
        "# Budgets",
        "",
        note,
        "",
        "| what | budget | measured | per core | beside WORLD on the same files |",
        "|---|---|---|---|---|",
        *(
            f"| {row.what} | {row.budget} | {row.measured} | {row.processor} | {row.beside_world} |"
            for row in rows
        ),
        "",
        "Times real time, file by file:",
        "",
        "| file | seconds | convert | re-render | analysis | WORLD convert | WORLD render | WORLD analysis |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = ("convert", "render", "analyse", "WORLD convert", "WORLD render", "WORLD analyse")
    for file in times:
        speeds = " | ".join(f"{file.seconds / file.spent[key].wall:.1f}" for key in keys)
        lines.append(f"| {file.name} | {file.seconds:.1f} | {speeds} |")
    lines += ["", *environment_lines(["numpy", "onnxruntime", "soundfile", "soxr", "pyworld"]), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
