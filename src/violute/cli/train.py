"""`violute train`: a voice from two folders of recordings or a prepared store; one sub-command a family.

The sub-commands are made from the table of families.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from violute.cli.terminal.extras import engine_of, require_extra
from violute.cli.terminal.output import complain, say_done
from violute.cli.terminal.progress import progress_bars
from violute.cli.terminal.training_options import (
    PairedOptions,
    PicturesOptions,
    RunOptions,
    TrainingOptions,
)
from violute.data.splits import HOLD_OUT, held_out_line
from violute.errors import InputError, TrainingError
from violute.families.recipes import RECIPE_FILE_ENDING, read_recipe_file
from violute.families.table import FAMILIES, Family
from violute.worklist.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from violute.training.progress import Progress

OPTIONS: dict[str, type[RunOptions]] = {
    "recordings": TrainingOptions,
    "pictures": PicturesOptions,
    "pairs": PairedOptions,
}
"""By what a family learns from."""

HELP = """Train {what}

Recipes: {recipes}

{help}

Recordings are measured once, by all cores (--jobs) or a Ray cluster (--cluster). Several processes train with
`torchrun --nproc-per-node N -m violute train ...`: each takes its share of the batch.

Needs `pip install 'violute[train]'`. The run folder keeps metrics, plots, sounds, warnings and checkpoints; a
run that was stopped, whatever stopped it, goes on with --resume.

Parameters
----------
recipe
    Name of one, or a file: NAME.toml with `recipe = "quick"` and lines such as `learning_rate = 5e-4`.
"""

EXIT_INTERRUPTED = 130

train_app = App(
    name="train",
    help="Train a voice from two folders of recordings, one for each instrument.",
    help_epilogue="Begin with `violute train ddsp --recipe quick --a FLUTE --b VIOLIN --out voice.onnx`: in "
    "five minutes on two CPU cores one hears whether the recordings are worth it. Without --recipe it takes "
    "two hours and sounds better. The other families are models to study.",
)


def _verb(name: str, family: Family) -> Callable[..., int]:
    """Make the sub-command of a family."""

    def train(*, options: Any, recipe: str = family.default_recipe) -> int:
        chosen, changes = _recipe(name, family, recipe)
        changes |= _changes(options)
        try:
            return _train(name, options, chosen, changes)
        except KeyboardInterrupt:  # whenever it comes, be it while torch is loaded
            from violute.training.request import run_path

            if os.environ.get("RANK", "0") == "0":
                complain(f"interrupted: {_left_behind(run_path(options.out, options.run))}")
            return EXIT_INTERRUPTED

    train.__annotations__["options"] = OPTIONS[family.learns_from]
    what = f"a voice of the family {name}: {family.about}"
    train.__doc__ = HELP.format(what=what, help=family.help, recipes=family.recipe_help)
    return train


for _name, _family in FAMILIES.items():
    if _family.task:
        train_app.command(_verb(_name, _family), name=_name)


def _train(name: str, options: RunOptions, recipe: str, changes: dict[str, str]) -> int:
    """Check what was asked for, train, say how it went, and return the exit code."""
    from violute.families.recipes import family_recipe
    from violute.voices.card_entries import read_card_entries

    steps, minutes, seed = options.steps, options.minutes, options.seed
    if (steps is not None and steps < 1) or (minutes is not None and not minutes > 0):
        raise InputError("--steps and --minutes must be above 0: give a larger number")
    if seed is not None and seed < 0:
        raise InputError(f"--seed is {seed}: give 0 or more")
    check_voice_name(options.out, replace=options.resume)
    entries = read_card_entries(options.card)
    source, names, hold_out = _source(options)
    with suppress(ModuleNotFoundError):  # some recipes can be read without torch; `require_training` tells
        family_recipe(name, recipe, changes)
    require_training()
    from violute.families.train import train_family
    from violute.training.processes import is_first_process
    from violute.training.request import TrainingRequest

    is_speaking = is_first_process()
    engine = engine_of(options.jobs, options.cluster) if is_speaking else Engine()
    on_begin = None
    if isinstance(source, tuple) and not isinstance(options, PairedOptions):
        on_begin = held_out_sayer(source, hold_out, quiet=options.json or options.quiet)
    with progress_bars(shown=is_speaking and not (options.quiet or options.json)) as start:
        request = TrainingRequest(
            source=source,
            out=options.out,
            names=names,
            hold_out=hold_out,
            run_dir=options.run,
            cache=options.cache,
            engine=engine,
            steps=steps,
            minutes=minutes,
            seed=seed,
            resume=options.resume,
            device=options.device,
            card=entries,
            on_begin=on_begin,
            on_prepare=start("measuring the recordings"),
            on_progress=_training_bar(start),
            on_warning=lambda message: complain(f"warning: {message}"),
            on_forecast=None if options.quiet else complain,
        )
        result = train_family(name, request, recipe=recipe, changes=changes)
    if not is_speaking:
        return 0
    document = {"out": str(options.out), "steps": result.step, "best_step": result.best_step}
    document |= {"validation": dict(result.validation), "seconds": result.seconds}
    document |= {"stopped_by": result.stopped_by}
    taken = f"{result.step} steps in {result.seconds / 60:.1f} minutes"
    sounds = request.run_path / "sounds"
    examples = f" (examples are in {sounds})" if sounds.is_dir() else ""
    line = f"""{options.out} ({taken}, best after {result.best_step})
