r"""Train the network that hears chords, from folders of recordings of one line, and write its ONNX file.

    python -m violute.families.multipitch.train --data DIR --hold-out bench/held_out.txt \
        --run runs/multipitch --out src/violute/analysis/polyphony/multipitch.onnx

DIR is searched with its sub-folders; recordings of chords must not lie in it. The
clips that it learns from are mixed once, into the run folder. A run that was stopped goes on with --resume.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from violute.analysis.polyphony.log_spectrum import FRAME_RATE_HZ
from violute.data.recordings import Recording, list_recordings, read_patterns
from violute.errors import InputError, VioluteError
from violute.families.multipitch.lines import Line, load_lines
from violute.families.multipitch.mixtures import Mixer
from violute.families.multipitch.pool import build_pool
from violute.families.multipitch.task import (
    MultipitchRecipe,
    MultipitchTask,
    multipitch_default,
    multipitch_tiny,
)
from violute.training.loop import TrainingResult, train
from violute.training.progress import Progress
from violute.training.provenance import command_text, training_data
from violute.training.run import with_limits

RECIPES = {"default": multipitch_default, "tiny": multipitch_tiny}
VALIDATION_SHARE = 10
"""One line in so many is kept for validation."""

OnSay = Callable[[str], None]


def train_multipitch(
    folders: Sequence[Path],
    out: Path,
    run_dir: Path,
    recipe: MultipitchRecipe,
    *,
    hold_out: Sequence[str] = (),
    card: Mapping[str, Any] | None = None,
    resume: bool = False,
    on_say: OnSay | None = None,
) -> TrainingResult:
    """Mix, train and export.

    Args:
        folders: Of recordings of one line.
        out: ONNX file to write.
        run_dir: For metrics, checkpoints and clips.
        recipe: Sizes and rates.
        hold_out: Glob patterns of recordings that no part of it may hear.
        card: Entries of what the file says of itself, instead of those that are known.
        resume: Continue the run in `run_dir`.
        on_say: Told in a line how far it is.

    Raises:
        AudioError: A recording cannot be read.
        TrainingError: There is nothing to learn from, or the folder holds another run.
    """
    say = on_say or (lambda line: None)
    recordings = [r for folder in folders for r in list_recordings(folder, hold_out=hold_out)]
    lines = load_lines(recordings, run_dir / "features", on_progress=_every_tenth("measured", say))
    training, validation = _split(lines)
    seed, cache = recipe.loop.seed, run_dir / "clips"
    # Clips of other recordings, such as some that are held out by now, must not be taken up.
    origin = sha256("\n".join(sorted(_names(recordings))).encode()).hexdigest()[:12]
    pools = [
        build_pool(
            Mixer(kept),
            n,
            cache / f"{name}-{origin}-{seed}.npy",
            seed=place,
            on_progress=_every_tenth(name, say),
        )
        for kept, n, name, place in (
            (training, recipe.n_clips, "training", seed),
            (validation, recipe.n_validation_clips, "validation", seed + 1_000_000),
        )
    ]
    heard: dict[str, float] = {}
    for line in training:
        heard[line.source] = heard.get(line.source, 0.0) + line.n_frames / FRAME_RATE_HZ
    known = {"training_data": training_data(("lines",), [heard])[0], "command": command_text(sys.argv)}
    task = MultipitchTask(pools[0], pools[1], recipe, card={**known, **(card or {})})

    def tell(progress: Progress) -> None:
        if progress.step % 50 == 0:
            measured = "".join(f", {name} {value:.4f}" for name, value in progress.validation.items())
            say(f"step {progress.step}: loss {progress.losses['total']:.4f}{measured}")

    config = {"family": "multipitch", "settings": recipe, "recordings": _names(recordings)}
    result = train(task, run_dir, recipe.loop, config=config, resume=resume, on_progress=tell)
    task.export(out)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m violute.families.multipitch.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="folder, may be given again"
    )
    parser.add_argument("--hold-out", type=Path, help="file of glob patterns, one a line")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and clips")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="default")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--minutes", type=float, help="end after so much time, restarts counted together")
    parser.add_argument("--card", type=Path, help="JSON file of entries that the ONNX file carries")
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder")
    options = parser.parse_args(arguments)
    try:
        if not options.out.parent.is_dir():
            raise InputError(f"{options.out}: there is no such folder: make it first")
        recipe = RECIPES[options.recipe]()
        loop = with_limits(recipe.loop, steps=options.steps, minutes=options.minutes)
        result = train_multipitch(
            options.data,
            options.out,
            options.run,
            replace(recipe, loop=loop),
            hold_out=read_patterns(options.hold_out) if options.hold_out else (),
            card=_read_card(options.card) if options.card else None,
            resume=options.resume,
            on_say=_say,
        )
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    measured = ", ".join(f"{name} {value:.4f}" for name, value in result.validation.items())
    sys.stdout.write(f"{options.out}: the weights of step {result.best_step}, {measured}\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _read_card(path: Path) -> Mapping[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path}: cannot be read: give a JSON file with an object of entries") from None
    if not isinstance(entries, dict):
        raise InputError(f'{path}: holds no JSON object: give one, such as {{"licence": "CC BY 4.0"}}')
    return entries


def _split(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Keep one line in `VALIDATION_SHARE` apart; where they are few, the same stand in."""
    kept = [line for i, line in enumerate(lines) if i % VALIDATION_SHARE != VALIDATION_SHARE // 2]
    held = [line for i, line in enumerate(lines) if i % VALIDATION_SHARE == VALIDATION_SHARE // 2]
    return kept, held or kept


def _names(recordings: Sequence[Recording]) -> list[str]:
    return [recording.name for recording in recordings]


def _every_tenth(what: str, say: OnSay) -> Callable[[float], None]:
    """Return what says the share done, every tenth of it."""
    told = 0

    def report(share: float) -> None:
        nonlocal told
        if int(10.0 * share) > told:
            told = int(10.0 * share)
            say(f"{what}: {10 * told} %")

    return report


if __name__ == "__main__":
    sys.exit(main())
