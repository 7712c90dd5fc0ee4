"""What teaches the code of the WaveNet autoencoder beside the waveform, and is left behind with training.

A decoder on two cores needs an hour before it says much about a code, so a reader of spectra tells the
encoder at once what belongs into it. A classifier behind a reversed gradient keeps the instrument out of it,
which is left with the notes.

Source:
    Mor et al., A universal music translation network (ICLR 2019), section 3, for the confusion.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.filter_bank import FilterBank, n_filters
from violute.dsp.reversed_gradient import ReversedGradient
from violute.families.nsynth.config import NsynthConfig
from violute.families.nsynth.network import N_INSTRUMENTS, SAMPLE_RATE, Codes, Waves, n_seen


class SpectrumReader(nn.Module):
    """Reads the filters' levels off what a conditioner sees: it teaches the encoder before a decoder can."""

    WIDTH = 128

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(n_seen(config), self.WIDTH, 3, padding=1)
        self.last = nn.Conv1d(self.WIDTH, n_filters(SAMPLE_RATE), 1)

    def forward(
        self, seen: Float[Tensor, "piece size frame"], bank: FilterBank, wave: Waves
    ) -> Float[Tensor, ""]:
        """Return the mean distance from the levels, averaged over each frame, of what is `seen` of them."""
        with torch.no_grad():
            levels = bank(wave).unflatten(2, (seen.shape[2], -1)).mean(dim=3)
        return (self.last(functional.relu(self.hidden(seen))).float() - levels).abs().mean()


class Confusion(nn.Module):
    """Tells the instrument from the code, frame by frame, and teaches the encoder to hide it."""

    WIDTH = 64

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(config.code_size, self.WIDTH, 3, padding=1)
        self.last = nn.Conv1d(self.WIDTH, N_INSTRUMENTS, 1)

    def forward(self, code: Codes, instrument: Int[Tensor, " piece"]) -> Float[Tensor, ""]:
        """Return the cross-entropy of telling; behind this point gradients are reversed."""
        logits = self.last(functional.leaky_relu(self.hidden(ReversedGradient.apply(code)), 0.2))
        return functional.cross_entropy(logits, instrument[:, None].expand(-1, code.shape[2]))
