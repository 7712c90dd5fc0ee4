"""What an hour of sound costs at each stage, and how it grows; to SCALE_COSTS.json, .md and docs/scale.png.

    python bench/scale_costs.py
    python bench/scale_costs.py --parts stages

Sound is made of the shipped examples, so that every file differs. Costs are core-seconds, which other work of
the machine changes little; what a command costs before it has heard anything is left out by a corpus of twice
the length: an hour costs what the longer took more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from matplotlib.figure import Figure
from scale import KEPT as FOLDER
from scale import Watch, cut_clips

from violute.examples import example_paths
from violute.whole_file import replace_text

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_name("SCALE_COSTS.json")
PAGE = KEPT.with_suffix(".md")
PICTURE = ROOT / "docs" / "scale.png"

FILES, CLIP_SECONDS = (8, 16, 32, 64), 15.0
LENGTHS_MINUTES = (1, 5, 15, 45)
CORPORA_MINUTES = (6, 12)
LINKED_HOURS = (0.25, 1.0, 10.0)
LINKED_MINUTES = 2.5

ALONE = ("--jobs", "1")
"""So that starts of processes, which do not grow with the corpus, are not among the costs."""

PIECES = {name: example_paths()[name] for name in ("flute", "violin")}
STARTED = ("quick", "default")
"""Recipes of ddsp whose start is looked at."""

TRAININGS = {"ddsp": "quick", "vae": "small", "nsynth": "small", "rave": "small"}
"""Family, and the recipe whose measuring is looked at."""

HEADER = """# What an hour of sound costs

`python bench/scale_costs.py` on {n_cores} cores, on sound made of the examples. Core-seconds an hour are what
a corpus of {long} minutes took more than one of {short}, each with `--jobs 1`; memory is the most that the
command kept resident, with {long} minutes. Of a training, it is the measuring before its first step.

| stage | core-seconds an hour | memory | bytes left, an hour |
|---|---|---|---|
"""
STARTS = """
Training starts again on what was measured: `violute train ddsp --steps 1`, from its command to the end of the
only step, its export included. Hours are those of links to files of {minutes} minutes, each of which is
measured once and read as often as it is linked.

| recipe | hours | recordings | core-seconds | seconds | memory |
|---|---|---|---|---|---|
"""


def main() -> int:
    """Measure the parts asked for, keep them, write page and picture."""
    parts: dict[str, Callable[[Path], Any]] = {
        "files": files, "length": length, "stages": stages, "starts": starts
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=parts, default=list(parts), help="none only draws")
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for part in parser.parse_args().parts:
        with tempfile.TemporaryDirectory() as name:
            kept[part] = parts[part](Path(name))
        replace_text(KEPT, json.dumps(kept, indent=1) + "\n")
    if kept.keys() >= parts.keys():
        replace_text(PAGE, page(kept))
        draw(kept)
        print(page(kept))
    return 0


def cost(folder: Path, *command: str) -> dict[str, float]:
    """Run a verb and return seconds by the clock and of cores, and the most bytes kept resident."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    running = subprocess.Popen(
        [sys.executable, "-m", "violute", *command, "--quiet"], cwd=folder, env=environment
    )
    watch = Watch(running.pid, None)
    code = running.wait()
    watch.stop()
    if code != 0:
        raise SystemExit(f"violute {' '.join(command)} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": time.perf_counter() - started,
        "core_seconds": core_seconds,
        "bytes": watch.peak_bytes,
    }


def files(folder: Path) -> list[dict[str, float]]:
    """Convert more and more files of one length."""
    rows = []
    for n in FILES:
        cut_clips(folder / f"{n}", n, CLIP_SECONDS)
        rows.append({"files": n} | cost(folder, "convert", f"{n}", f"out{n}", "--jobs", "1"))
    return rows


def length(folder: Path) -> list[dict[str, float]]:
    """Convert longer and longer files."""
    rows = []
    for minutes in LENGTHS_MINUTES:
        cut_clips(folder / f"{minutes}", 1, 60.0 * minutes)
        rows.append(
            {"minutes": minutes} | cost(folder, "convert", f"{minutes}/clip00.flac", f"{minutes}.flac")
        )
    return rows


