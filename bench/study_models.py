"""Train every model that ships, side by side, on one machine.

    python bench/study_models.py --data ../shared/data --out runs --minutes 60

trains all of `MODELS` until an hour after its start, each by the commands that `--list` prints, in a process
and a folder of its own, and leaves there the voice, the metrics as a table and as curves, the run folder and
the log. What there is to measure in the recordings is measured once, by all of them together. One that fails
stops no other. `--resume` goes on where a run was stopped, `--only rave nsynth` trains some, and `--pack
FOLDER` puts what came of it into parts of one archive; see `study_results`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study_results import metrics, pack, spent_seconds, write_table

from violute.worklist.cores import available_cores

BENCH = Path(os.path.relpath(Path(__file__).parent))
NAMES = ("flute", "violin")
STARTING_SECONDS = 15.0
"""From a command to its first step, from which `violute train` counts its minutes."""

STATUS_SECONDS = 20.0
PATIENCE_SECONDS = 5.0
"""For a process that was asked to stop."""

LARGEST_VOICE_BYTES = 16_000_000


@dataclass(frozen=True)
class Model:
    """A model to study.

    Attributes:
        family: As in `violute train FAMILY`.
        recipe: Of the family.
        settings: What is set otherwise than in the recipe, as with `--set`.
        pairs: Options of `violute pairs` after the list of what is held out; for a family that needs it.
    """

    family: str
    recipe: str
    settings: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[str, ...] = ()


FILLED = {"n_steps": "200000"}
"""More steps than there is time for, so that minutes alone end a run and pace its schedules."""

MODELS: dict[str, Model] = {
    "vae": Model("vae", "medium", FILLED),
    "mevae": Model("mevae", "medium", FILLED),
    "vae-assignment": Model("vae", "assignment"),
    "mevae-assignment": Model("mevae", "assignment"),
    "cyclegan": Model("cyclegan", "medium", FILLED),
    "cyclegan-paper": Model("cyclegan", "paper", FILLED),
    "paired": Model(
        "paired",
        "medium",
        FILLED,
        pairs=("*_05_*", "*_15_*", "*_1_*", "--own-end", "rendering", "--seconds", "60"),
    ),
    "rave": Model("rave", "medium"),
    "nsynth": Model("nsynth", "small", {**FILLED, "batch_size": "32"}),
    "ddsp": Model("ddsp", "adversarial"),
    # To compare with the one of their family above, not to ship.
    "cyclegan-mixed": Model("cyclegan", "medium-mixed", FILLED),
    "rave-stage-one": Model("rave", "medium", {"stage_two_from_step": "none"}),
}
"""By the name of the voice file."""


@dataclass(frozen=True)
class Plan:
    """What was asked for.

    Attributes:
        data: Folder with a folder of recordings for each instrument.
        held_out: List of what is held out of training.
        out: Folder with a folder for each model, and with what they share.
        cache: Folder for what is measured.
        tries_path: Whether the recipes are the tiny ones.
        resume: Whether runs that are there go on.
        deadline: When the last steps are to be taken, on the clock of `time.monotonic`.
        names: Of the models that are trained together.
    """

    data: Path
    held_out: Path
    out: Path
    cache: Path
    tries_path: bool
    resume: bool
    deadline: float
    names: Sequence[str]

    def folder(self, name: str) -> Path:
        """Return the folder of a model."""
        return self.out / name

    def voice(self, name: str) -> Path:
        """Return the voice file of a model."""
        return self.folder(name) / f"{name}.onnx"

    def recipe(self, name: str) -> tuple[str, Mapping[str, str]]:
        """Return the recipe of a model and what is set otherwise."""
        model = MODELS[name]
        return ("tiny", {}) if self.tries_path else (model.recipe, model.settings)

    def command(self, name: str, stage: str) -> list[str]:
        """Return what a stage of a model runs: pairs, measure, train or export."""
        model, run = MODELS[name], str(self.folder(name) / "run")
        pairs, violute = str(self.out / "pairs"), [sys.executable, "-m", "violute"]
        if stage == "pairs":
            place = ["--data", str(self.data), "--out", pairs]
            return [*violute, "pairs", *place, "--hold-out", str(self.held_out), *model.pairs, "--quiet"]
        if stage == "export":
            return [*violute, "export", run, str(self.voice(name)), "--quiet"]
        if stage == "measure":
            given = ["--data", str(self.data), "--hold-out", str(self.held_out)]
            given += ["--out", str(self.out), "--cache", str(self.cache)]
            tried = ["--tiny"] if self.tries_path else []
            measure = ["--measure", name, "--only", *self.names]
            return [sys.executable, str(Path(__file__).resolve()), *given, *tried, *measure]
        recipe, settings = self.recipe(name)
        ends = [item for x, end in zip("ab", NAMES, strict=True) for item in (f"--{x}", str(self.data / end))]
        source = ["--pairs", pairs] if model.pairs else [*ends, "--hold-out", str(self.held_out)]
        left = max(self.deadline - time.monotonic() - STARTING_SECONDS, 3.0)
        minutes = (left + spent_seconds(self.folder(name) / "run")) / 60.0
        card = BENCH / f"{name}_card.json"
        return [
            *(*violute, "train", model.family, *source, "--recipe", recipe),
            *(item for key, value in settings.items() for item in ("--set", f"{key}={value}")),
            *("--out", str(self.voice(name)), "--run", run, "--cache", str(self.cache)),
            *("--minutes", f"{minutes:.2f}", "--quiet"),
            *(["--card", str(card)] if card.exists() else []),
            *(["--resume"] if self.resume else []),
        ]


class Run:
    """A model on its way: one stage after the other, all into one log."""

    def __init__(self, name: str, plan: Plan, environment: Mapping[str, str]) -> None:
        self.name, self.plan, self._environment = name, plan, environment
        self._stages = [*(["pairs"] if MODELS[name].pairs else []), "measure", "train"]
        self.stage = ""
        self._process: subprocess.Popen[bytes] | None = None
        plan.folder(name).mkdir(parents=True, exist_ok=True)

    def goes_on(self) -> bool:
        """Begin the next stage where one has ended well; return whether any is under way."""
        code = 0 if self._process is None else self._process.poll()
        if code is None:
            return True
        if code != 0:
            self.stage = f"{self.stage.split()[0]} failed"
            self._stages = []
        if not self._stages:
            return False
        self.begin(self._stages.pop(0))
        return True

    def begin(self, stage: str) -> None:
        """Start the command of a stage."""
        command = self.plan.command(self.name, stage)
        self.stage = stage
        with (self.plan.folder(self.name) / "log.txt").open("ab") as log:
            log.write(f"\n$ {shlex.join(command)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
                process_group=0,  # so that its own processes can be stopped with it
            )

    def is_under_way(self) -> bool:
        """Return whether its command still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, sign: signal.Signals) -> None:
        """Ask its command to stop, or end it."""
        self._stages = []
        if self._process is not None and self.is_under_way():
            os.killpg(self._process.pid, sign)
            self.stage = f"{self.stage.split()[0]} stopped"

    def row(self) -> dict[str, Any]:
        """Return what its metrics say last."""
        rows = metrics(self.plan.folder(self.name) / "run")
        reports = [row for row in rows if "seconds_per_step" in row]
        totals = [row["validation/total"] for row in rows if "validation/total" in row]
        last = reports[-1] if reports else {}
        voice = self.plan.voice(self.name)
        size = voice.stat().st_size if voice.exists() else 0
        return {
            "model": self.name,
            "stage": self.stage,
            "step": last.get("step", 0),
            "steps a second": round(last["step"] / max(last["seconds"], 1e-3), 2) if last else 0.0,
            "seconds": round(last.get("seconds", 0.0)),
            "total": round(last.get("total", 0.0), 4),
            "validation": [round(total, 4) for total in (*totals[:1], *totals[-1:])],
            "voice, MB": round(size / 1e6, 2),
            "": "the voice is too large" if size > LARGEST_VOICE_BYTES else "",
        }


