"""RAVE with two clear ends: a causal autoencoder of bands, its decoder told which instrument to be.

Audio is split into 16 bands. An encoder turns what it may hear of them into a slow latent of few numbers, a
posterior that a divergence keeps near the normal distribution. The decoder makes the bands again, by three
branches: a waveform, a loudness envelope that multiplies it, and noise of a level for each band.

What differs from the paper, and why:

- An embedding of the instrument modulates every level of the decoder, and a critic's confusion removes the
  instrument from the latent: two clear ends, and a dial between them, frame by frame.
- The encoder may hear the lower bands alone. What lies above is then the decoder's to invent, by instrument.
- Everything is causal, by convolutions that remember; there is no lookahead to wait for.

There is an encoder for both instruments or, as an option, one for each, weighed at conversion by how much of
each instrument a listener hears.

Conventions: samples at 44.1 kHz, (batch, sample); bands and latents as (batch, channel, step), a latent step
for each `config.ratio` samples; the output is `config.delay_samples` later than the input.

Source:
    Caillon & Esling, RAVE: a variational autoencoder for fast and high-quality neural audio synthesis (2021),
    sections 3.1 and 3.2 and appendix A; Perez et al., FiLM (AAAI 2018), equation 2, for the modulation;
    Lample et al., Fader networks (NeurIPS 2017), section 3.2, for the critic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp import pqmf
from violute.dsp.causal import CausalConv1d, fold, repeat, unfold

N_ENDS = 2
SLOPE = 0.2
"""Of the leaky rectifiers."""

INPUT_GAIN = 8.0
"""Bands of music are this much softer than what networks like."""

SMALLEST_DEVIATION = 1e-3


@dataclass(frozen=True)
class RaveConfig:
    """Sizes.

    Attributes:
        channels: Of the levels, that of the bands first.
        strides: Between the levels.
        dilations: Of the residual blocks at each level.
        latent_size: Numbers of a latent step.
        n_heard_bands: Lower bands that the encoder hears.
        n_encoders: 1 for both instruments, or 2.
        condition_size: Of the embedding of an instrument.
        has_noise: Whether there is a noise branch.
    """

    channels: tuple[int, ...] = (48, 64, 96, 96)
    strides: tuple[int, ...] = (2, 2, 2)
    dilations: tuple[int, ...] = (1, 3)
    latent_size: int = 32
    n_heard_bands: int = 4
    n_encoders: int = 1
    condition_size: int = 8
    has_noise: bool = True

    @property
    def ratio(self) -> int:
        """Samples of a latent step."""
        return pqmf.N_BANDS * math.prod(self.strides)

    @property
    def delay_samples(self) -> int:
        """Samples by which the output is late."""
        return pqmf.delay_samples()

    @property
    def latency_samples(self) -> int:
        """Samples from a sample's arrival to its departure: the delay, and the wait for a whole step."""
        return self.delay_samples + self.ratio - 1


class ResidualBlock(nn.Module):
    """Adds what a dilated convolution finds.

    Args:
        channels: In and out.
        dilation: In steps.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = CausalConv1d(channels, channels, 3, dilation)
        self.point = CausalConv1d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (batch, channel, step)."""
        hidden = self.wide(functional.leaky_relu(x, SLOPE))
        y: Tensor = x + self.point(functional.leaky_relu(hidden, SLOPE))
        return y


class Encoder(nn.Module):
    """From bands to mean and deviation of the latent.

    Args:
        config: Sizes.
        n_out: Channels; None is what a posterior takes.
    """

    def __init__(self, config: RaveConfig, n_out: int | None = None) -> None:
        super().__init__()
        self.strides = list(config.strides)
        channels = config.channels
        self.first = CausalConv1d(config.n_heard_bands, channels[0], 5)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(size, dilation) for dilation in config.dilations))
            for size in channels[:-1]
        )
        self.down = nn.ModuleList(
            CausalConv1d(stride * size, larger, 2)
            for size, larger, stride in zip(channels[:-1], channels[1:], config.strides, strict=True)
        )
        self.last = CausalConv1d(channels[-1], 2 * config.latent_size if n_out is None else n_out, 3)

    def forward(self, bands: Tensor) -> Tensor:
        """Encode the bands that are heard (batch, band, frame)."""
        x = self.first(INPUT_GAIN * bands)
        level = 0
        for blocks, down in zip(self.blocks, self.down, strict=True):
            x = functional.leaky_relu(blocks(x), SLOPE)
            x = down(fold(x, self.strides[level]))
            level += 1
        y: Tensor = self.last(functional.leaky_relu(x, SLOPE))
        return y


