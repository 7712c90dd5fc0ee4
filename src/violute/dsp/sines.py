"""Sines at the whole multiples of a fundamental: the differentiable twin of `violute.synthesis.sines`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from violute.rates import SAMPLE_RATE
from violute.synthesis.sines import FADING_HZ, HIGHEST_HZ, SMALLEST_CYCLES


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
