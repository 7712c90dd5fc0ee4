"""`violute export`: the voice file of a training run, finished or not, or a voice for the real-time core."""

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

    Or write a voice for the real-time core, which needs neither: `violute export VOICE voice.live`.

    Parameters
    ----------
    run
        Run folder of `violute train`, or a checkpoint in it (checkpoints/best.safetensors); for the real-time
        core, name or path of a voice of the family ddsp.
    out
        Voice file to write, such as voice.onnx; for the family rave also voice.ts, for nn~ in Max and Pure
        Data; voice.live for the real-time core.
    """
    from violute.voices.card_entries import read_card_entries

    if out.suffix.lower() == ".live":
        if card is not None or any(tilt):
            raise TrainingError(f"{out}: --card and --tilt are for a training run: leave them out")
        return _export_live(str(run), out, force=force, json=json, quiet=quiet)
    if not run.exists():
        raise TrainingError(f"{run}: there is no such run folder: name what `violute train` made")
    check_voice_name(out, replace=force, endings=(".onnx", ".ts", ".live"))
    entries = read_card_entries(card)
    if run.is_dir() and not (run / "config.json").is_file():
        raise TrainingError(f"{run}: holds no training run: name the run folder of `violute train`")
    require_training()
    from violute.families.export import export_run

    step = export_run(run, out, card=entries, tilt_db_per_octave=tilt, overwrite=force)
    document = {"run": str(run), "out": str(out), "step": step}
    say_done(f"{out} (weights of step {step})", document, json=json, quiet=quiet)
    return 0


def _export_live(voice: str, out: Path, *, force: bool, json: bool, quiet: bool) -> int:
    from violute.families.ddsp.live_file import live_bytes
    from violute.whole_file import disk_errors, replace_bytes

    check_voice_name(out, replace=force, endings=(".live",))
    content = live_bytes(voice)
    with disk_errors(out, error=TrainingError):
        replace_bytes(out, content)
    document = {"voice": voice, "out": str(out), "n_bytes": len(content)}
    say_done(f"{out} ({len(content) / 1e6:.1f} MB)", document, json=json, quiet=quiet)
    return 0
