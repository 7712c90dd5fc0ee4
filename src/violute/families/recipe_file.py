"""A recipe as a file: which recipe to begin with, and what is otherwise, as TOML.

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from violute.errors import TrainingError

RECIPE_FILE_ENDING = ".toml"
_BASE = "recipe"


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
    base = entries.pop(_BASE, None)
    if not (base is None or isinstance(base, str)):
        raise TrainingError(f"{path}: recipe is {base!r}: name one of the family's recipes")
    return base, dict(_flat(entries))


def _flat(entries: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return entries with the names of their tables before theirs, and values as text."""
    found = []
    for key, value in entries.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value if isinstance(value, str) else json.dumps(value, default=str)))
    return found
