"""What the command line says: results on standard output, complaints on standard error."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from violute.errors import InputError


def say(line: str) -> None:
    """Write a line of results."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def say_json(document: Any) -> None:
    """Write the one JSON document of a run."""
    say(json.dumps(document, ensure_ascii=False, indent=2))


def complain(message: str) -> None:
    """Write one line on standard error; line breaks inside the message become spaces."""
    sys.stderr.write(f"violute: {' '.join(message.split())}\n")
    sys.stderr.flush()


def say_done(line: str, document: Any, *, json: bool, quiet: bool) -> None:
    """Write how a run ended: its JSON document where that was asked for, else a line unless it is quiet."""
    if json:
        say_json(document)
    elif not quiet:
        say(line)


def refuse_existing(out: Path, *, replace: bool, remedy: str = "name another file") -> None:
    """Keep a file that is there, unless it may be replaced.

    Raises:
        InputError: It is there, and it may not.
    """
    if out.exists() and not replace:
        raise InputError(f"{out} exists: {remedy}, or add --force")
