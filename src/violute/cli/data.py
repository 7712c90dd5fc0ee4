"""`violute data`: recordings to learn from, fetched or looked through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from violute.cli.terminal.extras import engine_of
from violute.cli.terminal.options import ClusterAddress, Flag, HoldOut, Jobs, Json, Names, Quiet
from violute.cli.terminal.output import complain, say, say_json
from violute.cli.terminal.progress import progress_bars
from violute.data.splits import HOLD_OUT
from violute.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from violute.data.manifest import Manifest
    from violute.data.musicnet.catalogue import Release


_ROW = "{:<9} {:<9} {:>8} {:>7} {:>7} {:>8} {:>7} {:>7} {:>9}  {}"

data_app = App(name="data", help="Fetch recordings to learn from, or look through your own.")


@data_app.command
def musicnet(
    *,
    out: Path,
    ensembles: Names = (),
    everything: Annotated[Flag, Parameter(name="--all")] = False,
    archive: Path | None = None,
    metadata: Path | None = None,
    keep_archive: Flag = False,
    polyphonic: Literal["leave-out", "keep"] = "leave-out",
    url: str | None = None,
    checksums: Path | None = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Fetch solo violin and solo flute of MusicNet (CC BY 4.0): about 400 MB out of an archive of 11 GB.

    The archive is read as a stream and only what is wanted is kept, as OUT/violin/ID.wav and
    OUT/flute/ID.wav, with OUT/labels/ID.csv, OUT/metadata.csv, OUT/manifest.json (licence, citation,
    figures and traps of each recording) and OUT/held_out.txt for --hold-out. A connection that breaks
    is taken up where it was. A run that was stopped is run again: recordings that are there are kept
    (one that was changed since it came is fetched anew), but the archive, being one gzip stream, is
    read from its start; with --keep-archive it goes on.

    Where a violin, flute or cello plays several notes at once, by the labels, training leaves it out:
    a segment map OUT/violin/ID.wav.json names the single lines of 1 s and more. Held-out recordings
    stay whole.

    Parameters
    ----------
    out
        Folder to make or to complete.
    ensembles
        Whose recordings to fetch, as the metadata names them. Default: "Solo Violin" "Solo Flute".
    everything
        Fetch all 330 recordings (22 GB), and compare the archive's md5.
    archive
        Copy of musicnet.tar.gz at hand, read instead of the net; its md5 is compared first.
    metadata
        Copy of musicnet_metadata.csv at hand. Default: that beside --archive, else the net's.
    keep_archive
        Fetch the whole archive into OUT and keep it (11 GB more): its md5 is compared, and a
        fetch that was stopped goes on where it was.
    polyphonic
        What training does with several notes at once: "leave-out", or "keep" for families that learn
        from chords too; run the command again to change it.
    url
        Address of a folder that holds musicnet.tar.gz and musicnet_metadata.csv. Default: Zenodo.
    checksums
        Text file as md5sum writes it, for a mirror that holds other files than the official release.
    """
    from violute.data.musicnet.catalogue import SOLO_ENSEMBLES
    from violute.data.musicnet.fetch import fetch_musicnet

    if everything and ensembles:
        raise InputError("both --all and --ensembles came: choose one, --all is every ensemble")
    with progress_bars(shown=not (quiet or json)) as start:
        fetched = fetch_musicnet(
            out,
            ensembles=None if everything else ensembles or SOLO_ENSEMBLES,
            archive=archive,
            metadata=metadata,
            keep_archive=keep_archive,
            release=_release(url, checksums),
            leave_out_chords=polyphonic == "leave-out",
            on_progress=_stage_bar(start),
            on_notice=lambda line: None if quiet or json else complain(f"note: {line}"),
        )
    manifest = fetched.manifest
    if json:
        say_json(
            {"out": str(out), "n_new": fetched.n_new, "failed": list(fetched.failed), **manifest.as_json()}
        )
    elif not quiet:
        minutes = ", ".join(f"{name} {seconds / 60:.0f} min" for name, seconds in manifest.seconds().items())
        say(f"{out}: {len(manifest.recordings)} recordings ({fetched.n_new} new), {minutes or 'nothing'}")
        say(f"archive: {manifest.checks['archive']}")
        left_out = [entry for entry in manifest.recordings if entry.left_out_seconds]
        if left_out:
            seconds = sum(entry.left_out_seconds for entry in left_out)
            names = ", ".join(Path(entry.path).stem for entry in left_out)
            say(f"left out of training: {seconds:.0f} s of chords in {names} (see --polyphonic)")
        say(f"{manifest.licence}: {manifest.citation}")
    for line in fetched.failed:
        complain(line)
    return 2 if fetched.failed else 0


