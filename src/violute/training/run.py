"""From two folders of recordings, or a prepared store, to a voice file: what `violute train` calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from violute.data.pictures.store import Store, open_store
from violute.data.recordings import Recording, list_recordings
from violute.errors import TrainingError
from violute.families.pictures.prepared import prepared_recordings
from violute.families.recipes import family_recipe
from violute.families.table import imported, trained_family
from violute.training.loop import TrainingResult, train
from violute.training.processes import choose_device, joined_processes, writer_first
from violute.training.progress import OnTrainingProgress
from violute.training.provenance import command_text
from violute.training.run_folder import RunFolder
from violute.training.settings import LoopSettings
from violute.training.task import Task

OnPrepare = Callable[[float], None]
"""Called with the share of the recordings measured so far, rising from 0 to 1."""

Source = tuple[str | Path, str | Path] | str | Path
"""Two folders of recordings, for mix 0 and mix 1, or one store of `violute prepare` with both."""


@dataclass(frozen=True)
class TwoEnds:
    """What a voice is to learn from.

    Attributes:
        names: Of mix 0 and mix 1.
        recordings: Of mix 0 and mix 1, without those held out.
        cache: Folder for what is measured once and read many times.
        device: To train on.
        on_prepare: Told how far the measuring is; None in processes that only read the cache.
        card: Entries of the voice's card that add to or replace what training knows.
        is_training: Whether there will be steps; what only they need is left out otherwise.
        store: Pictures of the recordings, which need not be there themselves then; its instruments are
            called as the ends are.
        on_warning: Called with a line where training goes on, but not as it should.
    """

    names: tuple[str, str]
    recordings: tuple[list[Recording], list[Recording]]
    cache: Path
    device: torch.device
    on_prepare: OnPrepare | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    is_training: bool = True
    store: Store | None = None
    on_warning: Callable[[str], None] | None = None


def train_family(
    family: str,
    source: Source,
    out: str | Path,
    *,
    names: tuple[str, str] = ("flute", "violin"),
    hold_out: Sequence[str] = (),
    run_dir: str | Path | None = None,
    recipe: str = "default",
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    resume: bool = False,
    device: str = "auto",
    card: Mapping[str, Any] | None = None,
    changes: Mapping[str, object] | None = None,
    on_prepare: OnPrepare | None = None,
    on_progress: OnTrainingProgress | None = None,
) -> TrainingResult:
    """Train a voice of a family by one of its recipes and write its file; also under `torchrun`.

    Args:
        family: `ddsp`, `vae` or `mevae`.
        source: Folders of recordings of the instruments at mix 0 and mix 1, or a prepared store, from which
            families of spectrograms learn.
        out: Voice file to write.
        names: Of the two ends; instruments of the store.
        hold_out: Glob patterns of recordings to leave out of training; a store has its own.
        run_dir: Folder for metrics and checkpoints; None puts it beside `out`, as NAME-run.
        recipe: One of the family's.
        steps: Instead of the recipe's.
        minutes: Instead of the recipe's limit, restarts counted together.
        seed: Instead of the recipe's.
        resume: Continue the run in `run_dir`.
        device: `auto`, `cpu` or `cuda`.
        card: Entries of the voice's card, as `read_card_entries` reads them; not kept in the run folder.
        changes: Fields of the recipe to set otherwise; none that changes the network, which an export
            builds by the recipe's name.
        on_prepare: Told how far the measuring of the recordings is.
        on_progress: Told the losses and the time left.

    Raises:
        TrainingError: A family, folder, name, recipe or device cannot be used, or training diverged.
        DataError: The store is none, or damaged.
        AudioError: A recording cannot be read.
    """
    chosen = replace(family_recipe(family, recipe), **(changes or {}))
    if not isinstance(source, tuple) and not hasattr(chosen, "spectrogram"):
        raise TrainingError(f"{family} learns from sound, not from pictures: give two folders of recordings")
    loop = with_limits(chosen.loop, steps=steps, minutes=minutes)
    chosen = replace(chosen, loop=loop if seed is None else replace(loop, seed=seed))
    return train_voice(
        lambda ends: imported(trained_family(family).task)(ends, chosen),
        source,
        out,
        loop=chosen.loop,
        config={"family": family, "recipe": recipe, "settings": chosen},
        names=names,
        hold_out=hold_out,
        run_dir=run_dir,
        resume=resume,
        device=device,
        card=card,
        on_prepare=on_prepare,
        on_progress=on_progress,
    )


def train_voice(
    build: Callable[[TwoEnds], Task],
    source: Source,
    out: str | Path,
    *,
    loop: LoopSettings,
    config: Mapping[str, object],
    names: tuple[str, str],
    hold_out: Sequence[str] = (),
    run_dir: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    card: Mapping[str, Any] | None = None,
    on_prepare: OnPrepare | None = None,
    on_progress: OnTrainingProgress | None = None,
) -> TrainingResult:
    """List the recordings or open the store, build a family's task, train it and export the best weights.

    Args:
        build: Makes the task, and measures and caches features; the writing process goes first.
        source: Folders of recordings for mix 0 and mix 1, or a prepared store.
        out: Voice file to write; it appears only when it is whole.
        loop: How long, how often and how carefully.
        config: What else the run folder records, and compares on resume.
        names: Of the two ends; instruments of the store.
        hold_out: Glob patterns of recordings to leave out of training; a store has its own.
        run_dir: Folder for metrics and checkpoints; None puts it beside `out`, as NAME-run.
        resume: Continue the run in `run_dir`.
        device: `auto`, `cpu` or `cuda`.
        card: Entries of the voice's card; not kept in the run folder.
        on_prepare: Told how far the measuring of the recordings is.
        on_progress: Told the losses and the time left.

    Raises:
        TrainingError: A folder, name or device cannot be used, `out` cannot be written, or training
            diverged.
        DataError: The store is none, or damaged.
        AudioError: A recording cannot be read.
    """
    out = Path(out)
    _check_destination(out)
    if not names[0] or not names[1] or names[0] == names[1]:
        raise TrainingError(f"the ends are named {names[0]!r} and {names[1]!r}: give two different names")
    store, (first, second) = _opened(source, names, hold_out)
    run_path = out.with_name(f"{out.stem}-run") if run_dir is None else Path(run_dir)
    everything = {
        **config,
        "loop": loop,
        "names": names,
        "recordings": [[recording.name for recording in end] for end in (first, second)],
        "out": str(out.resolve()),
        "folders": [str(Path(folder).resolve()) for folder in _folders(source)],
        "store": None if store is None else store.document.get("key"),
    }
    with joined_processes() as processes:
        torch_device = choose_device(device)
        with writer_first():
            told = on_prepare if processes.is_writer else None
            entries = {"command": _command(run_path, resume=resume), **(card or {})}
            cache = run_path / "features"
            ends = TwoEnds(names, (first, second), cache, torch_device, told, entries, store=store)
            task = build(ends)
        result = train(task, run_path, loop, config=everything, resume=resume, on_progress=on_progress)
        if processes.is_writer:
            _export_whole(task, out)
    return result


def with_limits(loop: LoopSettings, *, steps: int | None, minutes: float | None) -> LoopSettings:
    """Return the settings with other steps and minutes where given; steps alone lift the minutes."""
    if steps is not None:
        loop = replace(loop, n_steps=steps, minutes=None)
    return loop if minutes is None else replace(loop, minutes=minutes)


def _command(run_path: Path, *, resume: bool) -> str:
    """Return the command line of this run: what began it where it is resumed, else this process's own."""
    folder = RunFolder(run_path)
    began = folder.command() if resume and folder.last_checkpoint.exists() else []
    return command_text(began or sys.argv)


