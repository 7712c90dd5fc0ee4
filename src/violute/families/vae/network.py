"""The variational autoencoder of spectrogram windows, and the hybrids that it gives.

One encoder and one decoder. In the assignment's the decoder is given the latent alone: nothing in it is
labelled flute or violin, the axis between the instruments is found afterwards, between the means of what
the encoder says of each, and a hybrid is a window moved along it. An encoder tells by what it hears,
though, and from another player it hears something else. So where the network has a condition, its decoder
is given the instrument beside the latent, and the pitch; what the encoder hears is disguised, a critic of
the latent is answered by gradients that mislead it, and a hybrid is the same latent drawn at a place
between the embeddings.

Conventions: windows are (bin, frame) in [0, 1] as `violute.transforms.spectrogram` makes them; mix 0
is the first instrument and 1 the second.

Source:
    Kingma & Welling, Auto-encoding variational Bayes (ICLR 2014), sections 2.3 and 3; moving a
    latent by the difference of two means is Larsen et al., Autoencoding beyond pixels (ICML 2016),
    section 3.2; Sohn et al., Learning structured output representation (NeurIPS 2015), for the
    conditional decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from violute.families.pictures.config import SpectrogramNetworkConfig
from violute.families.pictures.networks import (
    Critic,
    InstrumentEmbedding,
    Latents,
    SpectrogramEncoder,
    Spectrograms,
    build_decoder,
)

LOG_VARIANCE_RANGE = (-12.0, 6.0)
"""Beyond it a step of training gains nothing and an exponential may overflow."""


class Posterior(NamedTuple):
    """What an encoder says of windows: a normal distribution for each number of the latent."""

    mean: Latents
    log_variance: Latents

    def sample(self) -> Latents:
        """Draw a latent, by torch's global generator."""
        return self.mean + torch.randn_like(self.mean) * (0.5 * self.log_variance).exp()


class Coded(NamedTuple):
    """Windows after the way through the latent."""

    posterior: Posterior
    latent: Latents
    spectrogram: Spectrograms


@dataclass(frozen=True)
class LatentAxis:
    """The way from the first instrument to the second in latent space, and where on it a window stands.

    Attributes:
        direction: From the mean of mix 0 to the mean of mix 1, a number a channel, alike at each step.
        probe_weight: A window's log odds of the second instrument are `probe_weight` times its mean
            latent over the steps ...
        probe_bias: ... plus this.
    """

    direction: Float[Tensor, " channel"]
    probe_weight: Float[Tensor, " channel"]
    probe_bias: float


class Vae(nn.Module):
    """Encoder, decoder and the sampling between them; with a condition, its embedding and the critic too."""

    def __init__(self, config: SpectrogramNetworkConfig) -> None:
        super().__init__()
        self.encoder = SpectrogramEncoder(config, 2 * config.latent_channels)
        self.decoder = build_decoder(config)
        self.instrument = InstrumentEmbedding(config.condition_size) if config.condition_size else None
        self.critic = Critic(config.latent_channels) if config.condition_size else None

    def encode(self, spectrogram: Spectrograms) -> Posterior:
        """Say where windows lie in latent space."""
        return posterior_of(self.encoder(spectrogram))

    def decode(
        self, latent: Latents, mix: Float[Tensor, " window"], partials: Spectrograms | None = None
    ) -> Spectrograms:
        """Draw the windows of latents, as the instrument at `mix` if there is a condition."""
        condition = None if self.instrument is None else self.instrument(mix)
        return self.decoder(latent, condition, partials)

    def hybrid(
        self, spectrogram: Spectrograms, partials: Spectrograms | None, mix: Float[Tensor, " window"]
    ) -> Spectrograms:
        """Draw the latents of windows as the instrument at `mix`, as the file of a conditional voice does."""
        return self.decode(self.encode(spectrogram).mean, mix, partials)

    def forward(
        self, spectrogram: Spectrograms, end: Int[Tensor, " window"], partials: Spectrograms | None = None
    ) -> Coded:
        """Encode and decode; in training through a draw from the posterior, else through its mean."""
        posterior = self.encode(spectrogram)
        latent = posterior.sample() if self.training else posterior.mean
        return Coded(posterior, latent, self.decode(latent, end.to(latent.dtype), partials))


class LatentAxisHybrid(nn.Module):
    """What the voice file of a VAE without condition holds: windows and a mix in, hybrids out."""

    direction: Tensor
    probe_weight: Tensor
    probe_bias: Tensor

    def __init__(self, vae: Vae, axis: LatentAxis) -> None:
        super().__init__()
        self.vae = vae
        self.register_buffer("direction", axis.direction)
        self.register_buffer("probe_weight", axis.probe_weight)
        self.register_buffer("probe_bias", torch.tensor(float(axis.probe_bias)))

    def forward(self, spectrogram: Spectrograms, mix: Float[Tensor, " window"]) -> Spectrograms:
        """Move windows from where they stand to `mix`."""
        latent = self.vae.encode(spectrogram).mean
        distance = mix - self.position(latent)
        return self.vae.decode(latent + distance[:, None, None] * self.direction[None, :, None], mix)

    def position(self, latent: Latents) -> Float[Tensor, " window"]:
        """Estimate where windows stand: near 0 for the first instrument, near 1 for the second."""
        return torch.sigmoid(latent.mean(dim=2) @ self.probe_weight + self.probe_bias)


def posterior_of(outputs: Latents) -> Posterior:
    """Read an encoder's outputs as means and log variances."""
    mean, log_variance = outputs.chunk(2, dim=1)
    return Posterior(mean, log_variance.clamp(*LOG_VARIANCE_RANGE))
