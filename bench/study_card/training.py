"""What a run folder says of how a model was trained."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study_results import metrics

from violute.errors import InputError
from violute.evaluation.bench.environment import without_folders
from violute.training.plots import VALIDATION
from violute.training.run_folder import RunFolder

HEALTH = "health/"
"""What the names of validation figures begin with that are no losses."""


@dataclass(frozen=True)
class Trained:
    """How a model was trained.

    Attributes:
        family: Of the model.
        recipe: Its name.
        changes: What was set otherwise than in the recipe.
        names: Of both instruments.
        n_recordings: Of each.
        n_steps: Taken.
        minutes: Spent on them.
        best_step: With the least validation loss, where the run looked for it.
        device: Name of the GPU, or of what else.
        command: That trained it, from its beginning.
        rows: Of the metrics.
    """

    family: str
    recipe: str
    changes: Mapping[str, str]
    names: Sequence[str]
    n_recordings: Sequence[int]
    n_steps: int
    minutes: float
    best_step: int | None
    device: str
    command: str
    rows: Sequence[Mapping[str, float]]

    @property
    def last_validation(self) -> dict[str, float]:
        """Losses of the validation that was kept, or else of the last one."""
        validated = [row for row in self.rows if any(key.startswith(VALIDATION) for key in row)]
        kept = [row for row in validated if row["step"] == self.best_step] or validated[-1:]
        return {
            name: value
            for row in kept[:1]
            for key, value in row.items()
            if key.startswith(VALIDATION) and not (name := key.removeprefix(VALIDATION)).startswith(HEALTH)
        }


def read_trained(run: Path) -> Trained:
    """Read a run folder.

    Raises:
        InputError: It holds no training run.
    """
    folder = RunFolder(run)
    try:
        config: dict[str, Any] = json.loads(folder.config_path.read_text(encoding="utf-8"))
        starts = (run / "starts.jsonl").read_text(encoding="utf-8").splitlines()
        rows = metrics(run)
        start, last = json.loads(starts[-1]), rows[-1]
    except (OSError, ValueError, IndexError):
        raise InputError(f"{run}: holds no training run: name a run folder") from None
    best_by = config["settings"]["loop"]["best_by"]
    judged = [row for row in rows if VALIDATION + str(best_by) in row]
    best = min(judged, key=lambda row: row[VALIDATION + best_by], default=None)
    return Trained(
        family=config["family"],
        recipe=config["recipe"],
        changes=config.get("set") or {},
        names=config["names"],
        n_recordings=[len(recordings) for recordings in config["recordings"]],
        n_steps=int(last["step"]),
        minutes=last["seconds"] / 60.0,
        best_step=None if best is None else int(best["step"]),
        device=start["versions"].get("gpu", "CPU"),
        command=shlex.join(
            ["violute", *(without_folders(w) for w in start["command"][1:] if w != "--resume")]
        ),
        rows=rows,
    )
