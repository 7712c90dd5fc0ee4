"""`violute rainbow`: a recording as a rainbowgram, where colour tells how the phase moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import Flag
from violute.cli.terminal.output import say, say_json
from violute.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float32

    from violute.audio.source import Source

LONGEST_SECONDS = 60.0


def rainbow(
    recording: Annotated[Path, Parameter(name="IN")],
    out: Annotated[Path | None, Parameter(name="OUT.png")] = None,
    /,
    *,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
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
    force
        Replace OUT if it exists.
    json
        Print one JSON document.
    quiet
        Print nothing but errors.
    """
    from violute.audio.file_source import FileSource
    from violute.drawing.png import write_picture
    from violute.drawing.rainbowgram import rainbowgram

    out = recording.with_name(f"{recording.stem}-rainbow.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: the picture is a PNG: name it {out.with_suffix('.png').name}")
    if out.exists() and not force:
        raise InputError(f"{out} exists: name another file, or add --force")
    source = FileSource(recording)
    write_picture(rainbowgram(beginning(source, LONGEST_SECONDS), source.sample_rate), out)
    if json:
        say_json({"out": str(out)})
    elif not quiet:
        say(str(out))
    return 0


def beginning(source: Source, seconds: float) -> Float32[np.ndarray, " sample"]:
    """Read the first seconds of a recording in mono, and no more of it.

    Raises:
        AudioError: The recording is damaged.
    """
    import numpy as np

    n_samples = int(seconds * source.sample_rate)
    blocks, n_read = [], 0
    for block in source.blocks():
        blocks.append(block.mean(axis=0))
        n_read += block.shape[1]
        if n_read >= n_samples:
            break
    return np.concatenate(blocks)[:n_samples]
