"""Which windows are learned from: both ends equally often, short sources oftener than their length earns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Float

from violute.data.features import Features
from violute.data.measured import measured
from violute.data.recordings import Recording
from violute.worklist.engine import HERE, Engine

SOURCE_BALANCE = 0.75
"""Exponent on the length of a source: 1 draws by length, 0 draws every source equally."""

VALIDATION_SHARE = 10
"""One recording in this many is kept for validation, where a source has that many."""

N_ATTEMPTS = 8
"""Windows drawn until one holds no rest; the last is taken whatever it holds."""


@dataclass(frozen=True)
class Material:
    """One recording to draw windows from.

    Attributes:
        name: Of the recording.
        source: Player, room and microphone that it shares with others.
        end: Which instrument plays: 0 or 1.
    """

    name: str
    source: str
    end: int


class HasEnd(Protocol):
    """What one of two instruments plays."""

    @property
    def end(self) -> int:
        """Which: 0 or 1."""


Sourced = TypeVar("Sourced", bound=Recording | Features | Material)
"""What has a source: a player, room and microphone that it shares with others."""

Drawn = TypeVar("Drawn", bound=HasEnd)
Taken = TypeVar("Taken", bound=Material)


def read_material(
    kind: type[Taken],
    recordings: Sequence[Recording],
    end: int,
    cache: Path,
    measure: Callable[[Recording], Mapping[str, np.ndarray]],
    *,
    version: str,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] | None = None,
) -> list[Taken]:
    """Measure recordings of an end, or open what `cache` already holds; silent ones are left out.

    The fields of `kind` are called as the arrays are; for the other arguments see `measured`.

    Raises:
        AudioError: A recording cannot be read.
    """
    found = measured(recordings, cache, measure, version=version, engine=engine, on_progress=on_progress)
    return [
        kind(one.name, one.source, end, **{name: v if v.ndim else v.item() for name, v in arrays.items()})
        for one, arrays in found
    ]


def by_source(items: Sequence[Sourced]) -> dict[str, list[Sourced]]:
    """Group what shares a source."""
    groups: dict[str, list[Sourced]] = {}
    for item in items:
        groups.setdefault(item.source, []).append(item)
    return groups


def split(items: Sequence[Sourced]) -> tuple[list[Sourced], list[Sourced]]:
    """Keep one recording in `VALIDATION_SHARE` of each large source for validation."""
    kept: list[Sourced] = []
    validation: list[Sourced] = []
    for members in by_source(items).values():
        for i, item in enumerate(members):
            is_held = len(members) >= VALIDATION_SHARE and i % VALIDATION_SHARE == VALIDATION_SHARE // 2
            (validation if is_held else kept).append(item)
    return kept, validation


def training_and_validation(ends: Sequence[Sequence[Taken]]) -> tuple[list[Taken], list[Taken]]:
    """Split what was read of each end; nothing validates where one end has nothing to spare."""
    parts = [split(items) for items in ends]
    training = [item for kept, _ in parts for item in kept]
    return training, of_both_ends([item for _, held in parts for item in held])


def of_both_ends(items: list[Drawn]) -> list[Drawn]:
    """Return what validates both instruments, or nothing where one is missing."""
    return items if {item.end for item in items} == {0, 1} else []


class WindowSampler(Generic[Drawn]):
    """Draws places in recordings of both ends, by the source and the length of each, in frames or samples."""

    def __init__(self, items: Sequence[Drawn], sources: Sequence[object], lengths: Sequence[int]) -> None:
        self._items, self._lengths = items, lengths
        self._ends: list[tuple[list[int], Float[np.ndarray, " item"]]] = []
        for end in sorted({item.end for item in items}):
            members = [i for i, item in enumerate(items) if item.end == end]
            totals: dict[object, float] = defaultdict(float)
            for i in members:
                totals[sources[i]] += lengths[i]
            weights = np.array([lengths[i] * totals[sources[i]] ** (SOURCE_BALANCE - 1.0) for i in members])
            self._ends.append((members, weights / weights.sum()))

    def place(self, i: int, length: int, rng: np.random.Generator) -> tuple[Drawn, int]:
        """Choose a recording for item `i` of a batch, and where its window starts.

        A recording that is shorter lies anywhere inside the window, whose start is below 0 then.
        """
        members, chances = self._ends[i % len(self._ends)]
        chosen = members[rng.choice(len(members), p=chances)]
        slack = self._lengths[chosen] - length
        return self._items[chosen], int(rng.integers(min(slack, 0), max(slack, 0) + 1))

    def window(
        self,
        i: int,
        length: int,
        rng: np.random.Generator,
        cut: Callable[[Drawn, int, int], np.ndarray],
        is_rest: Callable[[np.ndarray], bool],
        *,
        n_attempts: int = N_ATTEMPTS,
    ) -> tuple[Drawn, int, np.ndarray]:
        """Draw until a window is no rest; return the recording, where the window starts, and the window."""
        for _ in range(n_attempts):
            item, start = self.place(i, length, rng)
            window = cut(item, start, length)
            if not is_rest(window):
                break
        return item, start, window


def window_of(track: np.ndarray, start: int, length: int) -> np.ndarray:
    """Cut a window along the first axis; what lies outside is zero."""
    inside = track[max(start, 0) : max(start + length, 0)]
    before = min(max(-start, 0), length)
    ends = [(before, length - before - len(inside))] + [(0, 0)] * (track.ndim - 1)
    return np.pad(inside, ends)
