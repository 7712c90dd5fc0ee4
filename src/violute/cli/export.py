"""`violute export`: the voice file of a training run, finished or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from violute.cli.options import Flag
from violute.cli.output import say, say_json
from violute.cli.train import require_training
from violute.errors import TrainingError


def export(
    run: Annotated[Path, Parameter(name="RUN")],
    out: Annotated[Path, Parameter(name="OUT.onnx")],
    /,
    *,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write the voice file of a training run from its best checkpoint so far.

    Needs `pip install 'violute[train]'`, and the recordings where they were in training.

    Parameters
    ----------
    run
        Run folder of `violute train`, or a checkpoint in it (checkpoints/best.safetensors).
    out
        Voice file to write.
    json
        Print one JSON document.
    quiet
        Print nothing but errors.
    """
    if not run.exists():
        raise TrainingError(f"{run}: there is no such run folder: name what `violute train` made")
    require_training()
    from violute.training.export import export_run

    step = export_run(run, out)
    if json:
        say_json({"run": str(run), "out": str(out), "step": step})
    elif not quiet:
        say(f"{out} (weights of step {step})")
    return 0
