"""`violute rainbow`: a recording as a rainbowgram, where colour tells how the phase moves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import Force, Json, Quiet
from violute.cli.terminal.output import refuse_existing, say_done
from violute.errors import InputError

LONGEST_SECONDS = 60.0


def rainbow(
    recording: Annotated[Path, Parameter(name="IN")],
    out: Annotated[Path | None, Parameter(name="OUT.png")] = None,
    /,
    *,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Draw a recording as NSynth's paper does: pitch upwards, level as brightness, phase as colour.

    A steady partial keeps one colour: red lies in the middle of its row, blue and green above and below it.
    Shows the first minute, in mono.

    Parameters
    ----------
    recording
        Recording of any format, rate and number of channels.
    out
        Picture to write. Default: NAME-rainbow.png beside the recording.
    """
    import numpy as np

    from violute.audio.file_source import FileSource
    from violute.drawing.png import write_picture
    from violute.drawing.rainbowgram import rainbow_page

    out = recording.with_name(f"{recording.stem}-rainbow.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: the picture is a PNG: name it {out.with_suffix('.png').name}")
    refuse_existing(out, replace=force)
    source = FileSource(recording, end_seconds=LONGEST_SECONDS)
    mono = np.concatenate([block.mean(axis=0) for block in source.blocks()])
    write_picture(rainbow_page(mono, source.sample_rate), out, overwrite=force)
    say_done(str(out), {"out": str(out)}, json=json, quiet=quiet)
    return 0
