r"""Train the network that hears chords, from folders of recordings of one line.

    python bench/train_multipitch.py --data DATA/violin --data DATA/flute --hold-out bench/held_out.txt \
        --run runs/multipitch --out multipitch.onnx --card bench/multipitch_card.json

The clips that it learns from are mixed once, into the run folder; --resume goes on with a stopped run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from multipitch.lines import Line, load_lines
from multipitch.mixtures import Mixer
from multipitch.pool import build_pool
from multipitch.task import MULTIPITCH_RECIPES, MultipitchTask

from violute.analysis.polyphony.log_spectrum import FRAME_RATE_HZ
from violute.cli.terminal.progress import progress_bars
from violute.data.recordings import list_recordings, read_patterns
from violute.errors import VioluteError
from violute.families.ends import contents
from violute.families.recipes import recipe_of
from violute.families.task import sources_heard
from violute.families.train import as_requested
from violute.training.progress import TrainingResult
from violute.training.request import TrainingRequest
from violute.training.run import RunContext, run_training
from violute.training.run_folder import CONTENTS
from violute.voices.card_entries import read_card_entries

VALIDATION_SHARE = 10
"""One line in so many is kept for validation."""

MEASURING, MIXING = (0.0, 0.2), (0.2, 0.95)
"""Where the parts of the preparation begin and end, as shares of all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of single lines")
    parser.add_argument("--hold-out", type=Path, required=True, help="file of glob patterns, one a line")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--run", type=Path, help="run folder")
    parser.add_argument("--card", type=Path, help="JSON file of entries of the network's card")
    parser.add_argument("--recipe", default="default", choices=list(MULTIPITCH_RECIPES))
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args(arguments)
    try:
        with progress_bars() as start:
            request = TrainingRequest(
                source=options.data,
                out=options.out,
                hold_out=read_patterns(options.hold_out),
                run_dir=options.run,
                steps=options.steps,
                seed=options.seed,
                resume=options.resume,
                card=read_card_entries(options.card) if options.card else {},
                on_prepare=start("measuring and mixing"),
                on_progress=lambda progress: start("training")(progress.step / progress.n_steps),
            )
            result = train_multipitch(request, recipe=options.recipe)
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{options.out}: {result.step} steps, {dict(result.validation)}\n")
    return 0


def train_multipitch(request: TrainingRequest, *, recipe: str = "default") -> TrainingResult:
    """Mix, train and export.

    Args:
        request: Whose source is folders of recordings of one line, any number of them.
        recipe: Of `MULTIPITCH_RECIPES`.

    Raises:
        AudioError: A recording cannot be read.
        TrainingError: There is nothing to learn from, or the folder holds another run.
    """
    chosen = as_requested(recipe_of(MULTIPITCH_RECIPES, "chords", recipe), request, {})
    recordings = [
        recording
        for folder in request.folders
        for recording in list_recordings(folder, hold_out=request.hold_out)
    ]
    names = [recording.name for recording in recordings]

    def build(context: RunContext) -> MultipitchTask:
        def report(span: tuple[float, float], share: float) -> None:
            if context.on_prepare is not None:
                context.on_prepare(span[0] + (span[1] - span[0]) * share)

        lines = load_lines(recordings, context.cache, on_progress=lambda share: report(MEASURING, share))
        training, validation = _split(lines)
        # Clips of other recordings, such as some that are held out by now, must not be taken up.
        origin = sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]
        clips, seed = context.cache.with_name("clips"), chosen.loop.seed
        drawn = build_pool(
            Mixer(training),
            chosen.n_clips,
            clips / f"training-{origin}-{seed}.npy",
            seed=seed,
            on_progress=lambda share: report(MIXING, share),
        )
        held = build_pool(
            Mixer(validation),
            chosen.n_validation_clips,
            clips / f"validation-{origin}-{seed}.npy",
            seed=seed + 1_000_000,
            on_progress=lambda share: report((MIXING[1], 1.0), share),
        )
        heard = sources_heard(
            ("lines",), ((0, line.source, line.n_frames / FRAME_RATE_HZ) for line in training)
        )
        card = {"training_data": heard, **context.card}
        return MultipitchTask(drawn, held, chosen, card=card)

    config = {
        "family": "multipitch",
        "settings": chosen,
        "recordings": names,
        CONTENTS: contents(("lines",), (recordings,)),
    }
    return run_training(request, chosen.loop, config, build)


def _split(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Keep one line in `VALIDATION_SHARE` apart; where they are few, the same stand in."""
    held = list(lines[VALIDATION_SHARE // 2 :: VALIDATION_SHARE])
    kept = [line for i, line in enumerate(lines) if i % VALIDATION_SHARE != VALIDATION_SHARE // 2]
    return kept, held or kept


if __name__ == "__main__":
    sys.exit(main())
