"""A manifest of anyone's recordings: every file of a folder read once and put into figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from violute.data.manifest import Manifest, ManifestEntry, duplicates, traps_of
from violute.data.recordings import matches, recordings_in
from violute.data.sound_report import SoundReport, report_sound
from violute.data.splits import HELD_OUT, TRAIN
from violute.errors import AudioError, DataError
from violute.worklist.engine import HERE, Engine


@dataclass(frozen=True)
class FolderReport:
    """What became of a folder's files.

    Attributes:
        manifest: Of the files that hold a recording.
        failed: The others: a line each that names the file, the reason and what to do.
    """

    manifest: Manifest
    failed: tuple[str, ...]


def report_folder(
    folder: str | Path,
    *,
    manifest_folder: str | Path | None = None,
    licence: str = "",
    hold_out: Sequence[str] = (),
    engine: Engine = HERE,
    on_progress: Callable[[float, str], None] | None = None,
) -> FolderReport:
    """Measure the recordings of a folder and its sub-folders, for a manifest in `manifest_folder` or there.

    A recording's instrument is the name of the sub-folder of `folder` in which it lies, or else of
    `folder` itself. A file with a segment map counts as one recording here. `hold_out` are patterns as for
    `list_recordings`; `on_progress` hears the share of the bytes done, 0 to 1, and the file that was done.

    Raises:
        DataError: There is no such folder, or no recording in it can be used.
    """
    folder = Path(folder)
    paths = recordings_in(folder)
    sizes = np.cumsum([path.stat().st_size for path in paths])
    sounds = engine.for_bytes(int(sizes[-1])).results(_report, paths)
    entries, failed = [], []
    for path, reached, sound in zip(paths, sizes, sounds, strict=True):
        relative = path.relative_to(folder)
        if on_progress is not None:
            on_progress(float(reached / max(sizes[-1], 1)), relative.as_posix())
        if isinstance(sound, str):
            failed.append(sound)
            continue
        is_held_out = matches((path.stem, path.name, relative.as_posix()), hold_out)
        entries.append(
            ManifestEntry(
                path=_relative(path, Path(manifest_folder or folder)),
                instrument=relative.parts[0] if len(relative.parts) > 1 else folder.resolve().name,
                split=HELD_OUT if is_held_out else TRAIN,
                sound=sound,
                traps=traps_of(sound),
            )
        )
    if not entries:
        more = f", nor can the other {len(failed) - 1}" if len(failed) > 1 else ""
        raise DataError(f"{folder}: no recording in it can be used: {failed[0]}{more}")
    manifest = Manifest(folder.resolve().name, licence, "", tuple(entries), duplicates(entries))
    return FolderReport(manifest, tuple(failed))


def _report(path: Path) -> SoundReport | str:
    """Measure a file, or say why that cannot be."""
    try:
        return report_sound(path)
    except AudioError as error:
        return str(error)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive, on Windows
        return path.resolve().as_posix()
