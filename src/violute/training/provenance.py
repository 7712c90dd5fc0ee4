"""What tells of a run without torch: what its voice's card says of its making, and how far it was saved."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

N_NAMED_SOURCES = 12
"""Sources that a line of the card names, longest first; the rest are counted."""

LAST_CHECKPOINT = Path("checkpoints", "last.safetensors")
"""In a run folder."""

TREE = "tree"
"""Entry of a checkpoint's header: the plain values of its tree."""


def training_data(names: Sequence[str], seconds: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Say what each end learned from, by the seconds heard of each source.

    For instance `flute: notes.ogg (837 s), scales.flac (120 s), 3 more (41 s)`.
    """
    said = []
    for name, heard in zip(names, seconds, strict=True):
        longest_first = sorted(heard, key=lambda source: (-heard[source], source))
        parts = [f"{source} ({heard[source]:.0f} s)" for source in longest_first[:N_NAMED_SOURCES]]
        rest = longest_first[N_NAMED_SOURCES:]
        if rest:
            parts.append(f"{len(rest)} more ({sum(heard[source] for source in rest):.0f} s)")
        said.append(f"{name}: {', '.join(parts)}")
    return tuple(said)


def command_text(command: Sequence[str]) -> str:
    """Write a command line (`sys.argv`) as it was typed, without where Python and its scripts lie."""
    if not command:
        return ""
    program = Path(command[0])
    words = [program.name]
    if program.name == "__main__.py":
        words = ["python", "-m", program.parent.name]
    elif program.name in ("", "-c"):
        words = ["python", "-c", "..."]
    elif program.suffix == ".py":
        words = ["python", program.name]
    return shlex.join([*words, *command[1:]])


def checkpoint_step(path: Path) -> int | None:
    """Return the step of a checkpoint by its header alone; None where there is none, or it is damaged."""
    try:
        with safe_open(path, framework="np") as file:
            return int(json.loads((file.metadata() or {})[TREE])["step"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
