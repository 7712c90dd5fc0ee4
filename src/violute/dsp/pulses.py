"""All multiples of a fundamental at once: the differentiable twin of `violute.synthesis.pulses`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from violute.rates import SAMPLE_RATE
from violute.synthesis.pulses import HIGHEST_HZ, SMALLEST_CYCLES


def pulses(
    cycles: Float[Tensor, "batch sample"], f0_hz: Float[Tensor, "batch sample"]
) -> Float[Tensor, "batch sample"]:
    """Sum the harmonics of a fundamental, in cosine phase; arguments as of the twin."""
    from_pulse = cycles - cycles.round()
    room = HIGHEST_HZ / f0_hz
    n_whole = room.floor()
    is_pulse = from_pulse.abs() < SMALLEST_CYCLES
    apart = from_pulse.masked_fill(is_pulse, 0.5)
    summed = 0.5 * (torch.sin((2.0 * n_whole + 1.0) * math.pi * apart) / torch.sin(math.pi * apart) - 1.0)
    topmost = (room - n_whole) * torch.cos(2.0 * math.pi * (n_whole + 1.0) * from_pulse)
    return (2.0 * f0_hz / (0.5 * SAMPLE_RATE)).sqrt() * (torch.where(is_pulse, n_whole, summed) + topmost)
