"""`violute demo`: the example pieces at five mixes, and a picture of them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import Flag, Json, Quiet, VoiceName
from violute.cli.terminal.output import refuse_existing, say, say_done
from violute.cli.terminal.progress import progress_bars
from violute.whole_file import make_folder

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float32

    from violute.drawing.spectrogram_sheet import Panel

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
PICTURE_SECONDS = 7.0
"""Start of each piece that the picture shows: more would blur the notes."""


LISTEN = """Listen to the files of one piece, from mix 0.00 ({0}) to 1.00 ({1}). Notes, timing and loudness
stay; the colour of held notes, breath or bow beside them, and attacks change. At 0.50 one instrument plays
that is neither. In the picture the partials above 5 kHz grow with the mix.
Next: `violute convert YOUR.wav{2} --mix 0.5`, or `violute studio` to turn the dial while it plays."""
"""What to hear in the files, by the names of the ends and the option that names the voice."""


def demo(
    *,
    out: Path | None = None,
    voice: VoiceName = None,
    force: Annotated[Flag, Parameter(help="Replace the files of an earlier demo.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Play two shipped pieces, those of the voice's instruments, at five mixes.

    Writes a WAV file for each piece and mix and `spectrograms.png`, which shows them side by side.
    Nothing is replaced without --force.

    Parameters
    ----------
    out
        Folder for the results; made if it doesn't exist. Default: violute-demo, or with a voice
        violute-demo-VOICE.
    """
    from violute.audio.read import read
    from violute.audio.source import ArraySource
    from violute.audio.write import AudioWriter
    from violute.drawing.png import write_picture
    from violute.drawing.spectrogram_sheet import draw_page
    from violute.examples import pieces_for
    from violute.voices.load import load_voice

    player = load_voice(voice)
    if out is None:
        out = Path("violute-demo" if voice is None else f"violute-demo-{Path(voice).stem}")
    make_folder(out, remedy="name another with --out")
    ends = player.card.ends
    pieces = pieces_for(ends)
    picture = out / "spectrograms.png"
    targets = {path: [out / f"{path.stem}-mix{mix:.2f}.wav" for mix in MIXES] for path in pieces.values()}
    for target in (picture, *chain(*targets.values())):
        refuse_existing(target, replace=force, remedy="name another folder with --out")
    written: list[dict[str, object]] = []
    rows: list[tuple[str, list[Panel]]] = []
    with progress_bars(shown=not (quiet or json)) as start:
        for instrument, path in pieces.items():
            audio, sample_rate = read(path)
            take = player.analyse_source(
                ArraySource(audio, sample_rate, path.name), on_progress=start(f"listening to {path.stem}")
            )
            panels = [_panel(audio, sample_rate)]
            for mix, target in zip(MIXES, targets[path], strict=True):
                hybrid = take.render(mix, on_progress=start(f"{path.stem} at mix {mix:.2f}"))
                with AudioWriter(target, sample_rate, len(hybrid), overwrite=force) as writer:
                    writer.write(hybrid)
                panels.append(_panel(hybrid, sample_rate))
                written.append({"source": path.name, "mix": mix, "path": str(target)})
                if not (quiet or json):
                    say(str(target))
            rows.append((f"{path.stem}, {instrument} in", panels))
        titles = ["example", f"mix 0: {ends[0]}", "0.25", "0.5", "0.75", f"mix 1: {ends[1]}"]
        write_picture(draw_page(rows, titles), picture, overwrite=force)
    document = {"voice": player.card.name, "written": written, "picture": str(picture)}
    say_done(
        f"{picture}\n\n{LISTEN.format(*ends, '' if voice is None else f' --voice {voice}')}",
        document,
        json=json,
        quiet=quiet,
    )
    return 0


def _panel(audio: Float32[np.ndarray, "channel sample"], sample_rate: int) -> Panel:
    """Return the first seconds of a piece, in mono, as they are drawn."""
    from violute.drawing.spectrogram_sheet import Panel

    return Panel(audio[:, : int(PICTURE_SECONDS * sample_rate)].mean(axis=0), sample_rate)
