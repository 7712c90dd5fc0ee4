"""Which file becomes which: one recording, several, or whole folders with their tree kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath

from violute.audio.file_source import STANDARD_INPUT
from violute.audio.formats import AUDIO_SUFFIXES, FORMATS, visible_files
from violute.errors import AudioError, InputError
from violute.voices.mix import DEFAULT_ROOM, Automation, Mix, MixLike
from violute.worklist.manifest import MANIFEST_NAME
from violute.worklist.places import Place, below, is_file, is_url, listed, name_of

_NAME_BYTES = 255
"""The longest name of a file, on nearly all systems."""

MARK = "-violute"
"""Part of every name that is made here; files that carry it are not converted again."""


@dataclass(frozen=True)
class PlannedConversion:
    """One file to convert.

    Attributes:
        source: The recording.
        destination: Where its hybrid goes.
        is_named: Whether the user named the destination, rather than a rule of this module.
        is_in_store: Whether an object store was seen to hold the destination.
    """

    source: Place
    destination: Place
    is_named: bool = False
    is_in_store: bool = False

    def is_done(self) -> bool:
        """Whether something lies at the destination."""
        return self.is_in_store or (isinstance(self.destination, Path) and self.destination.exists())

    def folders_to_make(self) -> list[Path]:
        """List the folders of this machine that a destination needs which a rule named, deepest first."""
        if self.is_named or not isinstance(self.destination, Path):
            return []
        folder = self.destination.parent
        return [path for path in (folder, *folder.parents) if not path.exists()]


def plan_conversions(
    inputs: Sequence[str | Path], output: str | Path | None = None, *, label: str
) -> list[PlannedConversion]:
    """Pair every recording with its destination.

    A made name is `<stem>-violute-<label>` with the recording's extension, or `.wav` where that
    format cannot be written. Without `output` a file's hybrid goes beside the file, and a folder's
    into a folder `<name>-violute` beside the folder. `output` is taken for a folder if it is one,
    ends in a slash or has no extension; several inputs and folders need that.

    Args:
        inputs: Files and folders; a folder stands for every recording below it, known by extension.
        output: File or folder, or None.
        label: Says what was done, as `mix_label` does.

    Raises:
        InputError: No input, a folder without recordings, or an `output` that cannot hold them.
    """
    if not inputs:
        raise InputError("no recording was given: name a file or a folder, as in `violute convert solo.wav`")
    sources = [Path(item) for item in inputs]
    folder = as_folder(output)
    if output is not None and folder is None:
        if len(sources) > 1 or sources[0].is_dir():
            what = f"{len(sources)} inputs need" if len(sources) > 1 else "a folder needs"
            raise InputError(f"{output}: this is one file, and {what} a folder: name a folder instead")
        return [PlannedConversion(sources[0], Path(output), is_named=True)]
    plans: list[PlannedConversion] = []
    taken: set[Path] = set()
    for source in sources:
        if source.is_dir():
            root = results_folder(source, folder)
            found = _recordings(source, skip=root)
            targets = [(path, root / path.relative_to(source).parent) for path in found]
        else:
            targets = [(source, folder or source.parent)]
        for path, parent in targets:
            destination = _made_name(path, parent, label, taken)
            taken.add(destination)
            plans.append(PlannedConversion(path, destination))
    return plans


def refuse_to_replace(plans: Sequence[PlannedConversion]) -> None:
    """Keep what is there already under a name that the user gave: it may be a recording of theirs.

    A source that is its own destination is left to the conversion, which knows a better complaint.

    Raises:
        InputError: A named destination exists.
    """
    for plan in plans:
        source, destination = plan.source, plan.destination
        if not plan.is_named or not plan.is_done() or not isinstance(destination, Path):
            continue
        if not (isinstance(source, Path) and source.exists() and source.samefile(destination)):
            raise InputError(
                f"{plan.destination} exists: give --force to replace it, or name another file "
                "(the last path is OUT)"
            )


def mix_label(mix: MixLike) -> str:
    """Name a mix in a few letters, for file names: `mix0.50`, `tone0.30-noise0.80-...`, `mix-moving-3fa2c1`.

    Other mixes have other names, so that what is there already is known for what it is.
    """
    if not isinstance(mix, Mix):
        return _dial_label("mix", mix)
    dials = {field.name: getattr(mix, field.name) for field in fields(Mix)}
    room = dials.pop("room")
    parts = [_dial_label("mix", mix.tone)]
    if len(set(dials.values())) > 1:
        parts = [_dial_label(name, value) for name, value in dials.items()]
    if room != DEFAULT_ROOM:
        parts.append(_dial_label("room", room))
    return "-".join(parts)


def _dial_label(name: str, value: float | Automation) -> str:
    if isinstance(value, (int, float)):
        short = f"{value:.2f}"
        return name + (short if float(short) == value else f"{value:.6g}")
    course = repr([(float(seconds), float(mix)) for seconds, mix in value])
    return f"{name}-moving-{hashlib.sha256(course.encode()).hexdigest()[:6]}"


def as_folder(output: str | Path | None) -> Path | None:
    """Return `output` as a folder, or None where it is a file or absent."""
    if output is None:
        return None
    path = Path(output)
    is_folder = path.is_dir() or str(output).endswith(("/", "\\")) or (not path.suffix and not path.exists())
    return path if is_folder else None


def left_out(inputs: Sequence[str | Path], output: str | Path | None = None) -> list[Path]:
    """List the files of folders that are no recordings by their names, in order; hidden ones do not count."""
    folder = as_folder(output)
    return [
        path
        for source in map(Path, inputs)
        if source.is_dir()
        for path in _files(source, skip=results_folder(source, folder))
        if path.suffix.lower() not in AUDIO_SUFFIXES and path.name != MANIFEST_NAME
    ]


def results_folder(source: Path, folder: Path | None) -> Path:
    """Return the folder that a folder's hybrids go to."""
    return folder or source.resolve().with_name(source.resolve().name + MARK)