hear it: violute convert YOUR.wav --voice {options.out}{examples}
go on: the same command with --resume and more --minutes or --steps"""
    say_done(line, document, json=options.json, quiet=options.quiet)
    return 0


def _left_behind(run: Path) -> str:
    """Say what a run that was interrupted has left, and what to do with it."""
    from violute.training.provenance import LAST_CHECKPOINT, checkpoint_step

    step = checkpoint_step(run / LAST_CHECKPOINT)
    if step is None:
        return f"nothing was saved yet in {run}"
    sounds = run / "sounds"
    examples = f"; examples are in {sounds}" if sounds.is_dir() else ""
    return (
        f"step {step} is saved in {run}: go on with the same command and --resume, or write its voice with "
        f"violute export {run} OTHER.onnx{examples}"
    )


def _recipe(name: str, family: Family, given: str) -> tuple[str, dict[str, str]]:
    """Return the recipe that was named, or that a file begins with, and what the file sets."""
    chosen = given
    changes: dict[str, str] = {}
    if given.lower().endswith(RECIPE_FILE_ENDING):
        base, changes = read_recipe_file(Path(given))
        chosen = base or family.default_recipe
    if chosen not in family.recipe_names:
        known = ", ".join(family.recipe_names)
        raise TrainingError(f"there is no recipe {chosen!r} for {name}: name one of {known}, or a file.toml")
    return chosen, changes


def _changes(options: RunOptions) -> dict[str, str]:
    """Return what `--set` and `--batch` ask for, by field of the recipe."""
    if options.batch is not None and options.batch < 2:
        raise InputError(f"--batch is {options.batch}: give 2 or more, half of the examples are of each end")
    changes = {} if options.batch is None else {"batch_size": str(options.batch)}
    for setting in options.settings:
        name, equals, value = setting.partition("=")
        if not (name and equals):
            raise InputError(f"--set {setting}: give NAME=VALUE, such as --set learning_rate=5e-4")
        changes[name] = value
    return changes


def _source(
    options: RunOptions,
) -> tuple[tuple[Path, ...] | Path, tuple[str | None, str | None], list[str]]:
    """Return what to learn from, the names of the ends, where they are given, and what is held out.

    A wrong folder is reported before torch takes its seconds.
    """
    from violute.data.manifest import MANIFEST_NAME
    from violute.data.pictures.store import open_store
    from violute.data.recordings import list_recordings

    if isinstance(options, PairedOptions):
        if not (options.pairs / MANIFEST_NAME).is_file():
            raise TrainingError(f"{options.pairs}: holds no pairs: name a folder that violute pairs made")
        require_training()
        from violute.families.paired.pairs import SOURCES, read_pairs

        first, second = read_pairs(options.pairs)[0]["ends"]
        folders = (options.pairs / SOURCES / first, options.pairs / SOURCES / second)
        return folders, (first, second), []
    assert isinstance(options, TrainingOptions)
    hold_out, names = read_hold_out(options.hold_out), (options.a_name, options.b_name)
    prepared = options.prepared if isinstance(options, PicturesOptions) else None
    if prepared is None:
        if options.a is None or options.b is None:
            if options.resume:
                raise InputError(
                    "--resume goes on with what the run learned from: give --a and --b as before"
                )
            raise InputError(
                "there is nothing to learn from: give --a and --b, a folder of recordings for each instrument"
            )
        for folder in (options.a, options.b):
            list_recordings(folder, hold_out=hold_out)
        if options.a.resolve() == options.b.resolve():
            raise TrainingError(f"{options.a}: --a and --b are the same folder: give one for each instrument")
        return (options.a, options.b), names, hold_out
    if options.a is not None or options.b is not None:
        raise InputError("--prepared takes the place of --a and --b: give the one or the others")
    if options.hold_out != HOLD_OUT:
        raise InputError(
            "--hold-out is for recordings, a prepared store has its own: give it to violute prepare"
        )
    open_store(prepared)
    return prepared, names, []


def check_voice_name(out: Path, *, replace: bool, endings: tuple[str, ...] = (".onnx",)) -> None:
    """Make sure that a voice may be written there, before the work begins.

    Raises:
        TrainingError: The name is not that of a voice file, or something is there already.
    """
    if out.suffix.lower() not in endings:
        raise TrainingError(
            f"{out}: a voice file ends in {' or '.join(endings)}: name it {out.with_suffix('.onnx').name}"
        )
    if out.is_file() and not replace:
        raise TrainingError(
            f"{out} exists: name another file, or add --force (violute export) or --resume (violute train)"
        )


def require_training() -> None:
    """Make sure that the packages of `violute[train]` are installed.

    Raises:
        InputError: One is missing.
    """
    require_extra("train", "training needs", "violute.training.run", "violute.families.train")


def read_hold_out(given: tuple[str, ...]) -> list[str]:
    """Return the glob patterns of `--hold-out`: those given, and those of the text files given."""
    from violute.audio.formats import AUDIO_SUFFIXES
    from violute.data.recordings import read_patterns

    patterns: list[str] = []
    for item in given:
        path = Path(item)
        # A list that is not there is no pattern that fits nothing, or all would be learned from.
        is_list = path.suffix.lower() == ".txt" or (
            path.is_file() and path.suffix.lower() not in AUDIO_SUFFIXES
        )
        patterns += read_patterns(path) if is_list else [item]
    return patterns


def held_out_sayer(folders: Iterable[Path], patterns: Sequence[str], *, quiet: bool) -> Callable[[], None]:
    """Return what says, unless it is to be quiet, which recordings of folders are held out."""
    from violute.data.recordings import list_recordings

    def say_held_out() -> None:
        if not quiet:
            names = [one.name for folder in folders for one in list_recordings(folder, select=patterns)]
            complain(held_out_line(names, patterns))

    return say_held_out


def _training_bar(start: Callable[[str], Callable[[float], None]]) -> Callable[[Progress], None]:
    """Return what turns reports of training into a bar with loss, pace and time left."""

    def show(progress: Progress) -> None:
        loss = progress.losses.get("total")
        parts = [f"step {progress.step} of {progress.n_steps}"]
        parts += [] if loss is None else [f"loss {loss:.4f}"]
        parts += [f"{progress.seconds_per_step:.2f} s a step", f"{progress.seconds_left / 60:.0f} min left"]
        total = progress.seconds + progress.seconds_left
        start(", ".join(parts))(progress.seconds / total if total > 0 else 1.0)

    return show
