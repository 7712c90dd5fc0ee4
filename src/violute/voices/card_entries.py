"""The entries of a voice's card that a person writes, as a JSON file for `--card`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from violute.errors import VoiceError

TEXTS = ("name", "description", "licence", "command")
WRITTEN = (*TEXTS, "training_data", "figures")
"""All but what the renderer relies on: a family, ranges and settings come from training alone."""

_ALL = f"{', '.join(WRITTEN[:-1])} and {WRITTEN[-1]}"


def read_card_entries(path: str | Path | None) -> dict[str, Any]:
    """Read entries that add to or replace those that training knows.

    Of the file's one JSON object, `name`, `description`, `licence` and `command` are text, `training_data`
    is a list of text, `figures` an object; no file, no entries.

    Raises:
        VoiceError: The file is missing or malformed, or holds an entry that is unknown or of another
            kind.
    """
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "it is no text").lower()
        raise VoiceError(f"{path}: cannot be read ({reason}): give a card as a JSON file") from None
    try:
        entries = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise VoiceError(
            f"{path}, line {error.lineno}: malformed JSON ({error.msg}): mend it there"
        ) from None
    except ValueError as error:
        raise VoiceError(f"{path}: malformed JSON ({error}): mend it there") from None
    if not isinstance(entries, dict):
        raise VoiceError(f"{path}: holds no JSON object: give entries in braces, out of {_ALL}")
    for key, value in entries.items():
        if key not in WRITTEN:
            raise VoiceError(f"{path}: unknown entry {key!r}: give entries out of {_ALL}")
        wanted = _wanted_kind(key, value)
        if wanted is not None:
            raise VoiceError(f"{path}: {key} is {json.dumps(value, ensure_ascii=False)[:60]}: give {wanted}")
    if "training_data" in entries:
        entries["training_data"] = tuple(entries["training_data"])
    return dict(entries)


def _wanted_kind(key: str, value: object) -> str | None:
    """Name the kind that an entry should have; None where it has it."""
    if key in TEXTS:
        if not isinstance(value, str):
            return "text"
        return "a name" if key == "name" and not value.strip() else None
    if key == "figures":
        return None if isinstance(value, Mapping) else "an object of figures by name"
    is_list = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return None if is_list else "a list of text, a line for each"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
