"""Recipes by name: a training run as a function that returns its whole configuration.

To try something else, call a recipe and `dataclasses.replace` what you want otherwise, or write your own
function. A recipe may also be a file: which recipe to begin with, and what is otherwise, as TOML.

```toml
recipe = "quick"        # one of the family's; without this line, its default
learning_rate = 5e-4
minutes = 30            # of the loop, as with --minutes

[loss_weights]
"spectral/multi_resolution" = 1.0
```
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from violute.errors import TrainingError
from violute.families.table import imported, trained_family
from violute.training.settings import LoopSettings

R = TypeVar("R")

RECIPE_FILE_ENDING = ".toml"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about training a family that is not data: what all families have alike.

    Attributes:
        loop: How long, how often and how carefully.
        learning_rate: Base rate of Adam.
        batch_size: Examples a step, half of them of each end; for each process.
        loss_weights: By path-like name of the loss; each loss has one.
    """

    loop: LoopSettings
    learning_rate: float
    batch_size: int
    loss_weights: Mapping[str, float]


def tiny_loop(**changes: Any) -> LoopSettings:
    """Return what runs through everything in seconds and learns next to nothing, for tests."""
    loop = LoopSettings(n_steps=4, report_every=2, validate_every=2, checkpoint_every=2, warmup_steps=0)
    return replace(loop, **changes)


def recipe_of(recipes: Mapping[str, Callable[[], R]], family: str, name: str) -> R:
    """Return the recipe of that name."""
    if name not in recipes:
        raise TrainingError(f"there is no recipe {name!r} for {family}: name one of {', '.join(recipes)}")
    return recipes[name]()


def family_recipe(family: str, name: str, changes: Mapping[str, str] | None = None) -> Any:
    """Return a family's recipe of that name, a frozen dataclass with a `loop`; see `with_changes`."""
    recipe = recipe_of(imported(trained_family(family).recipes), family, name)
    return with_changes(recipe, changes or {})


def with_changes(recipe: R, changes: Mapping[str, str]) -> R:
    """Return a recipe with fields set otherwise.

    Args:
        recipe: A frozen dataclass.
        changes: New values as text (`1e-3`, `true`, `none`, `1,2,4`) by name: of a field of the recipe, of
            a field of its `loop`, or of a part of a field that has parts (`network.channels`,
            `loss_weights.latent/divergence`).

    Raises:
        TrainingError: There is no such field, or a value does not fit.
    """
    for name, text in changes.items():
        path = name.split(".")
        loop = {} if path[0] in _fields(recipe) else _fields(getattr(recipe, "loop", None))
        recipe = _changed(recipe, ["loop", *path] if path[0] in loop else path, name, text)
    return recipe


def read_recipe_file(path: Path) -> tuple[str | None, dict[str, str]]:
    """Return the recipe that a file begins with, if it names one, and what it sets, as text by name.

    Raises:
        TrainingError: The file cannot be read, or is not TOML.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except ValueError as error:
        raise TrainingError(f"{path}: is no TOML ({error}): mend it") from None
    base = entries.pop("recipe", None)
    if not (base is None or isinstance(base, str)):
        raise TrainingError(f"{path}: recipe is {base!r}: name one of the family's recipes")
    return base, dict(_flat(entries))


def _changed(holder: Any, path: Sequence[str], name: str, text: str) -> Any:
    """Return a dataclass or a mapping with one of its parts, or of a part's parts, set otherwise."""
    key, *rest = path
    hints = _fields(holder)
    if key not in hints:
        known = [one for one in [*hints, *_fields(getattr(holder, "loop", None))] if one != "loop"]
        raise TrainingError(f"there is no {name!r} to set: name one of {', '.join(known)}")
    before = holder[key] if isinstance(holder, Mapping) else getattr(holder, key)
    parts = _fields(before)
    if parts and not rest:
        raise TrainingError(f"{name} has parts: name one of them, such as {name}.{next(iter(parts))}")
    if rest and not parts:
        raise TrainingError(f"{name}: {key} has no parts: name it alone")
    if rest:
        after = _changed(before, rest, name, text)
    else:
        try:
            after = _typed(text, hints[key])
        except (TypeError, ValueError, LookupError):
            raise TrainingError(f"{name} is {text!r}: give a value such as {before!r}") from None
    return {**holder, key: after} if isinstance(holder, Mapping) else replace(holder, **{key: after})


def _fields(holder: Any) -> dict[str, Any]:
    """Return the type of each part of a dataclass or of a mapping of numbers; nothing for anything else."""
    if isinstance(holder, Mapping):
        return dict.fromkeys(holder, float)
    return get_type_hints(type(holder)) if is_dataclass(holder) else {}


def _typed(text: str, hint: Any) -> Any:
    """Read a text as the type of a field."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        if text.lower() in ("none", "null"):
            return None
        return _typed(text, next(one for one in arguments if one is not type(None)))
    if kind is Literal:
        return {str(one): one for one in arguments}[text]
    if kind is tuple:
        items = json.loads(text if text.startswith("[") else f"[{text}]")
        hints = arguments[:1] * len(items) if arguments[-1] is ... else arguments
        return tuple(_typed(json.dumps(item), one) for item, one in zip(items, hints, strict=True))
    if hint is bool:
        return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]
    return hint(text)


def _flat(entries: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return entries with the names of their tables before theirs, and values as text."""
    found = []
    for key, value in entries.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value if isinstance(value, str) else json.dumps(value, default=str)))
    return found
