"""Does the multi-encoder VAE train more steadily than the VAE? Five seeds of each, drawn and told.

Each run is short and equal: the `small` recipe, the same recordings, the same windows to validate
on; only the seed differs. The loss compared is the reconstruction's, which both models have alike.

    python bench/vae_seeds.py --data ../shared/data --steps 150

writes bench/vae_seeds.json and docs/vae_seeds.png and says the answer in a sentence. Runs that were
stopped go on; finished ones are not repeated.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from violute.data.recordings import list_recordings, read_patterns
from violute.families.ends import TwoEnds
from violute.families.mevae.task import MevaeTask
from violute.families.pictures.task import SpectrogramTask, build_corpus
from violute.families.recipes import family_recipe
from violute.families.vae.task import VaeTask
from violute.training.loop import train
from violute.training.processes import choose_device

ROOT = Path(__file__).parent.parent
TASKS: dict[str, Callable[..., SpectrogramTask]] = {"vae": VaeTask, "mevae": MevaeTask}
COMPARED = ("validation/spectrogram/fine", "validation/spectrogram/smooth")
N_VALIDATIONS = 10
NAMES = ("flute", "violin")


def main() -> None:
    """Train, draw, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with flute/ and violin/")
    parser.add_argument("--hold-out", type=Path, default=ROOT / "bench" / "held_out.txt")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "vae-seeds", help="folder for runs, can be deleted"
    )
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="folder for what is measured; default: in the runs' own")
    parser.add_argument("--device", default="auto", help="auto takes a GPU if there is one")
    parser.add_argument("--only", choices=TASKS, help="train this family's runs and no more")
    given = parser.parse_args()
    patterns = read_patterns(given.hold_out)
    first, second = (list_recordings(given.data / name, hold_out=patterns) for name in NAMES)
    ends = TwoEnds(
        names=NAMES,
        recordings=(first, second),
        cache=given.cache or given.runs / "features",
        device=choose_device(given.device),
    )
    corpus = build_corpus(ends, family_recipe("vae", "small"))
    seconds = {
        name: round(sum(len(line.picture) for line in corpus.training if line.end == i) / 102.3)
        for i, name in enumerate(NAMES)
    }
    curves: dict[str, list[list[list[float]]]] = {}
    for family, build in TASKS.items():
        if given.only not in (None, family):
            continue
        for seed in range(given.seeds):
            recipe = family_recipe(family, "small")
            loop = replace(
                recipe.loop,
                seed=seed,
                n_steps=given.steps,
                minutes=None,
                warmup_steps=given.steps // 10,
                validate_every=max(given.steps // N_VALIDATIONS, 1),
                checkpoint_every=max(given.steps // 3, 1),
                averaging_decay=0.95,
            )
            folder = given.runs / f"{family}-{seed}"
            train(build(corpus, replace(recipe, loop=loop)), folder, loop, resume=True)
            curves.setdefault(family, []).append(validation_curve(folder / "metrics.jsonl"))
            print(f"{family} seed {seed}: {curves[family][-1][-1][1]:.5f}", flush=True)
    if given.only is not None:
        return
    document = figures(curves, given.steps, seconds)
    (ROOT / "bench" / "vae_seeds.json").write_text(json.dumps(document, indent=2) + "\n")
    draw(curves, document["answer"], ROOT / "docs" / "vae_seeds.png")
    print(document["answer"])


def validation_curve(path: Path) -> list[list[float]]:
    """Read (step, reconstruction loss) of each validation."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        [row["step"], round(sum(row[name] for name in COMPARED), 6)] for row in rows if COMPARED[0] in row
    ]


def figures(
    curves: dict[str, list[list[list[float]]]], n_steps: int, seconds: dict[str, int]
) -> dict[str, Any]:
    """Gather final losses and their spread, and put the answer into a sentence."""
    families = {}
    for family, runs in curves.items():
        final = np.array([curve[-1][1] for curve in runs])
        families[family] = {
            "final": final.tolist(),
            "mean": round(float(final.mean()), 6),
            "standard_deviation": round(float(final.std(ddof=1)), 6),
            "range": round(float(np.ptp(final)), 6),
            "curves": runs,
        }
    spread = {family: families[family]["standard_deviation"] for family in families}
    mean = {family: families[family]["mean"] for family in families}
    ratio = spread["mevae"] / spread["vae"]
    # Equal spreads give a ratio of deviations within this factor 19 times in 20.
    n_free = len(curves["vae"]) - 1
    bound = float(np.sqrt(stats.f.ppf(0.975, n_free, n_free)))
    verdict = (
        "more steadily than"
        if ratio < 1 / bound
        else "less steadily than"
        if ratio > bound
        else "as steadily as"
    )
    answer = (
        f"Over {n_free + 1} seeds of {n_steps} steps the multi-encoder VAE trained {verdict} the VAE, as far "
        f"as so few runs can tell: its validation loss is {mean['mevae']:.4f} with a standard deviation of "
        f"{spread['mevae']:.4f}, the VAE's {mean['vae']:.4f} with {spread['vae']:.4f} (ratio {ratio:.2f}; "
        f"below {1 / bound:.2f} or above {bound:.2f} would be more than chance)."
    )
    return {
        "command": f"python bench/vae_seeds.py --data ../shared/data --steps {n_steps}",
        "compared": list(COMPARED),
        "training_seconds": seconds,
        "families": families,
        "answer": answer,
    }


def draw(curves: dict[str, list[list[list[float]]]], answer: str, path: Path) -> None:
    """Draw every run's validation loss against the step."""
    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for (family, runs), colour in zip(curves.items(), ("tab:blue", "tab:orange"), strict=True):
        for i, curve in enumerate(runs):
            label = {"vae": "VAE", "mevae": "multi-encoder VAE"}[family] if i == 0 else None
            axes.plot(*np.array(curve).T, color=colour, linewidth=1.2, marker=".", label=label)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("validation loss of the reconstruction")
    axes.set_title(answer, fontsize=8, wrap=True)
    axes.legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
