"""`violute rainbow`: a recording as a rainbowgram, where colour tells how the phase moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.options import Flag
from violute.cli.output import say, say_json
from violute.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

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
    from violute.audio.read import read
    from violute.cli.rainbowgram import rainbowgram

    out = recording.with_name(f"{recording.stem}-rainbow.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: the picture is a PNG: name it {out.with_suffix('.png').name}")
    if out.exists() and not force:
        raise InputError(f"{out} exists: name another file, or add --force")
    audio, sample_rate = read(recording)
    mono = audio[:, : int(LONGEST_SECONDS * sample_rate)].mean(axis=0)
    write_picture(rainbowgram(mono, sample_rate), out)
    if json:
        say_json({"out": str(out)})
    elif not quiet:
        say(str(out))
    return 0


def write_picture(pixels: UInt8[np.ndarray, "row column 3"], picture: Path) -> None:
    """Write a picture whole or not at all.

    Raises:
        InputError: The disk refuses.
    """
    from violute.cli.png import png_bytes

    partial = picture.with_name(f".{picture.name}.part")
    try:
        partial.write_bytes(png_bytes(pixels))
        partial.replace(picture)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{picture}: the picture cannot be written ({reason}): name another") from None
    finally:
        partial.unlink(missing_ok=True)
