"""`violute prepare`: recordings as arrays and images of five seconds, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from violute.cli.terminal.extras import engine_of, require_extra
from violute.cli.terminal.options import ClusterAddress, Flag, Force, Jobs, Json, Names, Quiet
from violute.cli.terminal.output import complain, refuse_existing, say_done
from violute.cli.terminal.progress import progress_bars
from violute.cli.train import held_out_sayer, read_hold_out
from violute.data.splits import HOLD_OUT
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.data.pictures.store import Split

prepare_app = App(name="prepare")


@prepare_app.default
def prepare(
    *folders: Annotated[Path, Parameter(name="FOLDER...")],
    out: Path,
    preset: Literal["detail", "assignment"] = "detail",
    instruments: Names = (),
    seconds: float = 5.0,
    overlap: float = 0.0,
    gate_db: float = -50.0,
    hold_out: Names = HOLD_OUT,
    phase: Flag = False,
    no_images: Flag = False,
    no_arrays: Flag = False,
    jobs: Jobs = None,
    cluster: ClusterAddress = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Cut recordings into snippets and write their spectrograms as arrays and as images.

    OUT gets train.npy and held_out.npy (snippet, 1024, 128), store.json with settings and index, images/ with
    one 16-bit PNG a picture, and contact_sheet.png. The same command goes on after a stop. `violute prepare
    invert` turns a picture back into sound. Needs `pip install 'violute[train]'`.

    Parameters
    ----------
    folders
        Folders of recordings named for their instruments (flute, violin), or folders of such folders.
    out
        Folder to write: a new one, or one to go on with.
    preset
        detail: 44.1 kHz, a frame every 10 ms, five seconds are four pictures of 1024 x 128; what recipes of
        `violute train` learn from, but for those named assignment. assignment: 22.05 kHz, five seconds are
        one picture of 1024 x 128.
    instruments
        Prepare these only. Default: every folder that holds recordings.
    seconds
        Length of a snippet, in seconds.
    overlap
        Share of a snippet, or of a picture where several make a snippet, in common with the next, 0 to 0.95.
    gate_db
        Leave out what is silent: three quarters of its frames at or below this level, in dB relative to the
        loudest frame of its file.
    hold_out
        Recordings for the held-out split: glob patterns, or text files of patterns, one a line. Segments of
        a segment map are recordings of their own. Default: 2204 and 2191, MusicNet's flute and violin for
        testing.
    phase
        Keep phases in the store. Without, they are recomputed from the recordings when they are needed.
    no_images
        Write arrays only.
    no_arrays
        Write images only.
    """
    if not folders:
        raise InputError("no folder: name folders of recordings, such as flute and violin")
    if no_images and no_arrays:
        raise InputError("--no-images and --no-arrays leave nothing to write: drop one of them")
    engine = engine_of(jobs, cluster)
    patterns = read_hold_out(hold_out)
    from violute.data.instrument_folders import instrument_folders

    found = instrument_folders(folders, only=instruments)  # before what takes a while to import
    modules = (f"violute.data.pictures.{name}" for name in ("prepare", "contact_sheet"))
    require_extra("train", "preparing needs", *modules)
    from violute.data.pictures.contact_sheet import counted, write_contact_sheet
    from violute.data.pictures.images import write_images
    from violute.data.pictures.prepare import prepare as make_store
    from violute.data.pictures.snippets import SnippetSettings
    from violute.data.pictures.store import drop_arrays
    from violute.transforms.spectrogram import PRESETS

    snippets = SnippetSettings(seconds, overlap, gate_db)
    with progress_bars(shown=not (quiet or json)) as start:
        store = make_store(
            found,
            out,
            PRESETS[preset],
            snippets=snippets,
            hold_out=patterns,
            with_phase=phase,
            engine=engine,
            on_begin=held_out_sayer(found.values(), patterns, quiet=json or quiet),
            on_progress=start("cutting and transforming the recordings"),
            on_warning=lambda line: None if quiet else complain(f"warning: {line}"),
        )
        if not no_images:
            write_images(store, engine=engine, on_progress=start("writing images"))
    sheet = write_contact_sheet(store)
    if no_arrays:
        drop_arrays(store)
    counts = {name: _describe(split, store.instruments) for name, split in store.splits.items()}
    shares = ", ".join(
        f"{counted(sum(item['pictures'] for item in split.values()), 'picture')} of "
        f"{sum(item['seconds'] for item in split.values()) / 60:.1f} minutes {title}"
        for split, title in ((counts["train"], "to learn from"), (counts["held_out"], "held out"))
    )
    document = {"out": str(out), "preset": preset, "splits": counts, "images": not no_images}
    document |= {"arrays": not no_arrays, "contact_sheet": str(sheet)}
    say_done(f"{out} ({shares})", document, json=json, quiet=quiet)
    return 0


@prepare_app.command
def invert(
    picture: Annotated[str, Parameter(name="PICTURE")],
    out: Annotated[Path, Parameter(name="OUT.wav")],
    /,
    *,
    griffin_lim: Flag = False,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Turn a prepared picture back into sound.

    Phases are those kept by `--phase`, or else those of the recording if it lies where it did, or else found
    by Griffin-Lim; an image has none. Needs `pip install 'violute[train]'`.

    Parameters
    ----------
    picture
        An image (.png), or a picture of a store by its number: FOLDER:12, FOLDER:held_out:12.
    out
        Sound to write.
    griffin_lim
        Find phases even where there are true ones.
    """
    from violute.audio.write import write

    refuse_existing(out, replace=force)
    require_extra("train", "preparing needs", "violute.data.pictures.invert")
    from violute.data.pictures.invert import invert as sound_of

    inverted = sound_of(picture, always_find=griffin_lim)
    # Recordings from lossy files exceed full scale, which only floating point holds.
    subtype = "FLOAT" if out.suffix.lower() == ".wav" else None
    write(out, inverted.audio, inverted.sample_rate, subtype=subtype, overwrite=force)
    seconds = len(inverted.audio) / inverted.sample_rate
    missed, phase = inverted.spectral_convergence, inverted.phase
    document = {"out": str(out), "seconds": seconds, "sample_rate": inverted.sample_rate}
    document |= {"phase": phase, "spectral_convergence": missed}
    origin = {"stored": "kept", "recording": "of the recording", "griffin-lim": "by Griffin-Lim"}
    line = f"{out} ({seconds:.2f} s, phases {origin[phase]}, spectral convergence {missed:.2g})"
    say_done(line, document, json=json, quiet=quiet)
    return 0


def _describe(split: Split, instruments: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return pictures, recordings and seconds of a split, by instrument."""
    totals = {instrument: split.totals(instrument) for instrument in instruments}
    return {
        instrument: {"pictures": pictures, "recordings": recordings, "seconds": round(seconds, 3)}
        for instrument, (pictures, recordings, seconds) in totals.items()
    }
