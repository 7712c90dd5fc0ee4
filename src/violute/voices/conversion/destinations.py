"""Which file becomes which: one recording, several, or whole folders with their tree kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

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
        folder: Of the hybrids of the folder that the recording was found in; None if it was named itself.
    """

    source: Place
    destination: Place
    is_named: bool = False
    is_in_store: bool = False
    folder: Place | None = None

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
    inputs: Sequence[Place], output: Place | None = None, *, label: str
) -> list[PlannedConversion]:
    """Pair every recording with its destination.

    A made name is `<stem>-violute-<label>` with the recording's extension, or `.wav` where that
    format cannot be written. Without `output` a file's hybrid goes beside the file, and a folder's
    into a folder `<name>-violute` beside the folder. `output` is taken for a folder if it is one,
    ends in a slash or has no extension; several inputs, folders and stores need that.

    Args:
        inputs: Files and folders, by path or URL; a folder stands for every recording below it, known by
            extension.
        output: File or folder, by path or URL, or None.
        label: Says what was done, as `mix_label` does.

    Raises:
        InputError: No input, a folder without recordings, a store that refuses, or an `output` that cannot
            hold them.
    """
    if not inputs:
        raise InputError("no recording was given: name a file or a folder, as in `violute convert solo.wav`")
    sources = [_place(item) for item in inputs]
    folder = as_folder(output)
    if output is not None and folder is None:
        if any(map(is_url, (*sources, output))):
            raise InputError(
                f"{output}: this is one file: to or from a store, name a folder, such as hybrids/"
            )
        if len(sources) > 1 or _is_folder(sources[0]):
            what = f"{len(sources)} inputs need" if len(sources) > 1 else "a folder needs"
            raise InputError(f"{output}: this is one file, and {what} a folder: name a folder instead")
        return [PlannedConversion(sources[0], Path(output), is_named=True)]
    plans: list[PlannedConversion] = []
    taken: set[Place] = set()
    for source in sources:
        is_folder = _is_folder(source)
        beside = source.parent if isinstance(source, Path) else source.rpartition("/")[0]
        root = results_folder(source, folder) if is_folder else folder or beside
        there = listed(root) if isinstance(root, str) else {}
        for name in _names_below(source, skip=root) if is_folder else [name_of(source)]:
            parent, _, file_name = name.rpartition("/")
            place = below(root, parent) if parent else root
            destination = _made_name(file_name, place, label, taken)
            taken.add(destination)
            plans.append(
                PlannedConversion(
                    below(source, name) if is_folder else source,
                    destination,
                    is_in_store=str(destination).removeprefix(f"{root}/") in there,
                    folder=root if is_folder else None,
                )
            )
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


def as_folder(output: Place | None) -> Place | None:
    """Return `output` as a folder, or None where it is a file or absent."""
    if output is None:
        return None
    if is_url(output):
        return None if Path(name_of(output)).suffix.lower() in AUDIO_SUFFIXES else _place(output)
    path = Path(output)
    is_folder = path.is_dir() or str(output).endswith(("/", "\\")) or (not path.suffix and not path.exists())
    return path if is_folder else None


def left_out(inputs: Sequence[Place], output: Place | None = None) -> list[Path]:
    """List the files of folders that are no recordings by their names, in order; hidden ones do not count."""
    folder = as_folder(output)
    return [
        path
        for source in map(_place, inputs)
        if isinstance(source, Path) and source.is_dir()
        for path in _files(source, skip=results_folder(source, folder))
        if path.suffix.lower() not in AUDIO_SUFFIXES and path.name != MANIFEST_NAME
    ]


def results_folder(source: Place, folder: Place | None) -> Place:
    """Return the folder that a folder's hybrids go to."""
    if folder is not None:
        return folder
    if isinstance(source, str):
        return source + MARK
    return source.resolve().with_name(source.resolve().name + MARK)


def _place(item: Place) -> Place:
    return str(item).rstrip("/") if is_url(item) else Path(item)


def _is_folder(place: Place) -> bool:
    return place.is_dir() if isinstance(place, Path) else not is_file(place)


def _names_below(folder: Place, *, skip: Place) -> list[str]:
    """List the recordings of a folder by their names below it, in order."""
    if isinstance(folder, Path):
        files = _files(folder, skip=skip)
        names = [path.relative_to(folder).as_posix() for path in files]
    else:
        names = [name for name in sorted(listed(folder)) if f"{MARK}-" not in Path(name).stem]
    found = [name for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES]
    if not found and isinstance(folder, Path):
        extensions = " ".join(sorted(AUDIO_SUFFIXES))
        raise AudioError(f"{folder}: the folder holds no recordings: give one with files of {extensions}")
    if not found:
        raise InputError(f"{folder}: there are no recordings below it: check the URL and the bucket's region")
    return found


def _files(folder: Path, *, skip: Place) -> list[Path]:
    """List the files below a folder, in order, without hidden ones and what Violute made itself."""
    own = skip.resolve() if isinstance(skip, Path) else folder.resolve()
    inside = own != folder.resolve()
    return [
        path
        for path in visible_files(folder)
        if f"{MARK}-" not in path.stem and not (inside and path.resolve().is_relative_to(own))
    ]


def _made_name(name: str, folder: Place, label: str, taken: set[Place]) -> Place:
    """Name the hybrid of a recording; `solo.mp3` beside `solo.wav` keeps its kind in the name."""
    suffix = Path(name).suffix
    stem = "stdin" if name == STANDARD_INPUT else Path(name).stem
    end = f"{MARK}-{label}{suffix if suffix.lower() in FORMATS else '.wav'}"
    place = below(folder, _fitting(stem, end))
    if place in taken:
        place = below(folder, _fitting(stem, f"-{suffix.lstrip('.')}{end}"))
    count = 2
    while place in taken:
        place = below(folder, _fitting(stem, f"-{count}{end}"))
        count += 1
    return place


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
