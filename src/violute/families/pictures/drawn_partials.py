"""What a filter cannot make: partials and noise drawn into a window, as loud as a network says.

A flute's partials above some kHz lie below its breath, and no gain brings them back: the filter that
is nearest to a violin's picture still sounds like a flute. So the pitch of each frame is found by its
harmonics and all of them are drawn as the window's transform would show them; where levels come from is the
network's affair. Levels are relative to the loudest bin of the frame, so silence stays silent and attacks
keep their place.

One pitch a frame is drawn, that which fits best. Of a chord the others keep what the filter leaves them.

Source:
    Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), for partials and noise
    as the two parts of a sound; Harris, On the use of windows for harmonic analysis with the discrete
    Fourier transform (Proc. IEEE 66(1), 1978), for the main lobe.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.families.pictures.harmonic_combs import LOWEST_HZ, PITCHES_PER_OCTAVE, HarmonicCombs
from violute.families.pictures.told_pitch import LOBE_BINS, LOBE_BLUR

HIGHEST_HEARD_HZ = 4000.0
"""Harmonics above it are too weak in a flute, and too blurred by vibrato in a violin, to tell a pitch."""

SMOOTHED_FRAMES = 3

LEVEL_RANGE = 1.0
"""On the scale of a window, from its frame's loudest bin downwards: all of its 80 dB."""

FIRST_LEVEL = -3.0
"""Before the sigmoid: an untrained network draws 76 dB below the loudest bin."""


class DrawnPartials(nn.Module):
    """Adds a frame's harmonics and noise to windows.

    Args:
        n_bins: Of a window.
        bin_hz: Distance of two bins, in Hz.
        full_scale: Natural logarithm of how far 1 lies above the floor of a window's scale.
    """

    def __init__(self, n_bins: int, *, bin_hz: float, full_scale: float) -> None:
        super().__init__()
        n_heard = min(max(round(HIGHEST_HEARD_HZ / bin_hz), 2), n_bins)
        self.combs = HarmonicCombs(n_bins, bin_hz=bin_hz, n_heard_bins=n_heard)
        self.lowest_bins, self.full_scale = LOWEST_HZ / bin_hz, full_scale

    def forward(
        self,
        spectrogram: Float[Tensor, "window bin frame"],
        harmonic: Float[Tensor, "window bin frame"],
        noise: Float[Tensor, "window bin frame"],
    ) -> Float[Tensor, "window bin frame"]:
        """Return linear magnitudes to add, in floors of the window's scale.

        Args:
            spectrogram: Of the source.
            harmonic: Level of partials before the sigmoid; any number.
            noise: Level of noise, likewise.
        """
        loudest = torch.exp(self.full_scale * spectrogram.amax(dim=1, keepdim=True)) - 1.0
        lobes = harmonic_lobes(self.f0_bins(spectrogram), spectrogram.shape[1])
        return loudest * (self._gain(harmonic) * lobes + self._gain(noise))

    def f0_bins(self, spectrogram: Float[Tensor, "window bin frame"]) -> Float[Tensor, "window 1 frame"]:
        """Find the pitch whose harmonics fit each frame best, in bins."""
        salience = functional.avg_pool2d(
            self.combs.salience(spectrogram).unsqueeze(1),
            (1, SMOOTHED_FRAMES),
            stride=1,
            padding=(0, SMOOTHED_FRAMES // 2),
            count_include_pad=False,
        ).squeeze(1)
        best = salience.argmax(dim=1, keepdim=True).clamp(1, self.combs.n_pitches - 2)
        below, at, above = (salience.gather(1, best + step) for step in (-1, 0, 1))
        # A parabola through three candidates: they lie 16 cents apart, and high harmonics need better.
        between = 0.5 * (below - above) / (below - 2.0 * at + above).clamp_max(-1e-6)
        octaves = (best + between.clamp(-0.5, 0.5)) / PITCHES_PER_OCTAVE
        return self.lowest_bins * torch.exp(math.log(2.0) * octaves)

    def _gain(self, level: Float[Tensor, "window bin frame"]) -> Float[Tensor, "window bin frame"]:
        """Return a factor between nearly 0 and 1."""
        return torch.exp(self.full_scale * LEVEL_RANGE * (torch.sigmoid(level + FIRST_LEVEL) - 1.0))


def harmonic_lobes(
    f0_bins: Float[Tensor, "window 1 frame"], n_bins: int
) -> Float[Tensor, "window bin frame"]:
    """Draw every harmonic as a raised cosine: within 0.03 of the Hann window's main lobe.

    Args:
        f0_bins: Fundamental of each frame, in bins; where it is 0 nothing is drawn.
        n_bins: Of the windows.
    """
    bins = torch.arange(float(n_bins), device=f0_bins.device)[:, None]
    spacing = f0_bins.clamp_min(0.01)
    harmonic = (bins / spacing).round().clamp_min(1.0)
    distance = (bins - harmonic * spacing).abs() / (1.0 + LOBE_BLUR * harmonic)
    lobes = 0.5 + 0.5 * torch.cos(math.pi * (distance / LOBE_BINS).clamp_max(1.0))
    return lobes * (f0_bins > 0.0)
