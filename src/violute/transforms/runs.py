"""Runs of frames that have something in common."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool


def runs(is_there: Bool[np.ndarray, " frame"]) -> list[tuple[int, int]]:
    """Return the first frame of each run, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_there, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def long_runs(
    is_there: Bool[np.ndarray, " frame"], shortest: int, *, begins: Bool[np.ndarray, " frame"] | None = None
) -> Bool[np.ndarray, " frame"]:
    """Keep the runs of at least `shortest` frames; at frames of `begins` a run ends and another begins."""
    edges = np.diff(is_there, prepend=False)
    run = np.cumsum(edges if begins is None else edges | begins)
    return np.asarray(is_there & (np.bincount(run)[run] >= shortest), dtype=bool)
