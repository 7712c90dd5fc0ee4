"""The multi-encoder variational autoencoder: one encoder an instrument, one decoder conditioned on it.

Each encoder learns to read both instruments into one code, from which the decoder can draw the
window only when it is conditioned on who played; a critic that guesses the instrument from the code is
answered by gradients that make it guess worse. So the code keeps notes and drops the instrument,
and the mix is the decoder's condition: a place between two embeddings.

Conventions: as in `violute.families.vae.network`.

Source:
    Ternes et al., A multi-encoder variational autoencoder controls multiple transformational
    features in single-cell image analysis (Communications Biology 5, 2022), for an encoder a domain
    with one decoder, and for reconstruction across encoders so that a code forgets what its encoder
    saw; Ganin & Lempitsky, Unsupervised domain adaptation by backpropagation (ICML 2015), equation
    4, for the reversed gradient. Ours: encoders parted by instrument rather than by transformation
    of one image, codes averaged rather than multiplied, the decoder's embedding, and the listener
    that chooses between the encoders at conversion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from violute.families.pictures.config import SpectrogramNetworkConfig
from violute.families.pictures.networks import (
    N_ENDS,
    Critic,
    InstrumentEmbedding,
    Latents,
    SpectrogramEncoder,
    Spectrograms,
    build_decoder,
)
from violute.families.vae.network import Posterior, posterior_of

CONDITION_SIZE = 16
LISTENER_FILTERS = (8, 16, 32, 32, 32)


class CrossCoded(NamedTuple):
    """Windows after the way through either encoder."""

    own: Posterior
    other: Posterior
    latent: Latents
    spectrogram: Spectrograms
    critic_logit: Float[Tensor, " window"]
    listener_logit: Float[Tensor, " window"]


class MultiEncoderVae(nn.Module):
    """An encoder for each instrument, one decoder, the critic of the code and the listener to the source.

    The decoder is conditioned by `CONDITION_SIZE` numbers, whatever the config says; the listener is an
    encoder with one output a step: log odds of the second instrument.
    """

    def __init__(self, config: SpectrogramNetworkConfig) -> None:
        super().__init__()
        config = replace(config, condition_size=CONDITION_SIZE)
        listener = replace(
            config, style="residual", filters=LISTENER_FILTERS[: len(config.filters)], latent_steps=1
        )
        self.encoders = nn.ModuleList(
            SpectrogramEncoder(config, 2 * config.latent_channels) for _ in range(N_ENDS)
        )
        self.decoder = build_decoder(config)
        self.critic = Critic(config.latent_channels)
        self.listener = SpectrogramEncoder(listener, 1)
        self.instrument = InstrumentEmbedding(CONDITION_SIZE)

    def encode(self, spectrogram: Spectrograms, encoder: int) -> Posterior:
        """Say where windows lie in latent space, by one of the encoders."""
        return posterior_of(self.encoders[encoder](spectrogram))

    def decode(
        self, latent: Latents, mix: Float[Tensor, " window"], partials: Spectrograms | None = None
    ) -> Spectrograms:
        """Draw the windows of codes as played by the instrument at `mix`."""
        return self.decoder(latent, self.instrument(mix), partials)

    def listen(self, spectrogram: Spectrograms) -> Float[Tensor, " window"]:
        """Return log odds that the second instrument plays a window."""
        return self.listener(spectrogram).mean(dim=(1, 2))

    def hybrid(
        self, spectrogram: Spectrograms, partials: Spectrograms | None, mix: Float[Tensor, " window"]
    ) -> Spectrograms:
        """Draw what a voice file does; the encoders are weighed by how much each instrument is heard."""
        share = torch.sigmoid(self.listen(spectrogram))[:, None, None]
        first, second = (self.encode(spectrogram, i).mean for i in range(N_ENDS))
        return self.decode((1.0 - share) * first + share * second, mix, partials)

    def forward(
        self, spectrogram: Spectrograms, end: Int[Tensor, " window"], partials: Spectrograms | None = None
    ) -> CrossCoded:
        """Encode by both encoders and decode from either.

        In training a code is drawn from the encoder of its instrument or, as often, from the
        other's; in evaluation it is the mean of its own.
        """
        first, second = (self.encode(spectrogram, i) for i in range(N_ENDS))
        is_second = (end == 1)[:, None, None]
        own = Posterior(*(torch.where(is_second, b, a) for a, b in zip(first, second, strict=True)))
        other = Posterior(*(torch.where(is_second, a, b) for a, b in zip(first, second, strict=True)))
        latent = own.mean
        if self.training:
            is_crossed = (torch.rand(len(end), device=end.device) < 0.5)[:, None, None]
            latent = torch.where(is_crossed, other.sample(), own.sample())
        return CrossCoded(
            own,
            other,
            latent,
            self.decode(latent, end.to(latent.dtype), partials),
            self.critic(latent),
            self.listen(spectrogram),
        )
