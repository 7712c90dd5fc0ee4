"""Recipes by name: a training run as a function that returns its whole configuration.

To try something else, call a recipe and `dataclasses.replace` what you want otherwise, or write your own
function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from violute.errors import TrainingError
from violute.families.table import imported, trained_family

R = TypeVar("R")


def recipe_of(recipes: Mapping[str, Callable[[], R]], family: str, name: str) -> R:
    """Return the recipe of that name.

    Raises:
        TrainingError: There is none.
    """
    if name not in recipes:
        raise TrainingError(f"there is no recipe {name!r} for {family}: name one of {', '.join(recipes)}")
    return recipes[name]()


def family_recipe(family: str, name: str) -> Any:
    """Return a family's recipe of that name, a frozen dataclass with a `loop`.

    Raises:
        TrainingError: There is no such family or recipe.
    """
    return recipe_of(imported(trained_family(family).recipes), family, name)
