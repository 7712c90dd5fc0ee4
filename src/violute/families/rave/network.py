"""RAVE with two clear ends: a causal autoencoder of bands, its decoder conditioned on the instrument.

Audio is split into 16 bands. An encoder turns what it may hear of them into a slow latent of few numbers, a
posterior that a divergence keeps near the normal distribution. The decoder makes the bands again, by three
branches: a waveform, a loudness envelope that multiplies it, and noise of a level for each band.

What differs from the paper, and why:

- An embedding of the instrument modulates every level of the decoder, and a critic's confusion removes the
  instrument from the latent: two clear ends, and a dial between them, frame by frame.
- The encoder may hear the lower bands alone. What lies above is then the decoder's to invent, by instrument.
- A latent step is short and holds about as many numbers as the heard bands have samples in it; a linear
  shortcut begins as the identity past the layers of encoder and decoder. Notes are there from the first step
  on, where the paper's network learns pitch in days. No pitch is tracked, so chords pass.
- The loudness envelope is one for each band, which lets an instrument weigh them.
- Everything is causal, by convolutions that remember; there is no lookahead to wait for.

A network that is given pitch and loudness has no shortcut and a slow latent (`conditioned_decoder`).
Its decoder is driven by an excitation and by tracks besides noise; else what drives it is the noise alone.

There is an encoder for both instruments or, as an option, one for each, weighed at conversion by how much of
each instrument a listener hears.

Conventions: samples at 44.1 kHz, (batch, sample); bands and latents as (batch, channel, step), a latent step
for each `config.ratio` samples; the output is `config.delay_samples` later than the input.

Source:
    Caillon & Esling, RAVE: a variational autoencoder for fast and high-quality neural audio synthesis (2021),
    sections 3.1 and 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp import pqmf
from violute.families.rave.conditioned_decoder import ConditionedDecoder
from violute.families.rave.config import RaveConfig
from violute.families.rave.parts import Decoder, Encoder

N_ENDS = 2

SMALLEST_DEVIATION, FIRST_DEVIATION = 1e-3, -4.0
"""Of the posterior, and what its logarithm begins at about: a latent that is all noise teaches nothing."""


class Rave(nn.Module):
    """Encoders, decoder, embedding and filter bank."""

    def __init__(self, config: RaveConfig) -> None:
        super().__init__()
        self.config = config
        self.n_heard_bands, self.latent_size = config.n_heard_bands, config.latent_size
        self.analysis = pqmf.PqmfAnalysis()
        self.synthesis = pqmf.PqmfSynthesis()
        self.encoders = nn.ModuleList(Encoder(config) for _ in range(config.n_encoders))
        self.listener = Encoder(config, 1) if config.n_encoders > 1 else None
        self.decoder: nn.Module = ConditionedDecoder(config) if config.conditions else Decoder(config)
        self.instrument = nn.Embedding(N_ENDS, config.condition_size)

    def posterior(self, bands: Tensor, encoder: int = 0) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the latent of whole bands, by one of the encoders."""
        mean, raw = self.encoders[encoder](bands[:, : self.n_heard_bands]).chunk(2, dim=1)
        return mean, functional.softplus(raw + FIRST_DEVIATION) + SMALLEST_DEVIATION

    def encode(self, audio: Tensor) -> Tensor:
        """Return the latent's mean (batch, latent, step) of audio (batch, sample)."""
        heard = self.analysis(audio)[:, : self.n_heard_bands]
        means: list[Tensor] = []
        for encoder in self.encoders:
            means.append(encoder(heard)[:, : self.latent_size])  # noqa: PERF401 - TorchScript reads this
        if self.listener is None:
            return means[0]
        share = torch.sigmoid(self.listener(heard))
        return (1.0 - share) * means[0] + share * means[1]

    def condition(self, mix: Tensor) -> Tensor:
        """Return the place between the embeddings at each step, for a mix (batch, step)."""
        first, second = self.instrument.weight[0], self.instrument.weight[1]
        return first[None, :, None] + mix.unsqueeze(1) * (second - first)[None, :, None]

    def decode_bands(self, latent: Tensor, mix: Tensor, drive: Tensor) -> Tensor:
        """Return the bands of latents at a mix (batch, step)."""
        bands: Tensor = self.decoder(latent, self.condition(mix), drive)
        return bands

    def decode(self, latent: Tensor, mix: Tensor, drive: Tensor) -> Tensor:
        """Return the audio (batch, sample) of latents at a mix (batch, step)."""
        audio: Tensor = self.synthesis(self.decode_bands(latent, mix, drive))
        return audio
