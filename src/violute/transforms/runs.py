"""Runs of frames that have something in common."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int


def runs(is_there: Bool[np.ndarray, " frame"]) -> list[tuple[int, int]]:
    """Return the first frame of each run, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_there, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def joined_runs(is_there: Bool[np.ndarray, " frame"], gap: int) -> list[tuple[int, int]]:
    """Return the runs, taken together across gaps of up to `gap` frames."""
    joined: list[tuple[int, int]] = []
    for start, stop in runs(is_there):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def long_runs(is_there: Bool[np.ndarray, " frame"], shortest: int) -> Bool[np.ndarray, " frame"]:
    """Keep the runs of at least `shortest` frames."""
    run = np.cumsum(np.diff(is_there, prepend=False))
    return np.asarray(is_there & (np.bincount(run)[run] >= shortest), dtype=bool)


def count_near(is_there: Bool[np.ndarray, " frame"], reach: int) -> Int[np.ndarray, " frame"]:
    """Count, at each frame, those up to `reach` frames before and after it, itself among them."""
    sums = np.concatenate([[0], np.cumsum(is_there)])
    frames = np.arange(len(is_there))
    return np.asarray(
        sums[np.minimum(frames + reach + 1, len(is_there))] - sums[np.maximum(frames - reach, 0)]
    )
