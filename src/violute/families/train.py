"""A voice of a family, trained by one of its recipes: what `violute train` calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from violute.errors import TrainingError
from violute.families.ends import Ends, TwoEnds, contents, open_ends
from violute.families.recipes import Recipe, family_recipe
from violute.families.table import imported, trained_family
from violute.training.processes import choose_device, is_first_process, share_of_batch
from violute.training.progress import TrainingResult
from violute.training.request import Source, TrainingRequest
from violute.training.run import RunContext, recorded_seed, run_training
from violute.training.run_folder import CONTENTS
from violute.training.task import Task

BATCH_SIZES = ("batch_size", "spectral_batch_size")
"""Fields of recipes that are of a step, whatever number of processes takes it."""

R = TypeVar("R", bound=Recipe)


def train(
    family: str,
    source: Source,
    out: str | Path,
    *,
    recipe: str | None = None,
    changes: Mapping[str, str] | None = None,
    **options: Any,
) -> TrainingResult:
    """Train a voice: `violute train` as a function.

    Args:
        family: Such as `ddsp`; see `violute.families.table`.
        source: Two folders of recordings, for mix 0 and mix 1, or a store that `violute prepare` made.
        out: Voice file to write; the run folder lies beside it, as NAME-run.
        recipe: One of the family's; None is its default.
        changes: Fields of the recipe to set otherwise, as text by name.
        options: Anything else of `violute.training.request.TrainingRequest`, such as `minutes=5`,
            `names=("reed", "string")`, `resume=True` or `on_progress`.

    Raises:
        VioluteError: Something that was given cannot be used, or training diverged.
    """
    request = TrainingRequest(source=source, out=Path(out), **options)
    return train_family(family, request, recipe=recipe, changes=changes)


def train_family(
    family: str,
    request: TrainingRequest,
    *,
    recipe: str | None = None,
    changes: Mapping[str, str] | None = None,
) -> TrainingResult:
    """Train a voice and write its file.

    Args:
        family: Of `violute.families.table`.
        request: What to learn from, where to write, how long.
        recipe: One of the family's; None is its default.
        changes: Fields of the recipe or its loop to set otherwise; see `family_recipe`. The run folder
            records them, and an export makes them again.

    Raises:
        TrainingError: A family, folder, name, recipe or device cannot be used, or training diverged.
    """
    trained = trained_family(family)
    name = trained.default_recipe if recipe is None else recipe
    changes = changes or {}
    chosen = as_requested(family_recipe(family, name, changes), request, changes)
    if isinstance(request.source, str | Path) and trained.learns_from != "pictures":
        raise TrainingError(f"{family} learns from sound, not from pictures: give two folders of recordings")
    if chosen.batch_size < 2:
        raise TrainingError(
            f"batch_size is {chosen.batch_size}: give 2 or more, half of them are of each end"
        )
    ends = open_ends(request)
    if request.on_begin is not None and is_first_process():
        request.on_begin()
    if trained.forecast and request.on_forecast is not None and is_first_process():
        request.on_forecast(imported(trained.forecast)(chosen, choose_device(request.device)))
    config = {"family": family, "recipe": name, "settings": chosen, **_recorded(request, ends)}
    if changes:
        config["set"] = dict(changes)

    def build(context: RunContext) -> Task:
        sizes = {
            name: share_of_batch(name, getattr(chosen, name)) for name in BATCH_SIZES if hasattr(chosen, name)
        }
        share = replace(chosen, **sizes)
        task: Task = imported(trained.task)(TwoEnds(**vars(ends), **vars(context)), share)
        return task

    return run_training(request, chosen.loop, config, build)


def as_requested(recipe: R, request: TrainingRequest, changes: Mapping[str, str]) -> R:
    """Return a recipe with a request's steps, minutes and seed, or else the seed of the run to resume."""
    is_seed_set = not {"seed", "loop.seed"}.isdisjoint(changes)
    seed = None if is_seed_set else recorded_seed(request)
    return replace(recipe, loop=request.limited(recipe.loop, seed=seed))


def _recorded(request: TrainingRequest, ends: Ends) -> dict[str, object]:
    """Return what the run folder says of what was learned from."""
    recorded: dict[str, object] = {
        "names": ends.names,
        "recordings": [[recording.name for recording in end] for end in ends.recordings],
        "folders": [str(Path(folder).resolve()) for folder in request.folders],
        "store": None if ends.store is None else ends.store.document.get("key"),
    }
    if ends.store is None:
        recorded[CONTENTS] = contents(ends.names, ends.recordings)
    return recorded
