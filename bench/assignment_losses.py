"""Losses of the assignment's own networks over training: VAE and multi-encoder VAE, beside each other.

    python bench/study_models.py --data ../shared/data --out runs/study --only vae-assignment mevae-assignment
    python bench/assignment_losses.py --study runs/study

writes bench/assignment_losses.json and docs/assignment_losses.png: the reconstruction, which both have alike,
on the batches of training and on held-out windows.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from study_results import metrics

ROOT = Path(__file__).parent.parent
MODELS = {"vae-assignment": "VAE", "mevae-assignment": "multi-encoder VAE"}
LOSS = "spectrogram/fine"


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, required=True, help="folder that bench/study_models.py filled")
    study: Path = parser.parse_args().study
    models = {name: losses_of(study / name / "run") for name in MODELS}
    document = {"command": "python bench/assignment_losses.py --study runs/study", "loss": LOSS, **models}
    (ROOT / "bench" / "assignment_losses.json").write_text(json.dumps(document) + "\n")
    draw(models, ROOT / "docs" / "assignment_losses.png")
    for name, model in models.items():
        print(f"{name}: {model['steps']} steps in {model['seconds']} s, {model['validation'][-1][1]:.4f}")


def losses_of(run: Path) -> dict[str, Any]:
    """Return how long a run took and its (step, loss) pairs, in training and in validation."""
    rows = metrics(run)
    found: dict[str, Any] = {"steps": int(rows[-1]["step"]), "seconds": round(rows[-1]["seconds"])}
    for title, key in (("training", LOSS), ("validation", f"validation/{LOSS}")):
        found[title] = [[int(row["step"]), round(row[key], 5)] for row in rows if key in row]
    return found


def draw(models: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the losses of each model against the step."""
    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for (name, model), colour in zip(models.items(), ("tab:blue", "tab:orange"), strict=True):
        title = MODELS[name]
        axes.plot(*np.array(model["training"]).T, color=colour, linewidth=0.6, alpha=0.5)
        axes.plot(*np.array(model["validation"]).T, color=colour, marker=".", label=f"{title}, held out")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("reconstruction loss")
    axes.legend()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
