"""The mu-law: samples as 256 levels, fine where sound is soft and coarse where it is loud.

Conventions: samples in [-1, 1]; levels from 0 to 255, of which 128 holds silence; scaled levels lie in
(-1, 1), at the middle of their level, and are what a network hears.

Source:
    ITU-T G.711 for the curve, without its straight segments; van den Oord et al., WaveNet (2016),
    section 2.2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Integer

N_LEVELS = 256
MU = N_LEVELS - 1


def to_levels(audio: Float[np.ndarray, "*sample"]) -> Integer[np.ndarray, "*sample"]:
    """Return the level of each sample; what exceeds full scale takes the outermost."""
    return np.clip(np.floor(0.5 * N_LEVELS * (companded(audio) + 1.0)), 0, MU).astype(np.int64)


def companded(audio: Float[np.ndarray, "*sample"]) -> Float[np.ndarray, "*sample"]:
    """Return numbers from -1 to 1 on the curve, without steps."""
    return np.sign(audio) * np.log1p(MU * np.minimum(np.abs(audio), 1.0)) / np.log1p(MU)


def scaled(levels: Integer[np.ndarray, "*sample"]) -> Float32[np.ndarray, "*sample"]:
    """Return levels as numbers from -1 to 1, in equal steps."""
    return ((levels + 0.5) / (0.5 * N_LEVELS) - 1.0).astype(np.float32)


def from_levels(levels: Integer[np.ndarray, "*sample"]) -> Float32[np.ndarray, "*sample"]:
    """Return the sample in the middle of each level."""
    curved = scaled(levels)
    grown = np.expm1(np.abs(curved) * np.log1p(np.float32(MU))) / np.float32(MU)
    return (np.sign(curved) * grown).astype(np.float32)
