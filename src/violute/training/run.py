"""From a task to the file of its best weights, in a run folder: the frame of every training run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from violute.errors import TrainingError
from violute.training.loop import train
from violute.training.processes import choose_device, is_first_process, joined_processes, writer_first
from violute.training.progress import TrainingResult
from violute.training.provenance import command_text
from violute.training.request import TrainingRequest
from violute.training.run_folder import RunFolder
from violute.training.settings import LoopSettings
from violute.training.task import Task
from violute.whole_file import disk_errors, partial_path, whole_file
from violute.worklist.engine import HERE, Engine


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What a run lends to whoever sets its task up.

    Attributes:
        cache: Folder for what is measured once and read many times.
        device: To train on.
        card: Entries of the exported file's card that add to or replace what training knows.
        engine: Who measures.
        on_prepare: Called with the share measured; None in processes that only read the cache.
        on_warning: Called with a line where something is not as it should be, likewise.
    """

    cache: Path
    device: torch.device
    card: Mapping[str, Any] = field(default_factory=dict)
    engine: Engine = HERE
    on_prepare: Callable[[float], None] | None = None
    on_warning: Callable[[str], None] | None = None

    def warn(self, message: str) -> None:
        """Say a line to whoever started the run."""
        if self.on_warning is not None:
            self.on_warning(message)


def run_training(
    request: TrainingRequest,
    loop: LoopSettings,
    config: Mapping[str, object],
    build: Callable[[RunContext], Task],
) -> TrainingResult:
    """Build a task, train it and export the best weights.

    Args:
        request: What was asked for; what to learn from is for `build` to open.
        loop: How long, how often and how carefully.
        config: What else the run folder records, and compares on resume.
        build: Makes the task, and measures and caches features; the writing process goes first.

    Raises:
        TrainingError: The device cannot be used, `out` cannot be written or is there and nothing is
            resumed, or training diverged.
    """
    check_destination(request.out, overwrite=request.resume)
    folder = RunFolder(request.run_path)
    if is_first_process():  # before hours of measuring
        folder.refuse_run(resume=request.resume)
    everything = {**config, "loop": loop, "out": str(request.out.resolve())}
    everything["cache"] = str(request.cache_path.resolve())
    warnings: list[str] = []

    def warn(message: str) -> None:
        warnings.append(message)
        if request.on_warning is not None and is_first_process():
            request.on_warning(message)

    if request.resume and not folder.last_checkpoint.exists():
        warn(f"{folder.path}: holds no checkpoint to go on from: the run begins anew")
    elif folder.config_path.exists() and not folder.last_checkpoint.exists():
        warn(f"{folder.path}: the run in it was stopped before its first checkpoint: it begins anew")
    with joined_processes() as processes:
        device = choose_device(request.device)
        began = folder.command() if request.resume and folder.last_checkpoint.exists() else []
        card = {"name": request.out.stem, "command": command_text(began or sys.argv), **request.card}
        with writer_first():
            context = RunContext(cache=request.cache_path, device=device, card=card, engine=request.engine)
            if processes.is_writer:
                context = replace(context, on_prepare=request.on_prepare, on_warning=warn)
            task = build(context)
        result = train(
            task,
            folder.path,
            loop,
            config=everything,
            resume=request.resume,
            on_progress=request.on_progress,
            on_warning=request.on_warning,
            warnings=warnings,
        )
        if processes.is_writer:
            taken = f"the run is kept, so write its voice with `violute export {folder.path} OTHER.onnx`"
            with exported_file(request.out, overwrite=request.resume, taken=taken) as partial:
                task.export(partial)
    return result


@contextmanager
def exported_file(
    out: Path, *, overwrite: bool = True, taken: str = "name another file or add --force"
) -> Iterator[Path]:
    """Give a name to write a voice under, which becomes `out` at the end of the block.

    Args:
        out: Of the voice.
        overwrite: Whether it replaces a file of that name, also one that has come meanwhile.
        taken: What to do where it does not, and there is one.

    Raises:
        TrainingError: The disk refuses, or the name is taken.
    """
    refused = disk_errors(out, "name another place", taken=taken, error=TrainingError)
    with refused, whole_file(out, overwrite=overwrite) as partial:
        yield partial


def recorded_seed(request: TrainingRequest) -> int | None:
    """Return the seed of the run that is to be resumed; None if there is none."""
    folder = RunFolder(request.run_path)
    if not request.resume or not folder.last_checkpoint.exists() or not folder.config_path.exists():
        return None
    seed: int | None = folder.config().get("loop", {}).get("seed")
    return seed


def check_destination(out: Path, *, overwrite: bool = True) -> None:
    """Fail before the hours of training rather than after them; only the writing process tries.

    Raises:
        TrainingError: A file of that name cannot be written, or is there and not to be replaced.
    """
    if out.is_dir():
        raise TrainingError(f"{out}: is a folder: name the voice file to write, such as {out / 'voice.onnx'}")
    if not is_first_process():
        return
    if out.exists() and not overwrite:
        raise TrainingError(f"{out} exists: name another file")
    with disk_errors(out, "name another place", error=TrainingError):
        out.parent.mkdir(parents=True, exist_ok=True)
        trial = partial_path(out)
        trial.touch()
        trial.unlink()
