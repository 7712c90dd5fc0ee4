"""`violute train`: a voice from two folders of recordings; one sub-command a family."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from violute.cli.options import Flag
from violute.cli.output import say, say_json
from violute.cli.progress import progress_bars
from violute.errors import InputError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from violute.training.progress import Progress

Patterns = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)]
"""Any number of glob patterns after one flag."""

train_app = App(name="train", help="Train a voice from two folders of recordings, one for each instrument.")


@train_app.command
def ddsp(
    *,
    a: Path,
    b: Path,
    out: Path,
    a_name: str = "flute",
    b_name: str = "violin",
    hold_out: Patterns = (),
    run: Path | None = None,
    resume: Flag = False,
    steps: int | None = None,
    minutes: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    recipe: str = "default",
    card: Path | None = None,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Train a voice of the family ddsp: harmonics and noise of two instruments, mixed at one pitch.

    Needs `pip install 'violute[train]'`. The run folder keeps metrics, plots, sounds and checkpoints;
    a run that was stopped, whatever stopped it, goes on with --resume.

    Parameters
    ----------
    a
        Folder of solo recordings of the instrument at mix 0.
    b
        Folder of solo recordings of the instrument at mix 1.
    out
        Voice file to write, such as voice.onnx.
    a_name
        Name of mix 0.
    b_name
        Name of mix 1.
    hold_out
        Recordings to leave out of training: glob patterns, or text files of patterns, one a line.
    run
        Run folder. Default: NAME-run beside OUT.
    resume
        Continue the run in the run folder.
    steps
        Steps of training. Default: the recipe's.
    minutes
        Longest training in minutes, restarts counted together. Default: the recipe's.
    device
        Where to train; auto takes a GPU if there is one.
    recipe
        default (two CPU cores, two hours), quick (minutes) or tiny (seconds, to try the path).
    card
        JSON file of entries of the voice's card that add to or replace what training knows: name,
        description, licence, training_data (a list), figures (an object), command.
    json
        Print one JSON document at the end.
    quiet
        Print nothing but errors.
    """
    from violute.data.recordings import list_recordings
    from violute.voices.card_entries import read_card_entries

    if (steps is not None and steps < 1) or (minutes is not None and not minutes > 0):
        raise InputError("--steps and --minutes must be above 0: give a larger number")
    check_voice_name(out, replace=resume)
    patterns = _patterns(hold_out)
    for folder in (a, b):
        list_recordings(folder, hold_out=patterns)  # a wrong folder is told before torch takes its seconds
    entries = {} if card is None else read_card_entries(card)
    require_training()
    from violute.training.processes import is_first_process
    from violute.training.run import train_ddsp

    is_speaking = is_first_process()
    with progress_bars(shown=is_speaking and not (quiet or json)) as start:
        result = train_ddsp(
            a,
            b,
            out,
            names=(a_name, b_name),
            hold_out=patterns,
            run_dir=run,
            recipe=recipe,
            steps=steps,
            minutes=minutes,
            resume=resume,
            device=device,
            card=entries,
            on_prepare=start("measuring the recordings"),
            on_progress=_training_bar(start),
        )
    if not is_speaking:
        return 0
    if json:
        say_json(
            {
                "out": str(out),
                "steps": result.step,
                "best_step": result.best_step,
                "validation": dict(result.validation),
                "seconds": result.seconds,
                "stopped_by": result.stopped_by,
            }
        )
    elif not quiet:
        say(
            f"{out} ({result.step} steps in {result.seconds / 60:.1f} minutes, best after {result.best_step})"
        )
    return 0


def check_voice_name(out: Path, *, replace: bool) -> None:
    """Make sure that a voice may be written there, before the work begins.

    Raises:
        TrainingError: The name is not that of a voice file, or something is there already.
    """
    if out.suffix.lower() != ".onnx":
        raise TrainingError(f"{out}: a voice file ends in .onnx: name it {out.with_suffix('.onnx').name}")
    if out.is_file() and not replace:
        raise TrainingError(
            f"{out} exists: name another file, or add --force (violute export) or --resume (violute train)"
        )


def require_training() -> None:
    """Make sure that the packages of `violute[train]` are installed.

    Raises:
        TrainingError: One is missing.
    """
    try:
        import_module("violute.training.run")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "violute":
            raise
        raise TrainingError(
            f"training needs {error.name}, which is not installed: run pip install 'violute[train]'"
        ) from None


def _patterns(given: tuple[str, ...]) -> list[str]:
    """Return glob patterns, those of files read from the files."""
    from violute.data.recordings import AUDIO_SUFFIXES, read_patterns

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
