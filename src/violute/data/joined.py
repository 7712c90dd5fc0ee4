"""Arrays end to end that stay where they are, on disk: only what is asked for is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float


class Joined:
    """Recordings' arrays along their first axis, in 32-bit floats, each frame less a level of its own."""

    def __init__(
        self, parts: Sequence[np.ndarray], offset_db: Float[np.ndarray, " frame"] | None = None
    ) -> None:
        self._parts, self._offset_db = parts, offset_db
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read a slice, or frames by their numbers."""
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            pieces = [
                part[max(start - first, 0) : max(stop - first, 0)]
                for part, first in zip(self._parts, self._firsts, strict=True)
                if first < stop and first + len(part) > start
            ]
            found = np.concatenate(pieces or [self._parts[0][:0]]).astype(np.float32)[::step]
        else:
            frames = np.arange(len(self))[key]
            found = np.empty((*frames.shape, *self.shape[1:]), np.float32)
            owners = np.searchsorted(self._ends, frames, side="right")
            for owner in np.unique(owners):
                is_its = owners == owner
                found[is_its] = self._parts[owner][frames[is_its] - self._firsts[owner]]
        if self._offset_db is None:
            return found
        offset_db = self._offset_db[key]
        return found - offset_db.reshape(offset_db.shape + (1,) * (found.ndim - offset_db.ndim))

    @property
    def _firsts(self) -> list[int]:
        """Number of the first frame of each part."""
        return [0, *self._ends[:-1].tolist()]

    @property
    def ndim(self) -> int:
        """Of the whole."""
        return len(self.shape)