def stages(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Do what comes before the first step, with two corpora."""
    found: dict[str, list[dict[str, float]]] = {}
    for minutes in CORPORA_MINUTES:
        for instrument, path in PIECES.items():
            cut_instrument(folder / f"{minutes}" / instrument, path, minutes // 2)
        ends = [f"{minutes}/{instrument}" for instrument in ("flute", "violin")]
        out, pictures = f"out{minutes}", f"pictures{minutes}"
        for name, command, made in (
            ("convert", ("convert", *ends, out), out),
            ("data folder", ("data", "folder", f"{minutes}"), None),
            ("prepare", ("prepare", *ends, "--out", pictures), pictures),
        ):
            row = {"minutes": minutes} | cost(folder, *command, *ALONE)
            found.setdefault(name, []).append(row | ({"left": size(folder / made)} if made else {}))
        for family, recipe in TRAININGS.items():
            cache = f"cache-{family}-{minutes}"
            row = {"minutes": minutes} | cost(folder, *training(family, recipe, ends, cache, "a"), *ALONE)
            found.setdefault(f"{family} {recipe}", []).append(row | {"left": size(folder / cache)})
    return found


def training(family: str, recipe: str, ends: list[str], cache: str, out: str) -> list[str]:
    """Return the command of a training of one step."""
    told = ["--a", ends[0], "--b", ends[1], "--recipe", recipe, "--cache", cache]
    return ["train", family, *told, "--steps", "1", "--out", f"{cache}-{out}.onnx"]


def starts(folder: Path) -> list[dict[str, Any]]:
    """Start trainings on longer and longer corpora of links, measured before."""
    for name, path in PIECES.items():
        cut_instrument(folder / name, path, 1, 60 * LINKED_MINUTES)
    for hours in LINKED_HOURS:
        for name in PIECES:
            linked = folder / f"{hours:g}" / name
            linked.mkdir(parents=True)
            for i in range(round(hours * 60 / LINKED_MINUTES / 2)):
                (linked / f"{i}.flac").symlink_to(folder / name / "0.flac")
    rows = []
    for recipe in STARTED:
        cost(folder, *training("ddsp", recipe, list(PIECES), "cache", f"{recipe}-before"))
        for hours in LINKED_HOURS:
            ends = [f"{hours:g}/{name}" for name in PIECES]
            row = cost(folder, *training("ddsp", recipe, ends, "cache", f"{recipe}-{hours:g}"))
            n_links = len(list((folder / f"{hours:g}").rglob("*.flac")))
            rows.append({"recipe": recipe, "hours": hours, "recordings": n_links} | row)
    return rows


def cut_instrument(folder: Path, path: Path, n_files: int, seconds: float = 60.0) -> None:
    """Cut files out of one example played over and over, each from another place, at another level."""
    folder.mkdir(parents=True)
    audio, rate = soundfile.read(path, dtype="float32")
    for i in range(n_files):
        places = np.arange(round(seconds * rate)) + i * 7919 * rate // 1000
        soundfile.write(folder / f"{i}.flac", audio[places % len(audio)] * (1.0 - i / (2 * n_files)), rate)


def size(folder: Path) -> int:
    """Return the bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def page(kept: dict[str, Any]) -> str:
    """Write both tables."""
    short, long = CORPORA_MINUTES
    text = HEADER.format(n_cores=len(os.sched_getaffinity(0)), short=short, long=long)
    for name, (first, second) in kept["stages"].items():
        per_hour = 60.0 / (second["minutes"] - first["minutes"])
        seconds = (second["core_seconds"] - first["core_seconds"]) * per_hour
        left = second["left"] * 60.0 / second["minutes"] / 1e6 if "left" in second else None
        text += f"| {name} | {seconds:.0f} | {second['bytes'] / 1e6:.0f} MB | "
        text += ("" if left is None else f"{left:.0f} MB") + " |\n"
    text += STARTS.format(minutes=LINKED_MINUTES)
    for row in kept["starts"]:
        text += f"| {row['recipe']} | {row['hours']:g} | {row['recordings']} | {row['core_seconds']:.1f} | "
        text += f"{row['seconds']:.1f} | {row['bytes'] / 1e6:.0f} MB |\n"
    return text


def draw(kept: dict[str, Any]) -> None:
    """Draw how conversion grows with files, length and cores, and the start of a training with its corpus."""
    figure = Figure(figsize=(14.0, 3.4), layout="constrained")
    by_files, by_length, by_cores, by_hours = figure.subplots(1, 4)
    again = [row for row in kept["starts"] if row["recipe"] == STARTED[-1]]
    for axes, rows, x, title in (
        (by_files, kept["files"], "files", f"files of {CLIP_SECONDS:g} s, converted"),
        (by_length, kept["length"], "minutes", "minutes of one file, converted"),
        (by_hours, again, "hours", f"hours of a corpus, {STARTED[-1]} started again"),
    ):
        places, memory = [row[x] for row in rows], axes.twinx()
        axes.plot(places, [row["core_seconds"] for row in rows], "o-", color="tab:blue")
        memory.plot(places, [row["bytes"] / 1e6 for row in rows], "s--", color="tab:orange")
        axes.set(xlabel=title, ylabel="core-seconds", xlim=(0, None))
        memory.set(ylabel="MB resident (dashed)")
        for one in (axes, memory):
            one.set_ylim(0, 1.15 * one.get_ylim()[1])
    folder = json.loads(FOLDER.read_text())
    by_cores.bar(range(len(folder)), [row["times_as_fast"] for row in folder], color="tab:blue")
    by_cores.set_xticks(range(len(folder)), [row["who"].replace(", ", "\n") for row in folder], fontsize=7)
    by_cores.set(ylabel="times as fast, a folder of files", ylim=(0, 2))
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    raise SystemExit(main())
