"""The network that hears chords: which pitches sound in each frame, from spectra on a grid of pitches.

On that grid the partials of a note are fixed steps away from it, so each pitch is shown its own harmonics as
channels. A fine branch judges each pitch by them; a coarse one, a semitone a step, lets pitches an octave and
more apart argue over whose partials they are. All layers are convolutions over time and pitch, so one set of
weights serves every register.

Source:
    Bittner et al., Deep salience representations for F0 estimation in polyphonic music (ISMIR 2017), and A
    lightweight instrument-agnostic model (ICASSP 2022), for harmonic stacking; the rest is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from violute.analysis.polyphony.log_spectrum import BINS_PER_SEMITONE, N_BINS

N_PITCHES = 144
"""Pitches that the network knows: four octaves of thirds of a semitone from `LOWEST_MIDI`."""

HARMONICS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
"""Multiples of a pitch that it is judged by; the first is the octave below, whose own it may be."""

SHIFTS = tuple(round(12 * BINS_PER_SEMITONE * math.log2(number)) for number in HARMONICS)
PRIOR = 0.02
"""Share of pitches that sound: where an untrained network starts."""


@dataclass(frozen=True)
class MultipitchConfig:
    """Sizes of the network.

    Attributes:
        channels: Of the fine branch.
        coarse_channels: Of the coarse branch, a multiple of 3.
    """

    channels: int = 16
    coarse_channels: int = 24


class MultipitchNetwork(nn.Module):
    """Pitches from spectra.

    Args:
        config: Sizes.
    """

    def __init__(self, config: MultipitchConfig) -> None:
        super().__init__()
        self.config = config
        n, m = config.channels, config.coarse_channels
        self.first = _layer(2 * len(HARMONICS), n, (3, 5))
        self.second = _layer(n, n, (3, 3))
        self.down = _layer(n, m, (3, 5), stride=(1, BINS_PER_SEMITONE))
        self.argue = nn.Sequential(
            _layer(m, m, (3, 25), groups=3), _layer(m, m, (1, 1)), _layer(m, m, (5, 13), groups=3)
        )
        self.third = _layer(n, n, (3, 3))
        self.join = _layer(n + m, n, (1, 5))
        self.out = nn.Conv2d(n, 1, (3, 3), padding=1)
        nn.init.constant_(self.out.bias, math.log(PRIOR / (1.0 - PRIOR)))  # type: ignore[arg-type]

    def forward(self, x: Float[Tensor, "batch frame bin 2"]) -> Float[Tensor, "batch frame pitch"]:
        """Return the log odds of each pitch in each frame."""
        fine = self.second(self.first(stacked(x)))
        coarse = self.down(fine)
        coarse = coarse + self.argue(coarse)
        wide = coarse.repeat_interleave(BINS_PER_SEMITONE, dim=3)
        logits: Tensor = self.out(self.join(torch.cat([self.third(fine), wide], dim=1)))
        return logits[:, 0]


class MultipitchGraph(nn.Module):
    """What is exported: one recording's spectra in, probabilities out.

    Args:
        network: Trained.
    """

    def __init__(self, network: MultipitchNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "frame bin 2"]) -> Float[Tensor, "frame pitch"]:
        """Return the probability of each pitch in each frame."""
        return torch.sigmoid(self.network(x[None])[0])


def stacked(x: Float[Tensor, "batch frame bin 2"]) -> Float[Tensor, "batch channel frame pitch"]:
    """Put the levels at the harmonics of each pitch beside each other; 0 beyond the grid."""
    levels = x.permute(0, 3, 1, 2)
    below, above = -min(SHIFTS), max(SHIFTS) + N_PITCHES - N_BINS
    padded = F.pad(levels, (below, above))
    return torch.cat([padded[..., below + s : below + s + N_PITCHES] for s in SHIFTS], dim=1)


def _layer(
    n_in: int, n_out: int, kernel: tuple[int, int], *, stride: tuple[int, int] = (1, 1), groups: int = 1
) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=padding, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )
