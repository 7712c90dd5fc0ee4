"""`violute export`: the voice file of a training run, finished or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import CardFile, Force, Json, Quiet, Tilt
from violute.cli.terminal.output import say_done
from violute.cli.train import check_voice_name, require_training
from violute.errors import TrainingError


def export(
    run: Annotated[Path, Parameter(name="RUN")],
    out: Annotated[Path, Parameter(name="OUT")],
    /,
    *,
    card: CardFile = None,
    tilt: Tilt = (0.0, 0.0),
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write the voice file of a training run from its best checkpoint so far, or else its last one.

    Needs `pip install 'violute[train]'`, and the recordings where they were in training.

    Parameters
    ----------
    run
        Run folder of `violute train`, or a checkpoint in it (checkpoints/best.safetensors).
    out
        Voice file to write, such as voice.onnx; for the family rave also voice.ts, for nn~ in Max and Pure
        Data.
    """
    from violute.voices.card_entries import read_card_entries

    if not run.exists():
        raise TrainingError(f"{run}: there is no such run folder: name what `violute train` made")
    check_voice_name(out, replace=force, endings=(".onnx", ".ts"))
    entries = read_card_entries(card)
    if run.is_dir() and not (run / "config.json").is_file():
        raise TrainingError(f"{run}: holds no training run: name the run folder of `violute train`")
    require_training()
    from violute.families.export import export_run

    step = export_run(run, out, card=entries, tilt_db_per_octave=tilt, overwrite=force)
    document = {"run": str(run), "out": str(out), "step": step}
    say_done(f"{out} (weights of step {step})", document, json=json, quiet=quiet)
    return 0
