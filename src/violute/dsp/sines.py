"""Sines at the whole multiples of a fundamental: the differentiable twin of `violute.synthesis.sines`.

Source:
    Wang et al., Neural source-filter waveform models (2020), section III-B, for sines that drive a network.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from violute.synthesis.sines import FADING_HZ


def sines_of(
    cycles: Float[Tensor, "piece sample"],
    f0_hz: Float[Tensor, "piece frame"],
    n_harmonics: int,
    highest_hz: float,
    leads: Float[Tensor, "piece harmonic sample"] | None = None,
) -> Float[Tensor, "piece sine sample"]:
    """Return cosines, then sines, of the fundamental's whole multiples; arguments as of the twin."""
    multiples = torch.arange(1, n_harmonics + 1, device=cycles.device)[:, None]
    size = ((highest_hz - multiples * f0_hz[:, None]) / FADING_HZ).clamp(0.0, 1.0)
    own_cycles = multiples * cycles[:, None]
    angle = 2.0 * math.pi * (own_cycles if leads is None else own_cycles + leads)
    waves = torch.stack([angle.cos(), angle.sin()], dim=1).unflatten(3, (f0_hz.shape[1], -1))
    return (waves * size[:, None, :, :, None]).flatten(3).flatten(1, 2)
