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

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.reversed_gradient import ReversedGradient
from violute.families.pictures.networks import (
    Conditions,
    Latents,
    PitchLogits,
    PlainDecoder,
    ResidualDecoder,
    SpectrogramEncoder,
    SpectrogramNetworkConfig,
    Spectrograms,
    build_decoder,
)
from violute.families.vae.network import Posterior, kept_detail, pitch_hint, posterior_of

N_ENDS = 2
CONDITION_SIZE = 16
CRITIC_CHANNELS = 64
LISTENER_FILTERS = (8, 16, 32, 32, 32)


class CrossCoded(NamedTuple):
    """Windows after the way through either encoder."""

    own: Posterior
    other: Posterior
    latent: Latents
    spectrogram: Spectrograms
    critic_logit: Float[Tensor, " window"]
    listener_logit: Float[Tensor, " window"]


class Critic(nn.Module):
    """Guesses the instrument from a code, at each step from a few around it."""

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(latent_channels, CRITIC_CHANNELS, 3, padding=1)
        self.second = nn.Conv1d(CRITIC_CHANNELS, CRITIC_CHANNELS, 3, padding=1)
        self.last = nn.Linear(CRITIC_CHANNELS, 1)

    def forward(self, latent: Latents) -> Float[Tensor, " window"]:
        """Return log odds of the second instrument."""
        hidden = functional.silu(self.second(functional.silu(self.first(latent))))
        return self.last(hidden.mean(dim=2)).squeeze(1)


class MultiEncoderVae(nn.Module):
    """Two encoders, one conditioned decoder, the critic of the code and the listener to the source.

    Args:
        encoders: One for each instrument.
        decoder: Conditioned by `CONDITION_SIZE` numbers.
        critic: Of the code.
        listener: An encoder with one output a step: log odds of the second instrument.
    """

    def __init__(
        self,
        encoders: Sequence[SpectrogramEncoder],
        decoder: PlainDecoder | ResidualDecoder,
        critic: Critic,
        listener: SpectrogramEncoder,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.decoder, self.critic, self.listener = decoder, critic, listener
        self.instrument = nn.Embedding(N_ENDS, CONDITION_SIZE)

    def encode(self, spectrogram: Spectrograms, encoder: int) -> Posterior:
        """Say where windows lie in latent space, by one of the encoders."""
        return posterior_of(self.encoders[encoder](spectrogram))

    def decode(
        self, latent: Latents, mix: Float[Tensor, " window"], hint: PitchLogits | None = None
    ) -> Spectrograms:
        """Draw the windows of codes as played by the instrument at `mix`, pitches helped on by a hint."""
        return self.decoder(latent, self.condition(mix), hint)

    def condition(self, mix: Float[Tensor, " window"]) -> Conditions:
        """Return the place between the embeddings."""
        first, second = self.instrument.weight
        return first + mix.unsqueeze(1) * (second - first)

    def listen(self, spectrogram: Spectrograms) -> Float[Tensor, " window"]:
        """Return log odds that the second instrument plays a window."""
        return self.listener(spectrogram).mean(dim=(1, 2))

    def forward(
        self, spectrogram: Spectrograms, end: Int[Tensor, " window"], hint: PitchLogits | None = None
    ) -> CrossCoded:
        """Encode by both encoders and decode from either.

        In training a code is drawn from the encoder of its instrument or, as often, from the
        other's; in evaluation it is the mean of its own.

        Args:
            spectrogram: Windows.
            end: Which instrument played each: 0 or 1.
            hint: Of pitches, to the decoder.
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
            self.decode(latent, end.to(latent.dtype), hint),
            self.critic(ReversedGradient.apply(latent)),
            self.listen(spectrogram),
        )


class MultiEncoderHybrid(nn.Module):
    """What a voice file holds: windows and a mix in, windows of the hybrid out.

    Args:
        network: Trained.
        detail: See `SpectrogramRecipe`.
        guidance: See `SpectrogramRecipe`.
        reach: How far past the embeddings the ends lie: 1 is at them.
    """

    def __init__(
        self, network: MultiEncoderVae, *, detail: float | None, guidance: float = 0.0, reach: float = 1.0
    ) -> None:
        super().__init__()
        self.network, self.detail, self.guidance, self.reach = network, detail, guidance, reach

    def forward(self, spectrogram: Spectrograms, mix: Float[Tensor, " window"]) -> Spectrograms:
        """Play windows at `mix`; the encoders are weighed by how much each instrument is heard."""
        position = torch.sigmoid(self.network.listen(spectrogram))
        share = position[:, None, None]
        first, second = (self.network.encode(spectrogram, i).mean for i in range(N_ENDS))
        latent = (1.0 - share) * first + share * second
        wanted = position + self.reach * (mix - position)
        hint = pitch_hint(self.network.listener, spectrogram, self.guidance)
        made = self.network.decode(latent, wanted, hint)
        if self.detail is not None:
            drawn = self.network.decode(latent, position, hint)
            made = made + kept_detail(mix - position, self.detail) * (spectrogram - drawn)
        return made.clamp(0.0, 1.0)


def build_mevae(config: SpectrogramNetworkConfig) -> MultiEncoderVae:
    """Return an untrained multi-encoder VAE of a size; `condition_size` is set here."""
    config = replace(config, condition_size=CONDITION_SIZE)
    listener = replace(
        config, style="residual", filters=LISTENER_FILTERS[: len(config.filters)], latent_steps=1
    )
    return MultiEncoderVae(
        [SpectrogramEncoder(config, 2 * config.latent_channels) for _ in range(N_ENDS)],
        build_decoder(config),
        Critic(config.latent_channels),
        SpectrogramEncoder(listener, 1),
    )