class Modulation(nn.Module):
    """Scales and shifts channels as the embedding says.

    Args:
        condition_size: Of the embedding.
        channels: To modulate.
        factor: Steps of a level for each latent step.
    """

    def __init__(self, condition_size: int, channels: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.point = CausalConv1d(condition_size, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Modulate (batch, channel, step)."""
        scale, shift = repeat(self.point(condition), self.factor).chunk(2, dim=1)
        y: Tensor = (1.0 + scale) * x + shift
        return y


class Decoder(nn.Module):
    """From latents and the embedding of an instrument to bands.

    Args:
        config: Sizes.
    """

    def __init__(self, config: RaveConfig) -> None:
        super().__init__()
        channels, size = config.channels, config.condition_size
        self.strides = list(reversed(config.strides))
        self.n_frames = math.prod(config.strides)
        self.first = CausalConv1d(config.latent_size, channels[-1], 3)
        self.first_modulation = Modulation(size, channels[-1], 1)
        pairs = list(zip(channels[-2::-1], channels[:0:-1], self.strides, strict=True))
        self.up = nn.ModuleList(CausalConv1d(larger, stride * smaller, 2) for smaller, larger, stride in pairs)
        factors = [math.prod(self.strides[: i + 1]) for i in range(len(pairs))]
        self.modulations = nn.ModuleList(
            Modulation(size, smaller, factor) for (smaller, _, _), factor in zip(pairs, factors, strict=True)
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(smaller, dilation) for dilation in config.dilations))
            for smaller, _, _ in pairs
        )
        self.waveform = CausalConv1d(channels[0], pqmf.N_BANDS, 5)
        self.loudness = CausalConv1d(channels[0], 1, 3)
        self.has_noise = config.has_noise
        self.noise = nn.Sequential(
            CausalConv1d(channels[-1], channels[-1], 3),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(channels[-1], pqmf.N_BANDS if config.has_noise else 1),
        )

    def forward(self, latent: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        """Decode.

        Args:
            latent: (batch, latent, step).
            condition: Embedding of the instrument at each step.
            noise: Of deviation 1, in the shape of the bands.
        """
        x = self.first_modulation(self.first(latent), condition)
        # 40 dB below a loud band at first, so that noise is learned rather than unlearned.
        level = 0.1 * torch.sigmoid(self.noise(functional.leaky_relu(x, SLOPE)) - 4.0)
        i = 0
        for up, modulation, blocks in zip(self.up, self.modulations, self.blocks, strict=True):
            x = unfold(up(functional.leaky_relu(x, SLOPE)), self.strides[i])
            x = blocks(modulation(x, condition))
            i += 1
        x = functional.leaky_relu(x, SLOPE)
        bands = torch.tanh(self.waveform(x)) * torch.sigmoid(self.loudness(x))
        if self.has_noise:
            bands = bands + repeat(level, self.n_frames) * noise
        return bands


class InstrumentCritic(nn.Module):
    """Guesses from latents which instrument played.

    Args:
        latent_size: Of the latent.
        channels: Of its layers.
    """

    def __init__(self, latent_size: int, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            CausalConv1d(latent_size, channels, 3),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(channels, channels, 3, 2),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(channels, channels, 3, 4),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(channels, 1),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Return log odds of the second instrument at each step (batch, step)."""
        odds: Tensor = self.layers(latent).squeeze(1)
        return odds


class Rave(nn.Module):
    """Encoders, decoder, embedding and filter bank.

    Args:
        config: Sizes.
    """

    def __init__(self, config: RaveConfig) -> None:
        super().__init__()
        self.config = config
        self.n_heard_bands = config.n_heard_bands
        self.analysis = pqmf.PqmfAnalysis()
        self.synthesis = pqmf.PqmfSynthesis()
        self.encoders = nn.ModuleList(Encoder(config) for _ in range(config.n_encoders))
        self.listener = Encoder(config, 1) if config.n_encoders > 1 else None
        self.decoder = Decoder(config)
        self.instrument = nn.Embedding(N_ENDS, config.condition_size)

    def posterior(self, bands: Tensor, encoder: int = 0) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the latent of whole bands, by one of the encoders."""
        mean, raw = self.encoders[encoder](bands[:, : self.n_heard_bands]).chunk(2, dim=1)
        return mean, functional.softplus(raw) + SMALLEST_DEVIATION

    def encode(self, audio: Tensor) -> Tensor:
        """Return the latent's mean (batch, latent, step) of audio (batch, sample)."""
        heard = self.analysis(audio)[:, : self.n_heard_bands]
        means = [encoder(heard).chunk(2, dim=1)[0] for encoder in self.encoders]
        if self.listener is None:
            return means[0]
        share = torch.sigmoid(self.listener(heard))
        return (1.0 - share) * means[0] + share * means[1]

    def condition(self, mix: Tensor) -> Tensor:
        """Return the place between the embeddings at each step, for a mix (batch, step)."""
        first, second = self.instrument.weight[0], self.instrument.weight[1]
        return first[None, :, None] + mix.unsqueeze(1) * (second - first)[None, :, None]

    def decode_bands(self, latent: Tensor, mix: Tensor, noise: Tensor) -> Tensor:
        """Return the bands of latents at a mix (batch, step)."""
        bands: Tensor = self.decoder(latent, self.condition(mix), noise)
        return bands

    def decode(self, latent: Tensor, mix: Tensor, noise: Tensor) -> Tensor:
        """Return the audio (batch, sample) of latents at a mix (batch, step)."""
        audio: Tensor = self.synthesis(self.decode_bands(latent, mix, noise))
        return audio
