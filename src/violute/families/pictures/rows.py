"""How networks that draw hear windows: on rows evenly spaced in mel, and as loud as the ear finds them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.analysis.loudness import a_weighting_db
from violute.errors import ShapeError
from violute.families.pictures.networks import Spectrograms
from violute.transforms.mel import MEL_BREAK_HZ

ROWS_A_NODE = 8
FRAMES_A_STEP = 4
"""How much coarser the grid of what is drawn is than the rows and frames that the network hears."""

Rows = Float[Tensor, "window row frame"]
Powers = Float[Tensor, "window 1 frame"]


@dataclass(frozen=True)
class DrawingConfig:
    """Sizes of a network that draws windows.

    Attributes:
        n_bins: Of a window, in frequency.
        n_frames: Of a window, in time.
        bin_hz: Distance of two bins, in Hz.
        floor_db: Magnitude, relative to full scale, below which the window's scale turns linear.
        n_rows: Rows that the network hears, evenly spaced in mel.
        n_heard_bins: Bins that the rows cover. Lossy recordings end at 16 kHz, and a network that could
            tell would take the codec for the instrument.
        channels: Of the two first convolutions and of the residual blocks.
        n_blocks: Residual blocks.
        condition_size: Numbers that condition the network beside the window; 0 for none.

    Raises:
        ShapeError: The rows or frames don't divide into nodes and steps.
    """

    n_bins: int = 1024
    n_frames: int = 128
    bin_hz: float = 44_100 / 2048
    floor_db: float = -80.0
    n_rows: int = 256
    n_heard_bins: int = 720
    channels: tuple[int, int, int] = (16, 32, 32)
    n_blocks: int = 3
    condition_size: int = 0

    def __post_init__(self) -> None:
        if self.n_rows % ROWS_A_NODE or self.n_frames % FRAMES_A_STEP:
            raise ShapeError(
                f"{self.n_rows} rows and {self.n_frames} frames: give multiples of {ROWS_A_NODE} and "
                f"{FRAMES_A_STEP}"
            )
        if not 2 <= self.n_heard_bins <= self.n_bins:
            raise ShapeError(f"{self.n_heard_bins} heard bins of {self.n_bins}: give from 2 to all")

    @property
    def grid(self) -> tuple[int, int]:
        """Nodes in frequency and steps in time of what is drawn."""
        return self.n_rows // ROWS_A_NODE, self.n_frames // FRAMES_A_STEP

    @property
    def full_scale(self) -> float:
        """Natural logarithm of how far 1 lies above the floor of a window's scale."""
        return float(np.log1p(10.0 ** (-self.floor_db / 20.0)))


class Ear(nn.Module):
    """Windows on rows evenly spaced in mel: fine where partials are close, coarse above."""

    filters: Tensor

    def __init__(self, config: DrawingConfig) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(_mel_rows(config)), persistent=False)

    def forward(self, spectrogram: Spectrograms) -> Rows:
        """Return the mean of each row's bins, weighted by a triangle."""
        return self.filters @ spectrogram


class Loudness(nn.Module):
    """The A-weighted power of each frame, in squared floors of the window's scale."""

    weights: Tensor

    def __init__(self, config: DrawingConfig) -> None:
        super().__init__()
        self.full_scale = config.full_scale
        weights = 10.0 ** (a_weighting_db(np.arange(config.n_bins) * config.bin_hz) / 10.0)
        self.register_buffer("weights", torch.from_numpy(weights.astype(np.float32)), persistent=False)

    def forward(self, spectrogram: Spectrograms) -> Powers:
        """Return the power of windows in [0, 1]."""
        return self.of_magnitude(torch.exp(self.full_scale * spectrogram) - 1.0)

    def of_magnitude(self, magnitude: Spectrograms) -> Powers:
        """Return the power of linear magnitudes."""
        return (self.weights[:, None] * magnitude.square()).sum(dim=1, keepdim=True)


def centres(config: DrawingConfig, n_centres: int) -> Float[np.ndarray, " centre"]:
    """Return positions evenly spaced in mel over what is heard, in bins."""
    top = math.log1p((config.n_heard_bins - 1) * config.bin_hz / MEL_BREAK_HZ)
    mel = (np.arange(n_centres) + 0.5) / n_centres * top
    return MEL_BREAK_HZ * np.expm1(mel) / config.bin_hz


def _mel_rows(config: DrawingConfig) -> Float[np.ndarray, "row bin"]:
    """Return triangles that sum to 1, at least one bin to either side wide, 0 beyond what is heard."""
    middles = centres(config, config.n_rows)
    width = np.maximum(np.gradient(middles), 1.0)
    distance = np.abs(np.arange(config.n_bins) - middles[:, None]) / width[:, None]
    triangles = np.maximum(1.0 - distance, 0.0)
    triangles[:, config.n_heard_bins :] = 0.0
    return (triangles / triangles.sum(axis=1, keepdims=True)).astype(np.float32)
