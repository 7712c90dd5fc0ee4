"""A bank of cosine-modulated filters: audio as 16 slow bands, and back, with next to no error.

Each band is the audio filtered by the prototype moved to the band's middle, every 16th sample kept; the same
filters, reversed in time, put it together again. Aliasing of neighbours cancels by the phases of the cosines,
and the powers of all filters add up to 1 because the prototype's response is the cosine of an angle that
turns from 0 to a quarter as evenly from both sides: what is left is the prototype's truncation.

Conventions: a sine within a band has its own amplitude there. Frame `t` has heard the samples up to
`(t + 1) * n_bands - 1`. Analysis and synthesis together delay by `delay_samples`.

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

N_BANDS = 16
N_TAPS = 257
"""Of the prototype: reconstruction above 80 dB, other bands below -65 dB."""

STEEPNESS = 6.0
"""Of the Kaiser window whose sum is the angle: steeper is better apart and longer in time."""

N_GRID = 8192
"""Frequencies at which the response is laid out before it is transformed."""


def prototype(n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> Float[Tensor, " tap"]:
    """Return the low-pass of which all bands are made, in double precision; its response is 1 at 0 Hz.

    Taps are odd, so that the delay is a whole number.
    """
    n_angles = N_GRID // (2 * n_bands) + 1
    window = torch.kaiser_window(n_angles, periodic=False, beta=STEEPNESS, dtype=torch.float64)
    risen = (window.cumsum(0) - window) / window.sum()
    turned = 0.5 * (risen + 1.0 - risen.flip(0))
    response = torch.cos(0.5 * math.pi * turned)
    taps = torch.arange(n_taps, dtype=torch.float64) - (n_taps - 1) / 2
    angles = 2.0 * math.pi / N_GRID * torch.outer(taps, torch.arange(1, n_angles, dtype=torch.float64))
    return (response[0] + 2.0 * torch.cos(angles) @ response[1:]) / N_GRID


def filters(n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> Float[Tensor, "band tap"]:
    """Return the filters of the analysis; those of the synthesis are their reverse times `n_bands`."""
    band = torch.arange(n_bands, dtype=torch.float64)[:, None]
    tap = torch.arange(n_taps, dtype=torch.float64) - (n_taps - 1) / 2
    sign = 1.0 - 2.0 * (band % 2)
    phase = (2.0 * band + 1.0) * math.pi / (2 * n_bands) * tap + sign * (math.pi / 4.0)
    return 2.0 * prototype(n_bands, n_taps) * torch.cos(phase)


def delay_samples(n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> int:
    """Return how much later a sample leaves the synthesis than it entered the analysis, in samples."""
    return n_taps - n_bands


def analysis_weights(n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> Float[Tensor, "band phase block"]:
    """Return the analysis as a causal convolution over audio folded by `n_bands`, the newest block last."""
    padded = _in_blocks(filters(n_bands, n_taps), n_bands)
    return padded.flip(2).transpose(1, 2).flip(2).float()


def synthesis_weights(n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> Float[Tensor, "phase band block"]:
    """Return the synthesis as a causal convolution over bands to audio folded by `n_bands`."""
    padded = _in_blocks(n_bands * filters(n_bands, n_taps).flip(1), n_bands)
    return padded.permute(2, 0, 1).flip(2).float()


def analyse(
    audio: Float[Tensor, "batch sample"], weights: Float[Tensor, "band phase block"]
) -> Float[Tensor, "batch band frame"]:
    """Split audio, a whole number of frames, into bands by `analysis_weights`."""
    folded = fold(audio.unsqueeze(1), weights.shape[1])
    return functional.conv1d(functional.pad(folded, (weights.shape[2] - 1, 0)), weights)


def synthesise(
    bands: Float[Tensor, "batch band frame"], weights: Float[Tensor, "phase band block"]
) -> Float[Tensor, "batch sample"]:
    """Put bands together by `synthesis_weights`; the audio comes `delay_samples` late."""
    folded = functional.conv1d(functional.pad(bands, (weights.shape[2] - 1, 0)), weights)
    return unfold(folded, weights.shape[0]).squeeze(1)


class PqmfAnalysis(nn.Module):
    """The streaming twin of `analyse`, in blocks of a multiple of the bands; also a layer of a network."""

    weights = staticmethod(analysis_weights)

    def __init__(self, n_bands: int = N_BANDS, n_taps: int = N_TAPS) -> None:
        super().__init__()
        self.n_bands = n_bands
        self.conv = _fixed(self.weights(n_bands, n_taps))

    def forward(self, audio: Tensor) -> Tensor:
        """Split audio (batch, sample) into bands (batch, band, frame)."""
        bands: Tensor = self.conv(fold(audio.unsqueeze(1), self.n_bands))
        return bands


class PqmfSynthesis(PqmfAnalysis):
    """The streaming twin of `synthesise`; arguments as of `PqmfAnalysis`."""

    weights = staticmethod(synthesis_weights)

    def forward(self, bands: Tensor) -> Tensor:
        """Put bands (batch, band, frame) together as audio (batch, sample)."""
        return unfold(self.conv(bands), self.n_bands).squeeze(1)


def _in_blocks(taps: Float[Tensor, "band tap"], n_bands: int) -> Float[Tensor, "band block phase"]:
    """Fill the filters up with zeros to whole blocks."""
    n_blocks = -(-taps.shape[1] // n_bands)
    return functional.pad(taps, (0, n_blocks * n_bands - taps.shape[1])).unflatten(1, (n_blocks, n_bands))


def _fixed(weights: Float[Tensor, "out into block"]) -> CausalConv1d:
    """Return a convolution that training leaves alone, with no parameter that a checkpoint would hold."""
    conv = CausalConv1d(weights.shape[1], weights.shape[0], weights.shape[2], has_bias=False)
    del conv.conv.weight
    conv.conv.register_buffer("weight", weights, persistent=False)
    return conv
