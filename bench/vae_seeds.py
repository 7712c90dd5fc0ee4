"""Does the multi-encoder VAE train more steadily than the VAE? Five seeds of each, drawn and described.

Each run is equally long: the `small` recipe, the same recordings, the same windows to validate on; only the
seed differs. The loss compared is the reconstruction's, which both models have alike.

    python bench/vae_seeds.py --data ../shared/data --runs runs/vae-seeds

trains them, writes bench/vae_seeds.json and docs/vae_seeds.png and says the answer in a sentence. Runs that
were stopped go on; finished ones are not repeated. With --draw it trains nothing, and draws what is there;
runs that have not ended are dashed and count for nothing. What was heard of them is compared where all were:

    python bench/side_by_side.py --data ../shared/data --voices vae-0=runs/vae-seeds/vae-0/vae-0.onnx ...
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from side_by_side import Heard, qualities

from violute.data.recordings import list_recordings, read_patterns
from violute.evaluation.metrics.intervals import jackknife_interval
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
FEWEST_ENDED = 5
"""Runs of each family below which nothing is said of their spread."""

HEARD = ROOT / "bench" / "side_by_side.json"
"""What voices made of the strangers of development, those of the runs by the names of their folders."""


@dataclass(frozen=True)
class SeedRun:
    """One run.

    Attributes:
        seed: Its own.
        curve: (step, reconstruction loss) of each validation.
        n_steps: That it was to have.
        heard: What its voice made of the strangers of development, if it was heard.
    """

    seed: int
    curve: Sequence[Sequence[float]]
    n_steps: int
    heard: Heard | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its last validation is that of its last step."""
        return bool(self.curve) and self.curve[-1][0] >= self.n_steps

    @property
    def final(self) -> float:
        """Its last loss."""
        return self.curve[-1][1]


Runs = Mapping[str, Sequence[SeedRun]]


def main() -> None:
    """Train, draw, describe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with flute/ and violin/")
    parser.add_argument("--draw", action="store_true", help="train nothing, draw the runs that are there")
    parser.add_argument("--hold-out", type=Path, default=ROOT / "bench" / "strangers_dev.txt")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs" / "vae-seeds", help="folder for runs, can be deleted"
    )
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="folder for what is measured; default: in the runs' own")
    parser.add_argument("--device", default="auto", help="auto takes a GPU if there is one")
    parser.add_argument("--only", choices=TASKS, help="train this family's runs and no more")
    parser.add_argument("--seed", type=int, help="train this seed's runs and no more")
    given = parser.parse_args()
    if not given.draw:
        if given.data is None:
            parser.error("--data is needed to train")
        train_all(given)
        if given.only is not None or given.seed is not None:
            return
    runs = {family: runs_of(family, given.runs, given.steps) for family in TASKS}
    document = figures(runs, given.steps)
    (ROOT / "bench" / "vae_seeds.json").write_text(json.dumps(document, indent=2) + "\n")
    draw(runs, document["answer"], ROOT / "docs" / "vae_seeds.png")
    print(document["answer"])


def train_all(given: argparse.Namespace) -> None:
    """Train each seed of each family, where that is not done."""
    patterns = read_patterns(given.hold_out)
    first, second = (list_recordings(given.data / name, hold_out=patterns) for name in NAMES)
    ends = TwoEnds(
        names=NAMES,
        recordings=(first, second),
        cache=given.cache or given.runs / "features",
        device=choose_device(given.device),
    )
    corpus = build_corpus(ends, family_recipe("vae", "small"))
    for family, build in TASKS.items():
        if given.only not in (None, family):
            continue
        for seed in range(given.seeds) if given.seed is None else [given.seed]:
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
            task = build(corpus, replace(recipe, loop=loop))
            train(task, folder, loop, resume=True)
            task.export(folder / f"{family}-{seed}.onnx")
            print(
                f"{family} seed {seed}: {validation_curve(folder / 'metrics.jsonl')[-1][1]:.5f}", flush=True
            )


def runs_of(family: str, folder: Path, n_steps: int) -> list[SeedRun]:
    """Read the runs of a family that have been validated at least once."""
    found, voices = [], json.loads(HEARD.read_text())["voices"] if HEARD.exists() else {}
    for path in sorted(folder.glob(f"{family}-*/metrics.jsonl")):
        number, curve = re.fullmatch(rf"{family}-(\d+)", path.parent.name), validation_curve(path)
        if number and curve:
            heard = voices.get(path.parent.name, {}).get("heard")
            found.append(SeedRun(int(number[1]), curve, n_steps, heard))
    return found


def validation_curve(path: Path) -> list[list[float]]:
    """Read (step, reconstruction loss) of each validation."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        [row["step"], round(sum(row[name] for name in COMPARED), 6)] for row in rows if COMPARED[0] in row
    ]