def _opened(
    source: Source, names: tuple[str, str], hold_out: Sequence[str]
) -> tuple[Store | None, tuple[list[Recording], list[Recording]]]:
    """Return the store, if it is one, and what there is to learn from of each end."""
    if isinstance(source, tuple):
        first, second = (_recordings(folder, hold_out) for folder in source)
        return None, (first, second)
    if hold_out:
        raise TrainingError(f"{source}: has its held-out recordings already: name others to violute prepare")
    store = open_store(source)
    return store, prepared_recordings(store, names)


def _folders(source: Source) -> tuple[str | Path, ...]:
    return source if isinstance(source, tuple) else (source,)


def _recordings(folder: str | Path, hold_out: Sequence[str]) -> list[Recording]:
    recordings = list_recordings(folder, hold_out=hold_out)
    if not recordings:
        raise TrainingError(f"{folder}: every recording is held out: hold out fewer or add recordings")
    return recordings


def _check_destination(out: Path) -> None:
    """Fail before the hours of training rather than after them."""
    if out.is_dir():
        raise TrainingError(f"{out}: is a folder: name the voice file to write, such as {out / 'voice.onnx'}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        probe = _partial_folder(out)
        probe.mkdir(exist_ok=True)
        probe.rmdir()
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror}): name another place") from None


def _export_whole(task: Task, out: Path) -> None:
    """Export under the right name in a folder aside, and move the file when it is whole."""
    aside = _partial_folder(out)
    aside.mkdir(exist_ok=True)
    try:
        task.export(aside / out.name)
        (aside / out.name).replace(out)
    finally:
        (aside / out.name).unlink(missing_ok=True)
        aside.rmdir()


def _partial_folder(out: Path) -> Path:
    return out.with_name(f".{out.name}.partial")