def _recordings(folder: Path, *, skip: Path) -> list[Path]:
    """List the recordings below a folder, in order.

    Raises:
        AudioError: There are none.
    """
    found = [path for path in _files(folder, skip=skip) if path.suffix.lower() in AUDIO_SUFFIXES]
    if not found:
        extensions = " ".join(sorted(AUDIO_SUFFIXES))
        raise AudioError(f"{folder}: the folder holds no recordings: give one with files of {extensions}")
    return found


def plan_in_stores(
    inputs: Sequence[str], output: str | None = None, *, label: str
) -> tuple[list[PlannedConversion], Place | None]:
    """Pair every recording with its destination; see `plan_conversions`.

    Args:
        inputs: Files and folders, by path or URL.
        output: Folder, by path or URL; without one a file's hybrid goes beside the file, a folder's into a
            folder `<name>-violute` beside the folder.
        label: Says what was done, as `mix_label` does.

    Returns:
        The plans, and the folder that hybrids of folders go to, if there is one.

    Raises:
        InputError: A store refuses, an input holds no recordings, or the output is one file.
    """
    plans: list[PlannedConversion] = []
    taken: set[Path] = set()
    of_folders: Place | None = None
    for item in inputs:
        source: Place = item.rstrip("/") if is_url(item) else Path(item)
        is_folder = source.is_dir() if isinstance(source, Path) else not is_file(source)
        root = _store_root(source, output, is_folder=is_folder)
        of_folders = root if is_folder else of_folders
        there = listed(root) if isinstance(root, str) else {}
        for name in _names_below(source) if is_folder else [""]:
            recording = below(source, name) if name else source
            path = _made_name(Path(name_of(recording)), Path(PurePosixPath(name).parent), label, taken)
            taken.add(path)
            plans.append(
                PlannedConversion(
                    recording, below(root, path.as_posix()), is_in_store=path.as_posix() in there
                )
            )
    return plans, of_folders


def _names_below(folder: Place) -> list[str]:
    """List the recordings of a folder by their names below it, in order.

    Raises:
        InputError: There are none.
    """
    if isinstance(folder, Path):
        found = _recordings(folder, skip=folder)
        return [path.relative_to(folder).as_posix() for path in found]
    names = [
        name
        for name in sorted(listed(folder))
        if Path(name).suffix.lower() in AUDIO_SUFFIXES and f"{MARK}-" not in Path(name).stem
    ]
    if not names:
        raise InputError(f"{folder}: there are no recordings below it: check the URL and the bucket's region")
    return names


def _store_root(source: Place, output: str | None, *, is_folder: bool) -> Place:
    """Return the folder of the hybrids of a file or a folder.

    Raises:
        InputError: The output is named as one file.
    """
    if output is None:
        if is_folder:
            return f"{source}{MARK}"
        return str(source).rpartition("/")[0]
    folder = output.rstrip("/") if is_url(output) else as_folder(output)
    if folder is None or (isinstance(folder, str) and Path(name_of(folder)).suffix.lower() in AUDIO_SUFFIXES):
        raise InputError(f"{output}: this is one file: to or from a store, name a folder, such as hybrids/")
    return folder


def _files(folder: Path, *, skip: Path) -> list[Path]:
    """List the files below a folder, in order, without hidden ones and what Violute made itself."""
    skip = skip.resolve()
    inside = skip != folder.resolve()
    return [
        path
        for path in visible_files(folder)
        if f"{MARK}-" not in path.stem and not (inside and path.resolve().is_relative_to(skip))
    ]


def _made_name(source: Path, folder: Path, label: str, taken: set[Path]) -> Path:
    """Name the hybrid of a recording; `solo.mp3` beside `solo.wav` keeps its kind in the name."""
    extension = source.suffix if source.suffix.lower() in FORMATS else ".wav"
    stem = "stdin" if str(source) == STANDARD_INPUT else source.stem
    end = f"{MARK}-{label}{extension}"
    path = folder / _fitting(stem, end)
    if path in taken:
        path = folder / _fitting(stem, f"-{source.suffix.lstrip('.')}{end}")
    count = 2
    while path in taken:
        path = folder / _fitting(stem, f"-{count}{end}")
        count += 1
    return path


def _fitting(stem: str, end: str) -> str:
    """Join both ends of a name; where it is too long for a file system, a digest stands for the rest."""
    room = _NAME_BYTES - len(os.fsencode(end))
    content = os.fsencode(stem)
    if len(content) <= room:
        return stem + end
    digest = "-" + hashlib.sha256(content).hexdigest()[:8]
    # Letter by letter, so that none is cut in two.
    while len(os.fsencode(stem)) > room - len(digest):
        stem = stem[:-1]
    return stem + digest + end
