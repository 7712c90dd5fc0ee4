"""The mu-law on tensors: the twin of `violute.transforms.mu_law`, in its conventions."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from violute.transforms.mu_law import MU, N_LEVELS


def to_levels(audio: Float[Tensor, "*sample"]) -> Int[Tensor, "*sample"]:
    """Return the level of each sample, 0 to 255; what exceeds full scale takes the outermost."""
    return (0.5 * N_LEVELS * (companded(audio) + 1.0)).floor().clamp(0, MU).long()


def companded(audio: Float[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
    """Return numbers from -1 to 1 on the curve, without steps, so that gradients pass."""
    return audio.sign() * torch.log1p(MU * audio.abs().clamp(max=1.0)) / math.log1p(MU)


def scaled(levels: Int[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
    """Return levels as numbers from -1 to 1, in equal steps."""
    return (levels.float() + 0.5) / (0.5 * N_LEVELS) - 1.0


def from_levels(levels: Int[Tensor, "*sample"]) -> Float[Tensor, "*sample"]:
    """Return the sample in the middle of each level."""
    curved = scaled(levels)
    return curved.sign() * torch.expm1(curved.abs() * math.log1p(MU)) / MU
