"""Windows of pairs to learn from: the same place of a source and of its hybrid, at one of the set's mixes.

The sources of a set are a folder for each end, like any other; a pair's hybrid is found by its source. Both
pictures are drawn, transposed and levelled alike, so that they stay aligned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from violute.data.recordings import Recording
from violute.data.sampling import WindowSampler, window_of
from violute.errors import TrainingError
from violute.families.paired.pairs import SOURCES, Pair, read_pairs
from violute.families.pictures.corpus import (
    LEVEL_RANGE_DB,
    TRANSPOSED_SEMITONES,
    PictureLine,
    is_rest,
    louder,
    partials_of,
    picture_lines,
    recorded_bins,
    transposed,
    window_at,
)
from violute.families.pictures.disguise import Disguises, disguised, drawn_disguises
from violute.transforms.spectrogram import SpectrogramSettings

MOST_LEVEL_DB = 24.0
"""What differs more in level from its source holds next to nothing: its noise is raised no further."""


@dataclass(frozen=True)
class PairLine:
    """One source and its hybrids by mix, as pictures."""

    source: PictureLine
    hybrids: dict[float, PictureLine]

    @property
    def end(self) -> int:
        """Which instrument plays the source: 0 or 1."""
        return self.source.end


class DrawnPairs(NamedTuple):
    """A batch as it is drawn: what is quick on the device where it is trained on is left to `pairs_of`.

    Attributes:
        source: As recorded.
        hybrid: What the teacher made of it.
        mix: 0 to 1.
        is_recorded: 1 for bins that the hybrid holds and 0 for those that its recording's codec cut off.
        f0_hz: Pitch of each frame of the source; None for networks that are not given it.
        disguises: One for each window; None for networks that hear what was recorded.
    """

    source: Float[Tensor, "window bin frame"]
    hybrid: Float[Tensor, "window bin frame"]
    mix: Float[Tensor, " window"]
    is_recorded: Float[Tensor, "window bin 1"]
    f0_hz: Float[Tensor, "window frame"] | None
    disguises: Disguises | None


class PairWindows(NamedTuple):
    """A batch of pairs.

    Attributes:
        source: As recorded.
        hybrid: What the teacher made of it.
        mix: 0 to 1.
        is_recorded: 1 for bins that the hybrid holds and 0 for those that its recording's codec cut off.
        heard: The source as a network hears it: the same, or disguised.
        partials: 1 where the harmonics of the source's pitch lie; None for networks that are not given it.
    """

    source: Float[Tensor, "window bin frame"]
    hybrid: Float[Tensor, "window bin frame"]
    mix: Float[Tensor, " window"]
    is_recorded: Float[Tensor, "window bin 1"]
    heard: Float[Tensor, "window bin frame"]
    partials: Float[Tensor, "window bin frame"] | None


def pair_folder(recordings: Sequence[Recording]) -> Path:
    """Return the set that sources belong to.

    Raises:
        TrainingError: They are no sources of a paired set.
    """
    folder = recordings[0].path.parent
    if folder.parent.name != SOURCES:
        raise TrainingError(f"{folder}: holds no sources of pairs: name a folder that violute pairs made")
    return folder.parent.parent


def pair_lines(
    lines: Sequence[PictureLine], recordings: Sequence[Recording], settings: SpectrogramSettings, cache: Path
) -> list[PairLine]:
    """Put beside each source its hybrids.

    Raises:
        TrainingError: A source has no hybrid.
        DataError: The set is not finished.
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
        PairLine(line, {pair.mix: pictures[pair.hybrid] for pair in pairs if pair.hybrid in pictures})
        for line, pairs in zip(lines, members, strict=True)
    )
    return [line for line in found if line.hybrids]  # others are silent at every mix


def draw_pairs(
    lines: Sequence[PairLine],
    settings: SpectrogramSettings,
    n_windows: int,
    rng: np.random.Generator,
    *,
    augment: bool,
    disguise: bool = False,
) -> DrawnPairs:
    """Draw windows of pairs: both ends and all mixes equally often, sources by their length.

    Args:
        lines: To draw from.
        settings: Of the transform.
        n_windows: To draw.
        rng: Decides everything.
        augment: Whether to transpose and to change the level a little.
        disguise: Whether networks hear the sources disguised.
    """
    sources, lengths = zip(*((line.source.source, len(line.source.picture)) for line in lines), strict=True)
    sampler = WindowSampler(lines, sources, lengths)
    played, wanted, mixes, limits_hz, pitches = [], [], [], [], []
    for i in range(n_windows):
        line, start, source = sampler.window(i, settings.n_frames, rng, _source_at, is_rest)
        mix = float(rng.choice(sorted(line.hybrids)))
        hybrid = window_at(line.hybrids[mix], start, settings.n_frames)
        limit_hz, ratio = line.hybrids[mix].highest_hz, 1.0
        if augment:
            ratio = float(2.0 ** (rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES) / 12.0))
            gain_db = float(rng.uniform(*LEVEL_RANGE_DB))
            source, hybrid = (louder(transposed(one, ratio), gain_db, settings) for one in (source, hybrid))
            limit_hz *= min(ratio, 1.0)
        if line.source.f0_hz is not None:
            pitches.append(window_of(line.source.f0_hz, start, settings.n_frames) * np.float32(ratio))
        played.append(source)
        wanted.append(_as_loud_as(source, hybrid, settings))
        mixes.append(mix)
        limits_hz.append(limit_hz)
    return DrawnPairs(
        torch.from_numpy(np.stack(played)),
        torch.from_numpy(np.stack(wanted)),
        torch.tensor(mixes, dtype=torch.float32),
        recorded_bins(limits_hz, settings),
        torch.from_numpy(np.stack(pitches)) if pitches else None,
        drawn_disguises(n_windows, settings, rng) if disguise else None,
    )


def pairs_of(drawn: DrawnPairs, settings: SpectrogramSettings) -> PairWindows:
    """Draw the harmonics of sources and disguise them, on their device."""
    source, hybrid, mix, is_recorded, f0_hz, disguises = drawn
    partials = None if f0_hz is None else partials_of(f0_hz, settings)
    heard = source if disguises is None else disguised(source, partials, disguises, settings)
    return PairWindows(source, hybrid, mix, is_recorded, heard, partials)


def _source_at(line: PairLine, start: int, n_frames: int) -> Float32[np.ndarray, "bin frame"]:
    return window_at(line.source, start, n_frames)


def _as_loud_as(
    source: Float32[np.ndarray, "bin frame"],
    hybrid: Float32[np.ndarray, "bin frame"],
    settings: SpectrogramSettings,
) -> Float32[np.ndarray, "bin frame"]:
    """Undo the level that its own peak gave a hybrid: a voice takes each frame's loudness anyway."""
    full = settings.log_range
    power = [float(np.square(np.expm1(full * one.astype(np.float64))).mean()) for one in (source, hybrid)]
    if min(power) <= 0.0:
        return hybrid
    level_db = float(np.clip(10.0 * np.log10(power[0] / power[1]), -MOST_LEVEL_DB, MOST_LEVEL_DB))
    return louder(hybrid, level_db, settings)
