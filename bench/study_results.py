"""What comes of training: metrics as a table, and everything as parts of one archive, small enough to send.

    cat FOLDER/results.tar.* | tar x

First curves, tables, settings and logs of every model; then the voices; then best weights in half
precision, from which `violute export` makes a voice anew; then last checkpoints, to go on from. What
finds no room is left out: of voices, weights and checkpoints smaller ones go first, so that one large
model costs no other its own.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from violute.errors import TrainingError
from violute.training.checkpoints import read_checkpoint, write_checkpoint

PART_BYTES = 15 << 20
SMALL = ("log.txt", "metrics.csv", "run/*.json", "run/*.jsonl", "run/*.png")
BEST = "run/checkpoints/best.safetensors"
LAST = "run/checkpoints/last.safetensors"
BLOCK_BYTES = 512
SPARE_BYTES = 1 << 16


def metrics(run: Path) -> list[dict[str, float]]:
    """Return the rows of a run's metrics; none where it has not begun."""
    path, rows = run / "metrics.jsonl", []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):  # the last row may be half written
            rows.append(json.loads(line))
    return rows


def spent_seconds(run: Path) -> float:
    """Return how long a run has trained before."""
    rows = metrics(run)
    return rows[-1].get("seconds", 0.0) if rows else 0.0


def write_table(run: Path) -> None:
    """Write a run's metrics as a table beside its folder."""
    rows = metrics(run)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if rows:
        with (run.parent / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)


def pack(results: Path, names: Sequence[str], out: Path, *, n_parts: int) -> list[Path]:
    """Write `results.tar.0` and so on, and return their paths.

    Args:
        results: Folder with a folder for each model.
        names: Of the models.
        out: Folder for the parts.
        n_parts: At most, of 15 MiB each.
    """
    stream = io.BytesIO()
    room = n_parts * PART_BYTES - SPARE_BYTES
    out.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=stream, mode="w") as archive:

        def add(path: Path, name: str) -> None:
            if stream.tell() + path.stat().st_size + 3 * BLOCK_BYTES < room:
                archive.add(path, name)

        for name in names:
            for pattern in SMALL:
                for path in sorted((results / name).glob(pattern)):
                    add(path, str(path.relative_to(results)))
        voices = [path for name in names for path in (results / name).glob("*.onnx")]
        for path in sorted(voices, key=lambda one: one.stat().st_size):
            add(path, str(path.relative_to(results)))
        halves = []
        for name in names:
            half = results / name / "half.safetensors"
            if write_half(results / name, half):
                halves.append((half, f"{name}/{BEST}"))
        for path, inside in sorted(halves, key=lambda one: one[0].stat().st_size):
            add(path, inside)
            path.unlink()
        lasts = [results / name / LAST for name in names if (results / name / LAST).exists()]
        for path in sorted(lasts, key=lambda one: one.stat().st_size):
            add(path, str(path.relative_to(results)))
    whole = stream.getvalue()
    parts = []
    for i, start in enumerate(range(0, len(whole), PART_BYTES)):
        parts.append(out / f"results.tar.{i}")
        parts[-1].write_bytes(whole[start : start + PART_BYTES])
    return parts


def write_half(folder: Path, out: Path) -> bool:
    """Write a model's best weights, or its last ones, in half precision; return whether there are any."""
    try:
        best = folder / BEST
        state = read_checkpoint(best if best.exists() else folder / LAST)
        averaged: Mapping[str, torch.Tensor] = state.get("averaged") or {}
        modules = {
            module: {key: _half(averaged.get(f"{module}.{key}", value)) for key, value in tensors.items()}
            for module, tensors in state["modules"].items()
        }
        write_checkpoint(out, {"step": state["step"], "validation": state["validation"], "modules": modules})
    except (TrainingError, KeyError):
        return False
    return True


def _half(value: torch.Tensor) -> torch.Tensor:
    """Return a tensor in half precision, where its numbers fit."""
    fits = value.is_floating_point() and bool((value.abs() <= torch.finfo(torch.float16).max).all())
    return value.half() if fits else value