def figures(runs: Runs, n_steps: int) -> dict[str, Any]:
    """Gather final losses and their spread, and put the answer into a sentence."""
    families: dict[str, Any] = {}
    for family, of_family in runs.items():
        final = np.array([run.final for run in of_family if run.has_ended])
        families[family] = {
            "final": final.tolist(),
            "mean": round(float(final.mean()), 6) if len(final) else None,
            "standard_deviation": round(float(final.std(ddof=1)), 6) if len(final) > 1 else None,
            "runs": [{"seed": r.seed, "ended": r.has_ended, "curve": list(r.curve)} for r in of_family],
        }
    document = {
        "command": f"python bench/vae_seeds.py --draw --runs runs/vae-seeds --steps {n_steps}",
        "compared": list(COMPARED),
        "steps": n_steps,
        "families": families,
        "answer": answer(families, n_steps),
    }
    ended = {family: [run for run in of_family if run.has_ended] for family, of_family in runs.items()}
    if min(map(len, ended.values())) >= FEWEST_ENDED:
        compared = {"loss": [[run.final for run in ended[family]] for family in TASKS]}
        heard = [[qualities(run.heard) for run in ended[family] if run.heard] for family in TASKS]
        if list(map(len, heard)) == list(map(len, ended.values())):
            for key in heard[0][0]:
                compared[key] = [[float(np.nanmean(one[key])) for one in of] for of in heard]
        document["with_intervals"] = {key: comparison(*values) for key, values in compared.items()}
    return document


def comparison(vae: Sequence[float], mevae: Sequence[float]) -> dict[str, Any]:
    """Compare a figure of the runs of both: its mean and its spread over seeds, with intervals of 95 %."""
    without = [(sum(own) - np.array(own)) / (len(own) - 1) for own in (mevae, vae)]
    mean, sets = (
        float(np.mean(mevae) - np.mean(vae)),
        [without[0] - np.mean(vae), np.mean(mevae) - without[1]],
    )
    apart = jackknife_interval(mean, sets, n=len(vae) + len(mevae))
    spread = [float(np.std(own, ddof=1)) for own in (vae, mevae)]
    ends = [float(np.sqrt(stats.f.ppf(p, len(mevae) - 1, len(vae) - 1))) for p in (0.975, 0.025)]
    document = {
        "vae": list(vae),
        "mevae": list(mevae),
        "standard_deviations": spread,
        "difference": [apart.estimate, apart.low, apart.high],
        "ratio_of_deviations": [spread[1] / spread[0] / end for end in (1.0, *ends)] if spread[0] else None,
    }
    return json.loads(json.dumps(document), parse_float=lambda text: round(float(text), 5))


def answer(families: Mapping[str, Any], n_steps: int) -> str:
    """Say which of the two is the steadier, if enough runs have ended."""
    ended = {family: families[family]["final"] for family in ("vae", "mevae")}
    n_vae, n_mevae = (len(final) for final in ended.values())
    if min(n_vae, n_mevae) < FEWEST_ENDED:
        losses = {family: " ".join(f"{loss:.4f}" for loss in final) for family, final in ended.items()}
        return (
            f"Too few runs have reached {n_steps} steps to compare their spread: {n_vae} of the VAE "
            f"({losses['vae']}) and {n_mevae} of the multi-encoder VAE ({losses['mevae']})."
        )
    spread = {family: families[family]["standard_deviation"] for family in families}
    mean = {family: families[family]["mean"] for family in families}
    ratio = spread["mevae"] / spread["vae"]
    # With equal spreads a ratio of deviations lies between these 19 times in 20.
    low, high = (float(np.sqrt(stats.f.ppf(p, n_mevae - 1, n_vae - 1))) for p in (0.025, 0.975))
    verdict = "more steadily than" if ratio < low else "less steadily than" if ratio > high else "like"
    return (
        f"Over {n_vae} and {n_mevae} seeds of {n_steps} steps the multi-encoder VAE trained {verdict} the "
        f"VAE, as far as so few runs can say: its validation loss is {mean['mevae']:.4f} with a standard "
        f"deviation of {spread['mevae']:.4f}, the VAE's {mean['vae']:.4f} with {spread['vae']:.4f} (ratio "
        f"{ratio:.2f}; below {low:.2f} or above {high:.2f} would be more than chance)."
    )


def draw(runs: Runs, caption: str, path: Path) -> None:
    """Draw every run's validation loss against the step; runs that have not ended are dashed."""
    figure = Figure(figsize=(8.0, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for (family, of_family), colour in zip(runs.items(), ("tab:blue", "tab:orange"), strict=True):
        for i, run in enumerate(of_family):
            label = {"vae": "VAE", "mevae": "multi-encoder VAE"}[family] if i == 0 else None
            style = "-" if run.has_ended else "--"
            axes.plot(
                *np.array(run.curve).T, color=colour, linewidth=1.2, linestyle=style, marker=".", label=label
            )
    axes.set_yscale("log")
    axes.set_xlabel("step (dashed: not ended)")
    axes.set_ylabel("validation loss of the reconstruction")
    axes.set_title(caption, fontsize=8, wrap=True)
    axes.legend()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
