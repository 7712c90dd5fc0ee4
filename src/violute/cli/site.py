"""`violute site`: a page that plays the voice live, for any static host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import Json, Quiet
from violute.cli.terminal.output import say_done


def site(
    out: Annotated[Path, Parameter(name="OUT")],
    /,
    *,
    voice: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write a page on which the voice plays live: no server of ours, any static host will do.

    The page plays the microphone or a dropped recording through the voice while the dials turn, saves WAV
    files, and works offline once it was opened. Look at it with `python -m http.server --directory OUT`.

    Parameters
    ----------
    out
        Folder to write; a site that is there already is replaced, anything else is left alone.
    voice
        Voice of the family ddsp, by name or file; give it more than once for a choice. Default: violin-flute.
    """
    from violute.site.write import write_site
    from violute.voices.load import DEFAULT_VOICE

    written = write_site(out, voice or [DEFAULT_VOICE])
    document = {"out": str(out), "n_files": written.n_files, "n_bytes": written.n_bytes}
    line = f"{out} ({written.n_files} files, {written.n_bytes / 1e6:.1f} MB)"
    say_done(f"{line}: python -m http.server --directory {out}", document, json=json, quiet=quiet)
    return 0