@data_app.command
def folder(
    folder: Annotated[Path, Parameter(name="DIR")],
    /,
    *,
    out: Path | None = None,
    licence: str = "",
    hold_out: HoldOut = HOLD_OUT,
    force: Flag = False,
    jobs: Jobs = None,
    cluster: ClusterAddress = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Look through a folder of recordings: length, loudness, clipping, duplicates; writes DIR/manifest.json.

    Prints a line for each file and what to mind of it (silence and several notes at once too), and writes a
    manifest as `violute data musicnet` does, into DIR unless --out names another place. The instrument is
    the sub-folder's name. Files that cannot be used are named at the end and left out of the manifest.

    Parameters
    ----------
    folder
        Folder of recordings, searched through and through.
    out
        Manifest to write. Default: manifest.json in the folder.
    licence
        Of the recordings, for the manifest.
    force
        Replace a manifest that is there.
    """
    from violute.cli.train import read_hold_out
    from violute.data.folder_report import report_folder
    from violute.data.manifest import MANIFEST_NAME, write_manifest

    engine = engine_of(jobs, cluster)
    path = out or folder / MANIFEST_NAME
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file for the manifest, such as {path / MANIFEST_NAME}")
    if path.exists() and not force:
        raise InputError(f"{path} exists: name another --out, or add --force")
    if not path.parent.is_dir() and folder.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}: make it, or name another --out")
    with progress_bars(shown=not (quiet or json)) as start:
        report = report_folder(
            folder,
            manifest_folder=path.parent,
            licence=licence,
            hold_out=read_hold_out(hold_out),
            engine=engine,
            on_progress=lambda share, name: start(name)(share),
        )
    write_manifest(report.manifest, path, overwrite=force)
    if json:
        say_json({"out": str(path), "failed": list(report.failed), **report.manifest.as_json()})
    elif not quiet:
        _say_table(report.manifest)
        say(f"manifest written: {path}")
    for line in report.failed:
        complain(line)
    return 2 if report.failed else 0


def _release(url: str | None, checksums: Path | None) -> Release:
    """Return the official release, or a mirror's."""
    from dataclasses import replace

    from violute.data.musicnet.catalogue import OFFICIAL, with_checksums

    release = OFFICIAL if checksums is None else with_checksums(OFFICIAL, checksums)
    if url is None:
        return release
    base = url.rstrip("/").replace("{", "%7B").replace("}", "%7D")
    return replace(release, url=base + "/{name}")


def _stage_bar(start: Callable[[str], Callable[[float], None]]) -> Callable[[str, float], None]:
    """Return what moves the bar of a stage, and opens another at the next stage."""
    bars: dict[str, Callable[[float], None]] = {}

    def show(stage: str, share: float) -> None:
        if stage not in bars:
            bars.clear()
            bars[stage] = start(stage)
        bars[stage](share)

    return show


def _say_table(manifest: Manifest) -> None:
    say(
        _ROW.format(
            "PLAYS", "SPLIT", "SECONDS", "LUFS", "DBTP", "CLIPPED", "SILENT", "CHORDS", "UP TO", "FILE"
        )
    )
    for entry in manifest.recordings:
        sound = entry.sound
        say(
            _ROW.format(
                entry.instrument,
                entry.split,
                f"{sound.seconds:.1f}",
                f"{sound.loudness_lufs:.1f}",
                f"{sound.true_peak_db:+.1f}",
                f"{100 * sound.clipped_share:.3f}%",
                f"{100 * sound.silent_share:.0f}%",
                f"{100 * sound.polyphonic_share:.0f}%",
                f"{sound.bandwidth_hz / 1000:.1f}kHz",
                entry.path,
            )
        )
        for trap in entry.traps:
            say(f"{'':10}! {trap}")
    for group in manifest.duplicates:
        say(f"duplicates: {', '.join(group)}")
    total = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in manifest.seconds().items())
    say(f"{len(manifest.recordings)} recordings: {total}")
