"""How networks that draw hear windows: on rows evenly spaced in mel, and as loud as the ear finds them."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.analysis.loudness import a_weighting_db
from violute.families.pictures.config import DrawingConfig
from violute.families.pictures.networks import Spectrograms

MEL_BREAK_HZ = 700.0
"""Where mel turns from linear to logarithmic: a mel at f Hz is 1 + f / 700 times as wide as at 0.

Source:
    O'Shaughnessy, Speech communication: human and machine (1987).
"""

Rows = Float[Tensor, "window row frame"]
Powers = Float[Tensor, "window 1 frame"]


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
