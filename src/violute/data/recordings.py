"""Recordings in folders: what there is to learn from, cut at segment maps and held apart by name.

A folder is searched through and through; every audio file in it is one recording. A file with a
sidecar `NAME.EXT.json` is many notes or phrases joined together: its sidecar is a segment map,
`{"gain": ..., "items": [{"src": ..., "start": seconds, "end": seconds}]}`, and each item is a
recording of its own, so that no statistic runs across a joint and splits go by recording.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.audio.formats import AUDIO_SUFFIXES, audio_files
from violute.audio.read import read_mono
from violute.errors import AudioError, DataError, TrainingError


@dataclass(frozen=True)
class Recording:
    """One performance, phrase or note: a file, or a part of one.

    Attributes:
        name: File name without its ending; for a segment, that of the segment's own source.
        path: Of the audio file.
        start_seconds: Where it starts in the file.
        end_seconds: Where it ends; None is the end of the file.
        source: Name of the audio file. Recordings that share it share a player, a room and a
            microphone, so it is the group to balance by and to leave out together.
    """

    name: str
    path: Path
    start_seconds: float = 0.0
    end_seconds: float | None = None
    source: str = ""

    @property
    def extent(self) -> str:
        """Which part of its file it is."""
        return f"{self.start_seconds} to {self.end_seconds}"


def list_recordings(
    folder: str | Path, *, hold_out: Sequence[str] = (), select: Sequence[str] | None = None
) -> list[Recording]:
    """List the recordings of a folder and its sub-folders, by path and then by start.

    Args:
        folder: To search.
        hold_out: Glob patterns of recordings to leave out. A pattern is compared, case and all,
            with a recording's name, its file's name with and without ending, and its file's path
            within the folder.
        select: Glob patterns of the only recordings to keep; None keeps all.

    Raises:
        DataError: There is no such folder, or it holds no audio.
        TrainingError: A segment map is malformed.
    """
    folder = Path(folder)
    kept = []
    for path in recordings_in(folder):
        relative = path.relative_to(folder).as_posix()
        for recording in _recordings_of(path):
            keys = (recording.name, path.stem, path.name, relative)
            if matches(keys, hold_out) or (select is not None and not matches(keys, select)):
                continue
            kept.append(recording)
    return kept


def recordings_in(folder: Path) -> list[Path]:
    """List the audio files of a folder and its sub-folders.

    Raises:
        DataError: There is no such folder, or it holds no audio.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise DataError(f"{folder}: {what}: name a folder of recordings")
    paths = audio_files(folder)
    if not paths:
        endings = " ".join(sorted(AUDIO_SUFFIXES))
        raise DataError(f"{folder}: the folder holds no audio: put recordings into it, as one of {endings}")
    return paths


def read_patterns(path: str | Path) -> list[str]:
    """Read glob patterns for `list_recordings`: one a line, `#` begins a comment.

    A line `@NAME` stands for all patterns of the list NAME in the same folder.

    Raises:
        TrainingError: The file cannot be read as text, or a list that it names includes others.
    """
    patterns: list[str] = []
    for line in _pattern_lines(Path(path)):
        patterns += _pattern_lines(Path(path).with_name(line[1:])) if line.startswith("@") else [line]
    nested = next((pattern for pattern in patterns if pattern.startswith("@")), None)
    if nested is not None:
        raise TrainingError(f"{path}: a list that it names has {nested} in turn: name that one here as well")
    return patterns


def read_recording(
    recording: Recording, sample_rate: int, *, peak: float | None = None
) -> Float32[np.ndarray, " sample"]:
    """Read a recording in mono, as conversion reads it, at any rate.

    With `peak` its loudest sample has that magnitude; without, lossy files may exceed 1.

    Raises:
        SilentError: There is no sound between the recording's ends.
        AudioError: The file cannot be read, is cut off, or holds NaN.
    """
    start, end = recording.start_seconds, recording.end_seconds
    try:
        mono = read_mono(recording.path, sample_rate, start_seconds=start, end_seconds=end)
    except AudioError as error:
        if end is None:
            raise
        raise type(error)(f"{recording.name}, a part of {error}") from None
    loudest = float(np.max(np.abs(mono), initial=0.0))
    if peak is not None and loudest > 0.0:
        mono = mono * np.float32(peak / loudest)
    return np.asarray(mono, dtype=np.float32)


def matches(keys: Sequence[str], patterns: Sequence[str]) -> bool:
    """Tell whether a glob pattern fits one of a recording's names, case and all."""
    return any(fnmatchcase(key, pattern) for key in keys for pattern in patterns)


def _pattern_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TrainingError(
            f"{path}: cannot be read: give a text file with one glob pattern a line"
        ) from None
    return [pattern for line in lines if (pattern := line.split("#", 1)[0].strip())]


def _recordings_of(path: Path) -> list[Recording]:
    """Return the file as one recording, or one for each item of its segment map."""
    sidecar = path.with_name(path.name + ".json")
    if not sidecar.is_file():
        return [Recording(path.stem, path, source=path.name)]
    try:
        items = json.loads(sidecar.read_text(encoding="utf-8"))["items"]
        recordings = [
            Recording(Path(str(item["src"])).stem, path, float(item["start"]), float(item["end"]), path.name)
            for item in items
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise TrainingError(
            f"{sidecar}: malformed segment map: give items with src, start and end in seconds, or delete it"
        ) from None
    for recording in recordings:
        if not 0.0 <= recording.start_seconds < (recording.end_seconds or 0.0) < float("inf"):
            raise TrainingError(
                f"{sidecar}: {recording.name} runs from {recording.start_seconds:g} to "
                f"{recording.end_seconds:g} s: an item must end after it starts, at 0 or later"
            )
    return recordings
