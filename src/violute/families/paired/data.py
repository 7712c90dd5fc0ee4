"""What the paired model learns from: the sources of a set, and beside each the hybrids that were made of it.

The sources of a set are a folder for each end, like any other; a pair's hybrid is found by its source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from violute.data.recordings import Recording
from violute.errors import TrainingError
from violute.families.paired.pairs import SOURCES, Pair, read_pairs
from violute.families.pictures.corpus import PictureLine, picture_lines
from violute.transforms.spectrogram import SpectrogramSettings


def pair_folder(recordings: Sequence[Recording]) -> Path:
    """Return the set that sources belong to.

    Raises:
        TrainingError: They are no sources of a paired set.
    """
    folder = recordings[0].path.parent
    if folder.parent.name != SOURCES:
        raise TrainingError(f"{folder}: holds no sources of pairs: name a folder that violute pairs made")
    return folder.parent.parent


def with_hybrids(
    lines: Sequence[PictureLine], recordings: Sequence[Recording], settings: SpectrogramSettings, cache: Path
) -> list[PictureLine]:
    """Put beside each source its hybrids; a source whose hybrids are all silent is left out.

    Raises:
        TrainingError: A source has no hybrid.
    """
    folder = pair_folder(recordings)
    files = {recording.name: recording.path for recording in recordings}
    made: dict[str, list[Pair]] = defaultdict(list)
    for pair in read_pairs(folder)[1]:
        made[pair.source].append(pair)
    members = [made.get(files[line.name].relative_to(folder).as_posix(), []) for line in lines]
    for line, pairs in zip(lines, members, strict=True):
        if not pairs:
            raise TrainingError(f"{files[line.name]}: has no hybrid: run the same violute pairs again")
    # All in one go, so that all cores measure.
    hybrids = [
        Recording(pair.hybrid, folder / pair.hybrid, source=line.source)
        for line, pairs in zip(lines, members, strict=True)
        for pair in pairs
    ]
    end = lines[0].end if lines else 0
    pictures = {one.name: one for one in picture_lines(hybrids, end, settings, cache)}
    found = (
        replace(line, hybrids={pair.mix: pictures[pair.hybrid] for pair in pairs if pair.hybrid in pictures})
        for line, pairs in zip(lines, members, strict=True)
    )
    return [line for line in found if line.hybrids]
