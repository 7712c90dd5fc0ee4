"""Train with two processes and with one at the same batch: where they end, and how fast; to TORCHRUN.md.

Run on a machine that does nothing else: `python bench/torchrun.py`. Each family learns the shipped examples
with its smallest recipe from five seeds, alone and by torchrun; then it takes a few steps of a recipe in use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import soundfile

from violute.evaluation.metrics.intervals import mean_interval
from violute.examples import example_paths
from violute.families.train import train_family
from violute.training.processes import is_first_process, joined_processes
from violute.training.progress import Progress
from violute.training.request import TrainingRequest
from violute.whole_file import append_row, read_rows, replace_text

PAGE = Path(__file__).with_name("TORCHRUN.md")
KEPT = PAGE.with_suffix(".jsonl")
FAMILIES = {"ddsp": "quick", "vae": "small", "rave": "small"}
"""With the recipe whose pace is measured."""

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
N_PIECES, BATCH, PACE_STEPS = 4, 8, 8
HEADER = """# Training with two processes

`python bench/torchrun.py` on {n_cores} cores: each family learns the shipped examples for {n_steps} steps of
its recipe `tiny`, from {n_seeds} seeds, with a batch of {batch} a step; alone, and as two processes of one
thread each that share the batch over gloo. The loss is the validation's total at the end, ± its spread over
the seeds. The difference is that of the same seed, two processes less one, with its interval of 95 %, which
says how far apart they may be; they draw other windows, so they are never the same.

| family | one process | two | difference | of the mean |
|---|---|---|---|---|
"""
PACE_HEADER = """
Seconds a step of recipes in use, with their own batches and a thread for each process. Batches are drawn in
processes of their own, so one process uses more than a core already:

| family and recipe | one process | two | times as fast |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Job:
    """Something to train.

    Attributes:
        family: What.
        recipe: Of it.
        seed: First weights and order of what is drawn.
        steps: How many.
        batch: Of a step; 0 leaves the recipe's.
    """

    family: str
    recipe: str
    seed: int
    steps: int
    batch: int = 0


def main() -> int:
    """Train, keep what came of it, compare all that is kept, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--part", choices=("ends", "pace", "both"), default="both", help="what to measure anew"
    )
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--do", metavar="JOBS", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.do:
        do([Job(**job) for job in json.loads(given.do)])
        return 0
    kept = {tuple(row["job"]): row for row in read_rows(KEPT)}
    for family in given.families:
        jobs = []
        if given.part != "pace":
            jobs += [Job(family, "tiny", seed, given.steps, BATCH) for seed in range(given.seeds)]
        if given.part != "ends":
            jobs += [Job(family, FAMILIES[family], 0, PACE_STEPS)]
        with tempfile.TemporaryDirectory() as name:
            cut_examples(Path(name))
            one = trained(Path(name), [sys.executable], jobs)
            two = trained(Path(name), TORCHRUN, jobs)
        for job, alone, shared in zip(jobs, one, two, strict=True):
            kept[astuple(job)] = {"job": astuple(job), "one": alone, "two": shared}
        replace_text(KEPT, "".join(json.dumps(kept[job]) + "\n" for job in sorted(kept)))
    text = page([(Job(*row["job"]), row["one"], row["two"]) for row in kept.values()])
    replace_text(PAGE, text)
    print(text)
    return 0


def page(rows: list[tuple[Job, dict[str, float], dict[str, float]]]) -> str:
    """Write both tables."""
    ends, paces = ([row for row in rows if bool(row[0].batch) == is_end] for is_end in (True, False))
    text = HEADER.format(
        n_cores=len(os.sched_getaffinity(0)),
        n_steps=ends[0][0].steps if ends else 0,
        n_seeds=len({job.seed for job, _, _ in ends}),
        batch=BATCH,
    )
    for family in FAMILIES:
        pairs = [(one["loss"], two["loss"]) for job, one, two in ends if job.family == family]
        if len(pairs) < 2:
            continue
        first, second = np.array(pairs).T
        gap = mean_interval(second - first)
        text += (
            f"| {family} | {first.mean():.4f} ± {first.std(ddof=1):.4f} | {second.mean():.4f} ± "
            f"{second.std(ddof=1):.4f} | {gap.estimate:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}] | "
            f"{gap.estimate / first.mean():+.2%} |\n"
        )
    text += PACE_HEADER if paces else ""
    for job, one, two in paces:
        alone, shared = one["seconds_per_step"], two["seconds_per_step"]
        text += f"| {job.family} {job.recipe} | {alone:.3f} | {shared:.3f} | {alone / shared:.2f} |\n"
    return text


def cut_examples(folder: Path) -> None:
    """Cut each example into pieces, a folder for each instrument."""
    for instrument in ("flute", "violin"):
        path = example_paths()[instrument]
        audio, rate = soundfile.read(path, dtype="float32")
        (folder / instrument).mkdir()
        for i, piece in enumerate(np.array_split(audio, N_PIECES)):
            soundfile.write(folder / instrument / f"{i}.wav", piece, rate)


def trained(folder: Path, start: list[str], jobs: list[Job]) -> list[dict[str, float]]:
    """Do the jobs in one process, or in the group that is started; return a row each."""
    (folder / "rows.jsonl").unlink(missing_ok=True)
    told = json.dumps([vars(job) for job in jobs])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([*start, __file__, "--do", told], cwd=folder, env=environment, check=True)
    return read_rows(folder / "rows.jsonl")


def do(jobs: list[Job]) -> None:
    """Train in this process, or with those beside it; the first writes a row a job."""
    with joined_processes():
        for job in jobs:
            with tempfile.TemporaryDirectory() as name:
                row = do_one(job, Path(name))
            if is_first_process():
                append_row(Path("rows.jsonl"), row)


def do_one(job: Job, folder: Path) -> dict[str, float]:
    """Train, and return the loss and the pace at the end."""
    paces: list[float] = []

    def see(progress: Progress) -> None:
        paces.append(progress.seconds_per_step)

    request = TrainingRequest(
        source=("flute", "violin"),
        out=folder / "voice.onnx",
        cache=Path("cache"),
        steps=job.steps,
        seed=job.seed,
        on_progress=see,
    )
    changes = {"batch_size": str(job.batch)} if job.batch else {"loop.report_every": str(job.steps // 2)}
    train_family(job.family, request, recipe=job.recipe, changes=changes)
    if not is_first_process():
        return {}
    rows = [row for row in read_rows(folder / "voice-run" / "metrics.jsonl") if "validation/total" in row]
    return {"loss": rows[-1]["validation/total"] if rows else float("nan"), "seconds_per_step": paces[-1]}


if __name__ == "__main__":
    raise SystemExit(main())
