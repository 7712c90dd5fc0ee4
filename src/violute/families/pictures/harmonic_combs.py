"""Combs: what the harmonics of each pitch look like in one frame of a spectrogram.

A decoder of a few hundred channels cannot put sixty harmonics of any pitch into the right bins by
what it learns from an hour of music; a comb does it by arithmetic. The networks choose pitches,
softly, so that gradients reach every candidate at once, and learn levels alone.

Source:
    Hermes, Measurement of pitch by subharmonic summation (JASA 83, 1988), for summing a spectrum
    over the harmonics of candidates; the shape of a tooth is the main lobe of the Hann window.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.transforms.mel import MEL_BREAK_HZ

LOWEST_HZ = 190.0
HIGHEST_HZ = 3600.0
"""Range of both instruments."""

PITCHES_PER_OCTAVE = 75
TOOTH_BINS = 2.0
"""From the middle of a harmonic to where the window's main lobe ends."""


class HarmonicCombs(nn.Module):
    """The combs of a scale of pitches.

    Args:
        n_bins: Of a frame.
        bin_hz: Distance of two bins, in Hz.
        n_heard_bins: Bins whose harmonics count when pitches are looked for.
    """

    combs: Tensor
    matched: Tensor

    def __init__(self, n_bins: int, *, bin_hz: float, n_heard_bins: int) -> None:
        super().__init__()
        octaves = math.log2(HIGHEST_HZ / LOWEST_HZ)
        self.n_pitches = int(octaves * PITCHES_PER_OCTAVE) + 1
        f0_bins = LOWEST_HZ / bin_hz * 2.0 ** (torch.arange(self.n_pitches) / PITCHES_PER_OCTAVE)
        bins = torch.arange(float(n_bins))
        harmonic = (bins / f0_bins[:, None]).round().clamp_min(1.0)
        distance = (bins - harmonic * f0_bins[:, None]).abs()
        combs = (1.0 - (distance / TOOTH_BINS).square()).clamp_min(0.0)
        self.register_buffer("combs", combs, persistent=False)
        # Without its mean a comb does not answer to what is equally loud everywhere.
        counts = (bins < n_heard_bins) / (1.0 + bins * bin_hz / MEL_BREAK_HZ)
        mean = (combs * counts).sum(dim=1, keepdim=True) / counts.sum()
        matched = (combs - mean) * counts
        self.register_buffer(
            "matched", matched / matched.square().sum(1, keepdim=True).sqrt(), persistent=False
        )

    def salience(self, spectrogram: Float[Tensor, "window bin frame"]) -> Float[Tensor, "window pitch frame"]:
        """Say how well each pitch's harmonics fit each frame."""
        return self.matched @ spectrogram

    def forward(self, pitch_logit: Float[Tensor, "window pitch frame"]) -> Float[Tensor, "window bin frame"]:
        """Draw the comb of the likely pitches: 1 in the middle of harmonics, 0 between."""
        return self.combs.T @ torch.softmax(pitch_logit, dim=1)
