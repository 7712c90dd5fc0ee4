"""`violute train`: a voice from two folders of recordings or a prepared store; one sub-command a family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from violute.cli.terminal.extras import require_extra
from violute.cli.terminal.output import say, say_json
from violute.cli.terminal.progress import progress_bars
from violute.cli.training_options import PicturesOptions, TrainingOptions
from violute.errors import InputError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from violute.training.progress import Progress

train_app = App(name="train", help="Train a voice from two folders of recordings, one for each instrument.")


@train_app.command
def ddsp(*, options: TrainingOptions, recipe: str = "default") -> int:
    """Train a voice of the family ddsp: harmonics and noise of two instruments, mixed at one pitch.

    Needs `pip install 'violute[train]'`. The run folder keeps metrics, plots, sounds and checkpoints;
    a run that was stopped, whatever stopped it, goes on with --resume.

    Parameters
    ----------
    recipe
        default (two CPU cores, two hours), quick (minutes) or tiny (seconds, to try the path).
    """
    return train_and_tell("ddsp", recipe, options)


@train_app.command
def vae(*, options: PicturesOptions, recipe: str = "default") -> int:
    """Train a voice of the family vae: spectrograms through a latent of 128 numbers, moved along an axis.

    Needs `pip install 'violute[train]'`. A model to study: the family ddsp sounds better. The run
    folder keeps metrics, plots, sounds and checkpoints; a run that was stopped goes on with --resume.

    Parameters
    ----------
    recipe
        default (two CPU cores, an hour), small (twenty minutes), tiny (seconds, to try the path),
        paper (for a GPU) or assignment (the plain network of the assignment, for a GPU).
    """
    return train_and_tell("vae", recipe, options, prepared=options.prepared)


@train_app.command
def mevae(*, options: PicturesOptions, recipe: str = "default") -> int:
    """Train a voice of the family mevae: an encoder for each instrument, one decoder told which to play.

    Needs `pip install 'violute[train]'`. A model to study: the family ddsp sounds better. The run
    folder keeps metrics, plots, sounds and checkpoints; a run that was stopped goes on with --resume.

    Parameters
    ----------
    recipe
        default (two CPU cores, an hour), small (twenty minutes), tiny (seconds, to try the path),
        paper (for a GPU) or assignment (plain networks of the assignment's sizes, for a GPU).
    """
    return train_and_tell("mevae", recipe, options, prepared=options.prepared)


@train_app.command
def cyclegan(*, options: TrainingOptions, recipe: str = "small") -> int:
    """Train a voice of the family cyclegan: each instrument redrawn as the other, learned without pairs.

    Needs `pip install 'violute[train]'`. A model to study: the family ddsp sounds better. Plays chords,
    since it tracks no pitch. Warns when generators collapse or critics explode, and keeps the best
    checkpoint. The run folder keeps metrics, plots, sounds and checkpoints; a run that was stopped
    goes on with --resume.

    Parameters
    ----------
    recipe
        small (two CPU cores, twenty minutes), full (small, with a change as fine as the window), mixed
        (small, with critics of mixed music), paper (nine residual blocks, for a GPU) or tiny (seconds,
        to try the path).
    """
    return train_and_tell("cyclegan", recipe, options)


@train_app.command
def nsynth(*, options: TrainingOptions, recipe: str = "small") -> int:
    """Train a voice of the family nsynth: a WaveNet draws each sample, from a code of 16 numbers a frame.

    Needs `pip install 'violute[train]'`. A model to study: the family ddsp sounds better. The run
    folder keeps metrics, plots, sounds and checkpoints; a run that was stopped goes on with --resume.

    Parameters
    ----------
    recipe
        small (a CPU core, an hour and a half), medium (for a GPU), paper (its sizes, for many GPUs) or tiny
        (seconds, to try the path).
    """
    return train_and_tell("nsynth", recipe, options)


def train_and_tell(
    family: str,
    recipe: str,
    options: TrainingOptions,
    *,
    prepared: Path | None = None,
    changes: Mapping[str, object] | None = None,
    before: Callable[[], None] | None = None,
) -> int:
    """Train a voice and say how it went; returns the exit code.

    Args:
        family: To train.
        recipe: One of the family's.
        options: What was asked for.
        prepared: Store to learn from instead of the folders of the options.
        changes: Fields of the recipe to set otherwise.
        before: Called when everything was checked, before the first step.

    Raises:
        VioluteError: Something in the input or the options has to change.
    """
    from violute.voices.card_entries import read_card_entries

    steps, minutes, seed = options.steps, options.minutes, options.seed
    if (steps is not None and steps < 1) or (minutes is not None and not minutes > 0):
        raise InputError("--steps and --minutes must be above 0: give a larger number")
    if seed is not None and seed < 0:
        raise InputError(f"--seed is {seed}: give 0 or more")
    check_voice_name(options.out, replace=options.resume)
    patterns = read_hold_out(options.hold_out)
    source = _checked_source(options, prepared, patterns)
    entries = {} if options.card is None else read_card_entries(options.card)
    require_training()
    from violute.training.processes import is_first_process
    from violute.training.run import train_family

    is_speaking = is_first_process()
    if before is not None and is_speaking:
        before()
    with progress_bars(shown=is_speaking and not (options.quiet or options.json)) as start:
        result = train_family(
            family,
            source,
            options.out,
            names=(options.a_name, options.b_name),
            hold_out=patterns,
            run_dir=options.run,
            recipe=recipe,
            steps=steps,
            minutes=minutes,
            seed=seed,
            resume=options.resume,
            device=options.device,
            card=entries,
            changes=changes,
            on_prepare=start("measuring the recordings"),
            on_progress=_training_bar(start),
        )
    if not is_speaking:
        return 0
    if options.json:
        say_json(
            {
                "out": str(options.out),
                "steps": result.step,
                "best_step": result.best_step,
                "validation": dict(result.validation),
                "seconds": result.seconds,
                "stopped_by": result.stopped_by,
            }
        )
    elif not options.quiet:
        taken = f"{result.step} steps in {result.seconds / 60:.1f} minutes"
        say(f"{options.out} ({taken}, best after {result.best_step})")
    return 0


def _checked_source(
    options: TrainingOptions, prepared: Path | None, hold_out: list[str]
) -> tuple[Path, Path] | Path:
    """Return the folders or the store to learn from; a wrong one is told before torch takes its seconds."""
    from violute.data.pictures.store import open_store
    from violute.data.recordings import list_recordings

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
        return options.a, options.b
    if options.a is not None or options.b is not None:
        raise InputError("--prepared takes the place of --a and --b: give the one or the others")
    if hold_out:
        raise InputError(
            "--hold-out is for recordings, a prepared store has its own: give it to violute prepare"
        )
    open_store(prepared)
    return prepared


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
    require_extra("train", "training needs", "violute.training.run")


def read_hold_out(given: tuple[str, ...]) -> list[str]:
    """Return the glob patterns of `--hold-out`: those given, and those of the text files given."""
    from violute.audio.formats import AUDIO_SUFFIXES
    from violute.data.recordings import read_patterns

    patterns: list[str] = []
    for item in given:
        path = Path(item)
        is_list = path.is_file() and path.suffix.lower() not in AUDIO_SUFFIXES
        patterns += read_patterns(path) if is_list else [item]
    return patterns


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
