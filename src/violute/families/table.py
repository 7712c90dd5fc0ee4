"""The families that can be trained: where each keeps its recipes and what builds its task.

A family joins with one line; its modules are imported only when it is asked for, so that a wrong
name or folder fails before the costly imports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from violute.errors import TrainingError
from violute.training.task import Task

if TYPE_CHECKING:
    from violute.training.run import TwoEnds

TRAINED_FAMILIES = {
    "ddsp": ("violute.families.ddsp.recipes:ddsp_recipe", "violute.families.ddsp.task:build_ddsp_task"),
    "vae": ("violute.families.vae.recipes:vae_recipe", "violute.families.vae.task:build_vae_task"),
    "mevae": ("violute.families.vae.recipes:mevae_recipe", "violute.families.mevae.task:build_mevae_task"),
    "nsynth": (
        "violute.families.nsynth.recipes:nsynth_recipe",
        "violute.families.nsynth.task:build_nsynth_task",
    ),
    "paired": (
        "violute.families.paired.recipes:paired_recipe",
        "violute.families.paired.task:build_paired_task",
    ),
    "cyclegan": (
        "violute.families.cyclegan.recipes:cyclegan_recipe",
        "violute.families.cyclegan.task:build_cyclegan_task",
    ),
    "rave": ("violute.families.rave.recipes:rave_recipe", "violute.families.rave.task:build_rave_task"),
}
"""Family to `module:function` of a recipe by its name, and of the task of two ends by a recipe."""


@dataclass(frozen=True)
class TrainedFamily:
    """How a family is trained.

    Attributes:
        name: As in `violute train NAME`.
        recipe: Returns the recipe of a name, a frozen dataclass with a `loop`.
        build: Makes the task of two ends by a recipe.
    """

    name: str
    recipe: Callable[[str], Any]
    build: Callable[[TwoEnds, Any], Task]


def trained_family(name: str) -> TrainedFamily:
    """Return a family by name.

    Raises:
        TrainingError: There is none of that name.
    """
    if name not in TRAINED_FAMILIES:
        raise TrainingError(
            f"there is no family {name!r} to train: name one of {', '.join(TRAINED_FAMILIES)}"
        )
    recipe_path, task_path = TRAINED_FAMILIES[name]

    def build(ends: TwoEnds, recipe: Any) -> Task:
        task: Task = _imported(task_path)(ends, recipe)
        return task

    return TrainedFamily(name, _imported(recipe_path), build)


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
