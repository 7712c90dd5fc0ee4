"""Windows of a spectrogram: where they lie, what each frame of them counts for, and how they are joined.

A network hears windows of a fixed number of frames. They overlap by some frames, and what is played
there fades from one window to the next; the fades add up to 1, so windows that agree are joined
without a trace.

Conventions: (bin, frame), as in `violute.transforms.spectrogram`. The first window starts `n_overlap`
frames before the piece, so that its very first frames are faded like all others.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32


class Windows:
    """How windows lie over a piece.

    Args:
        n_window: Frames of a window.
        n_overlap: Frames that it shares with the next; at most half a window.
    """

    def __init__(self, n_window: int, n_overlap: int) -> None:
        self.n_window = n_window
        self.n_overlap = n_overlap
        self.stride = n_window - n_overlap
        self.weights = _weights(n_window, n_overlap)

    def starts(self, n_frames: int) -> range:
        """Return the first frame of each window that it takes to cover `n_frames`."""
        return range(-self.n_overlap, n_frames, self.stride)

    def n_covered(self, n_windows: int) -> int:
        """Return the frames from the first of some consecutive windows to their last."""
        return n_windows * self.stride + self.n_overlap

    def spread(self, track: Float32[np.ndarray, " frame"], starts: range) -> Float32[np.ndarray, " window"]:
        """Say what a course over the frames of a piece is in each window: its mean, as weighted there."""
        index = np.array(starts)[:, None] + np.arange(self.n_window)
        inside = track[np.clip(index, 0, len(track) - 1)]
        mean = np.einsum("wf,f->w", inside, self.weights / self.weights.sum())
        # The mean of equal numbers may miss them by a rounding, and so leave the range of a dial.
        return np.clip(mean, inside.min(axis=1), inside.max(axis=1)).astype(np.float32)

    def cut(self, frames: Float32[np.ndarray, "bin frame"]) -> Float32[np.ndarray, "window bin n_window"]:
        """Cut consecutive windows out of frames, of which the first is the first of a window."""
        n_windows = (frames.shape[1] - self.n_overlap) // self.stride
        starts = range(0, n_windows * self.stride, self.stride)
        return np.stack([frames[:, start : start + self.n_window] for start in starts])


class WindowJoiner:
    """Joins windows that come in order, some at a time."""

    def __init__(self, windows: Windows, n_bins: int) -> None:
        self._windows = windows
        self._tail = np.zeros((n_bins, windows.n_overlap), np.float32)

    def push(self, played: Float32[np.ndarray, "window bin n_window"]) -> Float32[np.ndarray, "bin ready"]:
        """Take the next windows and return the frames that no later window adds to."""
        windows = self._windows
        n_ready = len(played) * windows.stride
        joined = np.zeros((played.shape[1], n_ready + windows.n_overlap), np.float32)
        joined[:, : windows.n_overlap] = self._tail
        for i, window in enumerate(played):
            at = i * windows.stride
            joined[:, at : at + windows.n_window] += windows.weights * window
        self._tail = joined[:, n_ready:]
        return joined[:, :n_ready]


def _weights(n_window: int, n_overlap: int) -> Float32[np.ndarray, " frame"]:
    """1 in the middle, a squared sine over the overlaps."""
    rise = np.square(np.sin(0.5 * np.pi * (np.arange(n_overlap) + 0.5) / max(n_overlap, 1)))
    weights = np.ones(n_window)
    weights[:n_overlap] = rise
    weights[n_window - n_overlap :] = rise[::-1]
    return weights.astype(np.float32)