def main() -> int:
    """Train, tell how it goes, and put the results together."""
    given = _arguments()
    started, names = time.monotonic(), given.only or list(MODELS)
    paths = (given.data, given.hold_out, given.out, given.cache or given.out / "cache")
    plan = Plan(*paths, given.tiny, given.resume, started + 60.0 * given.minutes, names)
    if given.measure:
        measure(given.measure, plan)
        return 0
    if given.list:
        for name in names:
            stages = ("pairs", "train") if MODELS[name].pairs else ("train",)
            print("\n".join(shlex.join(plan.command(name, stage)) for stage in stages))
        return 0
    threads = str(max(available_cores() // len(names), 1))
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}
    runs = [Run(name, plan, environment) for name in names]
    try:
        walk(runs, plan.deadline + given.closing)
        finish(runs, plan.deadline + given.closing)
    except KeyboardInterrupt:
        stop(runs)
    for run in runs:
        write_table(plan.folder(run.name) / "run")
    tell(runs, started)
    if given.pack is not None:
        for part in pack(plan.out, names, given.pack, n_parts=given.parts):
            print(f"{part}: {part.stat().st_size / 1e6:.1f} MB")
    return 0 if all(plan.voice(name).exists() for name in names) else 1


def walk(runs: list[Run], end: float) -> None:
    """Let the models go through their stages, and stop those that are not done at the end."""
    started = told = time.monotonic()
    while sum(run.goes_on() for run in runs):  # each is asked
        now = time.monotonic()
        if now >= end:
            stop(runs)
            return
        if now - told >= STATUS_SECONDS:
            tell(runs, started)
            told = now
        time.sleep(0.5)


def stop(runs: list[Run]) -> None:
    """Ask what is under way to stop, and end what does not."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        for run in runs:
            run.stop(sign)
        end = time.monotonic() + PATIENCE_SECONDS
        while any(run.is_under_way() for run in runs) and time.monotonic() < end:
            time.sleep(0.1)


def finish(runs: list[Run], end: float) -> None:
    """Export what was trained and has no voice yet, from its last checkpoint."""
    left = [run for run in runs if not run.plan.voice(run.name).exists()]
    left = [run for run in left if (run.plan.folder(run.name) / "run" / "checkpoints").is_dir()]
    for run in left:
        run.begin("export")
    walk(left, max(end, time.monotonic() + 60.0))


def tell(runs: list[Run], started: float) -> None:
    """Print where each model stands."""
    rows = [run.row() for run in runs]
    widths = {key: max(len(key), *(len(str(row[key])) for row in rows)) for key in rows[0]}
    print(f"after {time.monotonic() - started:.0f} s")
    for row in [dict(zip(widths, widths, strict=True)), *rows]:
        print("  ".join(str(row[key]).ljust(width) for key, width in widths.items()).rstrip(), flush=True)


def measure(name: str, plan: Plan) -> None:
    """Measure what a model learns from, on its share of the cores, with a cache that it shares too.

    Raises:
        TrainingError, DataError, AudioError: It cannot be measured.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        first = plan.names.index(name) % len(cores)
        os.sched_setaffinity(0, cores[first :: len(plan.names)])
    import torch

    from violute.data.recordings import read_patterns
    from violute.families.ends import TwoEnds, open_ends
    from violute.families.paired.pairs import SOURCES
    from violute.families.recipes import family_recipe
    from violute.families.table import imported, trained_family
    from violute.training.request import TrainingRequest

    model = MODELS[name]
    folder = plan.out / "pairs" / SOURCES if model.pairs else plan.data
    request = TrainingRequest(
        source=[folder / end for end in NAMES],
        out=plan.voice(name),
        names=NAMES,
        hold_out=[] if model.pairs else read_patterns(plan.held_out),
    )
    ends = TwoEnds(**vars(open_ends(request)), cache=plan.cache, device=torch.device("cpu"))
    recipe, settings = plan.recipe(name)
    imported(trained_family(model.family).task)(ends, family_recipe(model.family, recipe, settings))


def _arguments() -> argparse.Namespace:
    as_it_is = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_is)
    parser.add_argument("--data", type=Path, required=True, help="folder with flute/ and violin/")
    parser.add_argument("--hold-out", type=Path, default=BENCH / "held_out.txt", help="list of recordings")
    parser.add_argument("--out", type=Path, default=Path("runs/study"), help="folder for the results")
    parser.add_argument("--cache", type=Path, help="folder for what is measured; default: OUT/cache")
    parser.add_argument("--minutes", type=float, default=60.0, help="from now to the last steps")
    parser.add_argument("--closing", type=float, default=120.0, help="seconds after that for voice files")
    parser.add_argument("--only", nargs="+", choices=MODELS, metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--resume", action="store_true", help="go on with the runs in OUT")
    parser.add_argument("--tiny", action="store_true", help="the recipes tiny, to try the path")
    parser.add_argument("--list", action="store_true", help="print the commands and do nothing")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="put the results into an archive there")
    parser.add_argument("--parts", type=int, default=4, help="of the archive, of 15 MiB each")
    parser.add_argument("--measure", choices=MODELS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
