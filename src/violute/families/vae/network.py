"""The variational autoencoder of spectrogram windows, and the hybrid that its latent space gives.

One encoder and one decoder, neither conditioned on the instrument. Nothing in the latent is labelled flute or
violin; the axis between the instruments is found afterwards, between the means of what the encoder
says of each, and a hybrid is a window moved along it.

Conventions: windows are (bin, frame) in [0, 1] as `violute.transforms.spectrogram` makes them; mix 0
is the first instrument and 1 the second.

Source:
    Kingma & Welling, Auto-encoding variational Bayes (ICLR 2014), sections 2.3 and 3; moving a
    latent by the difference of two means is Larsen et al., Autoencoding beyond pixels (ICML 2016),
    section 3.2. Estimating where a window stands and handing over the source's detail are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.pictures.networks import (
    Latents,
    PitchLogits,
    PlainDecoder,
    ResidualDecoder,
    SpectrogramEncoder,
    SpectrogramNetworkConfig,
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
    """Encoder, decoder and the sampling between them.

    Args:
        encoder: With two outputs for each channel of the latent.
        decoder: From latents to windows.
    """

    def __init__(self, encoder: SpectrogramEncoder, decoder: PlainDecoder | ResidualDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, spectrogram: Spectrograms) -> Posterior:
        """Say where windows lie in latent space."""
        return posterior_of(self.encoder(spectrogram))

    def decode(self, latent: Latents, hint: PitchLogits | None = None) -> Spectrograms:
        """Draw the windows of latents, pitches helped on by a hint."""
        return self.decoder(latent, None, hint)

    def forward(self, spectrogram: Spectrograms, hint: PitchLogits | None = None) -> Coded:
        """Encode and decode; in training through a draw from the posterior, else through its mean."""
        posterior = self.encode(spectrogram)
        latent = posterior.sample() if self.training else posterior.mean
        return Coded(posterior, latent, self.decode(latent, hint))


class VaeHybrid(nn.Module):
    """What a voice file holds: windows and a mix in, windows of the hybrid out.

    Args:
        vae: Trained.
        axis: Between the instruments.
        detail: See `SpectrogramRecipe`.
        guidance: See `SpectrogramRecipe`.
    """

    direction: Tensor
    probe_weight: Tensor
    probe_bias: Tensor

    def __init__(self, vae: Vae, axis: LatentAxis, *, detail: float | None, guidance: float = 0.0) -> None:
        super().__init__()
        self.vae, self.detail, self.guidance = vae, detail, guidance
        self.register_buffer("direction", axis.direction)
        self.register_buffer("probe_weight", axis.probe_weight)
        self.register_buffer("probe_bias", torch.tensor(float(axis.probe_bias)))

    def forward(self, spectrogram: Spectrograms, mix: Float[Tensor, " window"]) -> Spectrograms:
        """Move windows from where they stand to `mix`."""
        latent = self.vae.encode(spectrogram).mean
        distance = mix - self.position(latent)
        moved = latent + distance[:, None, None] * self.direction[None, :, None]
        hint = pitch_hint(self.vae.encoder, spectrogram, self.guidance)
        made = self.vae.decode(moved, hint)
        if self.detail is not None:
            drawn = self.vae.decode(latent, hint)
            made = made + kept_detail(distance, self.detail) * (spectrogram - drawn)
        return made.clamp(0.0, 1.0)

    def position(self, latent: Latents) -> Float[Tensor, " window"]:
        """Estimate where windows stand: near 0 for the first instrument, near 1 for the second."""
        return torch.sigmoid(latent.mean(dim=2) @ self.probe_weight + self.probe_bias)


def build_vae(config: SpectrogramNetworkConfig) -> Vae:
    """Return an untrained VAE of a size."""
    return Vae(SpectrogramEncoder(config, 2 * config.latent_channels), build_decoder(config))


def kept_detail(distance: Float[Tensor, " window"], detail: float) -> Float[Tensor, "window 1 1"]:
    """Return the share of the source's own detail that windows keep: 1 at home, `detail` at the far end."""
    return (1.0 - (1.0 - detail) * distance.abs().clamp(max=1.0))[:, None, None]


def pitch_hint(encoder: SpectrogramEncoder, spectrogram: Spectrograms, guidance: float) -> PitchLogits | None:
    """Return `guidance` times how well each pitch's harmonics fit each frame; None for a guidance of 0."""
    return guidance * encoder.combs.salience(spectrogram) if guidance else None


def some_hints(
    encoder: SpectrogramEncoder, spectrogram: Spectrograms, *, guidance: float, share: float
) -> PitchLogits | None:
    """Return the hints of conversion for some of the windows, by torch's generator, 0 for the others.

    A decoder that never heard a hint draws the lines of uncertain pitches bin by bin, and they stay
    when a hint names another pitch.
    """
    if not (guidance and share):
        return None
    is_hinted = torch.rand(len(spectrogram), device=spectrogram.device) < share
    return guidance * is_hinted[:, None, None] * encoder.combs.salience(spectrogram)


def posterior_of(outputs: Latents) -> Posterior:
    """Read an encoder's outputs as means and log variances."""
    mean, log_variance = outputs.chunk(2, dim=1)
    return Posterior(mean, log_variance.clamp(*LOG_VARIANCE_RANGE))
