"""`violute refit`: what is measured for a voice of the family ddsp, measured anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import CardFile, Force, HoldOut, Quiet, Tilt
from violute.cli.terminal.output import complain, say
from violute.cli.terminal.progress import progress_bars
from violute.cli.train import check_voice_name, held_out_sayer, read_hold_out, require_training
from violute.data.splits import HOLD_OUT


def refit(
    voice: Annotated[Path, Parameter(name="VOICE")],
    /,
    *,
    a: Path,
    b: Path,
    out: Path,
    hold_out: HoldOut = HOLD_OUT,
    cache: Path | None = None,
    card: CardFile = None,
    tilt: Tilt = (0.0, 0.0),
    force: Force = False,
    quiet: Quiet = False,
) -> int:
    """Fit loudness, pitch ranges, noise and dial of a voice of the family ddsp to recordings anew.

    The weights of its network stay as they are, so no run folder is needed. Needs
    `pip install 'violute[train]'`, and some minutes.

    Parameters
    ----------
    voice
        Voice file of the family ddsp.
    a
        Folder of solo recordings of the instrument at mix 0.
    b
        Folder of solo recordings of the instrument at mix 1.
    out
        Voice file to write, such as voice.onnx.
    cache
        Folder for what is measured. Default: NAME.features beside OUT.
    """
    from violute.data.recordings import list_recordings
    from violute.voices.card_entries import read_card_entries
    from violute.voices.load import find_voice

    check_voice_name(out, replace=force)
    patterns = read_hold_out(hold_out)
    entries = read_card_entries(card)
    for folder in (a, b):
        list_recordings(folder, hold_out=patterns)
    find_voice(voice)
    require_training()
    from violute.families.ddsp.calibration.refit import refit_voice

    with progress_bars(shown=not quiet) as start:
        refit_voice(
            voice,
            (a, b),
            out,
            hold_out=patterns,
            cache=cache,
            card=entries,
            tilt_db_per_octave=tilt,
            overwrite=force,
            on_begin=held_out_sayer((a, b), patterns, quiet=quiet),
            on_progress=start("measuring the recordings"),
            on_warning=lambda message: complain(f"warning: {message}"),
        )
    if not quiet:
        say(str(out))
    return 0
