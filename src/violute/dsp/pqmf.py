"""A bank of cosine-modulated filters: audio as 16 slow bands, and back, with next to no error.

Each band is the audio filtered by the prototype moved to the band's middle, every 16th sample kept; the same
filters, reversed in time, put it together again. Aliasing of neighbours cancels by the phases of the cosines,
and the powers of all filters add up to 1 because the prototype's response is the cosine of an angle that
turns from 0 to a quarter as evenly from both sides: what is left is the prototype's truncation.

Conventions: a sine within a band has its own amplitude there. Frame `t` has heard the samples up to
`(t + 1) * N_BANDS - 1`. Analysis and synthesis together delay by `delay_samples`.

Source:
    Nguyen, Near-perfect-reconstruction pseudo-QMF banks (IEEE TSP 42(1), 1994), section II; Vaidyanathan,
    Multirate systems and filter banks (1993), section 8.1, for the phases; Meyer, Wavelets and operators
    (1992), for a response that is the cosine of a smooth angle; Caillon & Esling, RAVE (2021), section 3.1.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.causal import CausalConv1d, fold, unfold
from violute.dsp.pqmf_sizes import N_BANDS, N_TAPS

STEEPNESS = 6.0
"""Of the Kaiser window whose sum is the angle: steeper is better apart and longer in time."""

N_GRID = 8192
"""Frequencies at which the response is laid out before it is transformed."""


def prototype() -> Float[Tensor, " tap"]:
    """Return the low-pass of which all bands are made, in double precision; its response is 1 at 0 Hz."""
    n_angles = N_GRID // (2 * N_BANDS) + 1
    window = torch.kaiser_window(n_angles, periodic=False, beta=STEEPNESS, dtype=torch.float64)
    risen = (window.cumsum(0) - window) / window.sum()
    turned = 0.5 * (risen + 1.0 - risen.flip(0))
    response = torch.cos(0.5 * math.pi * turned)
    taps = torch.arange(N_TAPS, dtype=torch.float64) - (N_TAPS - 1) / 2
    angles = 2.0 * math.pi / N_GRID * torch.outer(taps, torch.arange(1, n_angles, dtype=torch.float64))
    return (response[0] + 2.0 * torch.cos(angles) @ response[1:]) / N_GRID


def filters() -> Float[Tensor, "band tap"]:
    """Return the filters of the analysis; those of the synthesis are their reverse times `N_BANDS`."""
    band = torch.arange(N_BANDS, dtype=torch.float64)[:, None]
    tap = torch.arange(N_TAPS, dtype=torch.float64) - (N_TAPS - 1) / 2
    sign = 1.0 - 2.0 * (band % 2)
    phase = (2.0 * band + 1.0) * math.pi / (2 * N_BANDS) * tap + sign * (math.pi / 4.0)
    return 2.0 * prototype() * torch.cos(phase)


def analysis_weights() -> Float[Tensor, "band phase block"]:
    """Return the analysis as a causal convolution over audio folded by `N_BANDS`, the newest block last."""
    padded = _in_blocks(filters())
    return padded.flip(2).transpose(1, 2).flip(2).float()


def synthesis_weights() -> Float[Tensor, "phase band block"]:
    """Return the synthesis as a causal convolution over bands to audio folded by `N_BANDS`."""
    padded = _in_blocks(N_BANDS * filters().flip(1))
    return padded.permute(2, 0, 1).flip(2).float()


class PqmfAnalysis(nn.Module):
    """Splits sound into bands, also as a stream in blocks of a multiple of the bands."""

    weights = staticmethod(analysis_weights)

    def __init__(self) -> None:
        super().__init__()
        self.n_bands = N_BANDS
        self.conv = _fixed(self.weights())

    def forward(self, audio: Tensor) -> Tensor:
        """Split audio (batch, sample) into bands (batch, band, frame)."""
        bands: Tensor = self.conv(fold(audio.unsqueeze(1), self.n_bands))
        return bands


class PqmfSynthesis(PqmfAnalysis):
    """Puts bands together, `delay_samples` late."""

    weights = staticmethod(synthesis_weights)

    def forward(self, bands: Tensor) -> Tensor:
        """Put bands (batch, band, frame) together as audio (batch, sample)."""
        return unfold(self.conv(bands), self.n_bands).squeeze(1)


def _in_blocks(taps: Float[Tensor, "band tap"]) -> Float[Tensor, "band block phase"]:
    """Fill the filters up with zeros to whole blocks."""
    n_blocks = -(-taps.shape[1] // N_BANDS)
    return functional.pad(taps, (0, n_blocks * N_BANDS - taps.shape[1])).unflatten(1, (n_blocks, N_BANDS))


def _fixed(weights: Float[Tensor, "out into block"]) -> CausalConv1d:
    """Return a convolution that training leaves alone, with no parameter that a checkpoint would hold."""
    conv = CausalConv1d(weights.shape[1], weights.shape[0], weights.shape[2], has_bias=False)
    del conv.conv.weight
    conv.conv.register_buffer("weight", weights, persistent=False)
    return conv
