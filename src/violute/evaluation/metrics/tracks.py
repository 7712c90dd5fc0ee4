"""Tracks of figures frame by frame, brought to one length."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def fitted(track: Float[np.ndarray, " any"], n_frames: int, fill: float = 0.0) -> Float[np.ndarray, " frame"]:
    """Cut or fill a track: trackers differ by a frame in how they count the last one."""
    found = np.full(n_frames, fill)
    found[: min(n_frames, len(track))] = track[:n_frames]
    return found
