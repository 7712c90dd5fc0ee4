"""Levels of fixed filters, evenly spaced in octaves: a spectrogram whose rows are notes.

Source:
    Brown, Calculation of a constant Q spectral transform (JASA 89, 1991), equation 5; windows no longer than
    `LONGEST_SAMPLES` are ours.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

LOWEST_HZ = 110.0
FILTERS_PER_OCTAVE = 24
LONGEST_SAMPLES = 1024
FLOOR_DB = -80.0


def n_filters(sample_rate: int) -> int:
    """Return how many filters there are from `LOWEST_HZ` to a little below Nyquist."""
    return int(math.log2(0.475 * sample_rate / LOWEST_HZ) * FILTERS_PER_OCTAVE) + 1


class FilterBank(nn.Module):
    """Levels of sound in bands of half a semitone, every `step_samples`, as a network likes to hear them."""

    real: Tensor
    imaginary: Tensor

    def __init__(self, sample_rate: int, step_samples: int) -> None:
        super().__init__()
        self.step_samples = step_samples
        self.n_filters = n_filters(sample_rate)
        kernels = [
            self._kernel(LOWEST_HZ * 2.0 ** (i / FILTERS_PER_OCTAVE), sample_rate)
            for i in range(self.n_filters)
        ]
        kernel = torch.stack(kernels)[:, None]
        # Made anew with the network, so no checkpoint need hold them.
        self.register_buffer("real", kernel.real.float(), persistent=False)
        self.register_buffer("imaginary", kernel.imag.float(), persistent=False)

    def forward(self, wave: Float[Tensor, "piece sample"]) -> Float[Tensor, "piece filter step"]:
        """Return levels from 0 (`FLOOR_DB` or less) to 1 (a full-scale sine), each centred on its step."""
        before = (LONGEST_SAMPLES - self.step_samples) // 2
        padded = functional.pad(wave[:, None], (before, LONGEST_SAMPLES - self.step_samples - before))
        real = functional.conv1d(padded, self.real, stride=self.step_samples)
        imaginary = functional.conv1d(padded, self.imaginary, stride=self.step_samples)
        power = real.square() + imaginary.square()
        return 1.0 - 10.0 * torch.log10(power.clamp(min=10.0 ** (FLOOR_DB / 10.0))) / FLOOR_DB

    @staticmethod
    def _kernel(frequency_hz: float, sample_rate: int) -> Tensor:
        """A complex sine under a Hann window as long as the band is narrow; a full-scale sine reads 1."""
        quality = 1.0 / (2.0 ** (1.0 / FILTERS_PER_OCTAVE) - 1.0)
        length = min(2.0 * quality * sample_rate / frequency_hz, LONGEST_SAMPLES)
        t = torch.arange(LONGEST_SAMPLES, dtype=torch.float64) - (LONGEST_SAMPLES - 1) / 2.0
        window = torch.cos(math.pi * t / length).square() * (t.abs() < length / 2.0)
        angle = 2.0 * math.pi * frequency_hz / sample_rate * t
        return 2.0 * torch.polar(window / window.sum(), angle)
