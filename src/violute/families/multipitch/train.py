"""The network that hears chords, trained on folders of recordings of one line: `violute train chords`.

The clips that it learns from are mixed once, into the run folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from violute.analysis.polyphony.log_spectrum import FRAME_RATE_HZ
from violute.data.recordings import list_recordings
from violute.families.ends import contents
from violute.families.multipitch.lines import Line, load_lines
from violute.families.multipitch.mixtures import Mixer
from violute.families.multipitch.pool import build_pool
from violute.families.multipitch.task import MULTIPITCH_RECIPES, MultipitchTask
from violute.families.recipes import recipe_of, with_changes
from violute.families.task import sources_heard
from violute.families.train import as_requested
from violute.training.progress import TrainingResult
from violute.training.request import TrainingRequest
from violute.training.run import RunContext, run_training
from violute.training.run_folder import CONTENTS

VALIDATION_SHARE = 10
"""One line in so many is kept for validation."""

MEASURING, MIXING = (0.0, 0.2), (0.2, 0.95)
"""Where the parts of the preparation begin and end, as shares of all."""


def train_multipitch(
    request: TrainingRequest, *, recipe: str = "default", changes: Mapping[str, str] | None = None
) -> TrainingResult:
    """Mix, train and export.

    Args:
        request: Whose source is folders of recordings of one line, any number of them.
        recipe: Of `MULTIPITCH_RECIPES`.
        changes: Fields of the recipe or its loop to set otherwise; see `with_changes`.

    Raises:
        AudioError: A recording cannot be read.
        TrainingError: There is nothing to learn from, or the folder holds another run.
    """
    changes = changes or {}
    chosen = with_changes(recipe_of(MULTIPITCH_RECIPES, "chords", recipe), changes)
    chosen = as_requested(chosen, request, changes)
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
