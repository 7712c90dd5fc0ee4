"""A pool of drawn clips on the disk: mixing and hearing them costs as much as learning from them, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from multipitch.mixtures import CLIP_FRAMES, FULL, IGNORED, Mixer
from multipitch.network import N_PITCHES
from violute.analysis.polyphony.log_spectrum import N_BINS
from violute.whole_file import whole_file

FURTHEST_SHIFT_BINS = 9
"""Clips are moved on the grid by up to three semitones each time they are met."""


class Pool:
    """Clips in one array, read from the disk as they are needed.

    Args:
        clips: Spectra and target of each pitch side by side, as `build_pool` writes them.
    """

    def __init__(self, clips: UInt8[np.ndarray, "clip frame value"]) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def batch(
        self, indices: np.ndarray, shifts: np.ndarray
    ) -> tuple[
        Float[Tensor, "clip frame bin 2"],
        Float[Tensor, "clip frame pitch"],
        Float[Tensor, "clip frame pitch"],
    ]:
        """Return spectra, target and weight of clips, each moved up by its number of bins."""
        spectra, target, weight = [], [], []
        for index, shift in zip(indices, shifts, strict=True):
            clip = np.asarray(self._clips[index])
            heard = clip[:, : 2 * N_BINS].reshape(len(clip), N_BINS, 2)
            wanted = clip[:, 2 * N_BINS :]
            spectra.append(_moved(heard, int(shift), 0))
            moved = _moved(wanted, int(shift), IGNORED)
            target.append(np.where(moved == IGNORED, 0, moved))
            weight.append(moved != IGNORED)
        return (
            torch.from_numpy(np.stack(spectra).astype(np.float32) / 255.0),
            torch.from_numpy(np.stack(target).astype(np.float32) / FULL),
            torch.from_numpy(np.stack(weight).astype(np.float32)),
        )


def build_pool(
    mixer: Mixer, n_clips: int, path: Path, *, seed: int, on_progress: Callable[[float], None] | None = None
) -> Pool:
    """Draw clips into a file, or take up the file that is there.

    Args:
        mixer: Draws them.
        n_clips: How many.
        path: Of the file; it appears only when it is whole.
        seed: Of the draw.
        on_progress: Called with the share done.
    """
    shape = (n_clips, CLIP_FRAMES, 2 * N_BINS + N_PITCHES)
    if path.exists():
        stored = np.load(path, mmap_mode="r")
        if stored.shape == shape:
            return Pool(stored)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        clips = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        for i in range(n_clips):
            clip = mixer.draw(np.random.default_rng((seed, i)))
            clips[i] = np.concatenate([clip.spectra.reshape(CLIP_FRAMES, -1), clip.target], axis=1)
            if on_progress is not None:
                on_progress((i + 1) / n_clips)
        clips.flush()
    return Pool(np.load(path, mmap_mode="r"))


def _moved(values: np.ndarray, shift: int, fill: int) -> np.ndarray:
    moved = np.roll(values, shift, axis=1)
    if shift > 0:
        moved[:, :shift] = fill
    elif shift < 0:
        moved[:, shift:] = fill
    return moved
