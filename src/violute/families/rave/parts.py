"""The parts of RAVE: encoder, decoder with three branches, and the critic of the latent.

The paper's blocks made causal; what is ours stands in `families.rave.network`. A level changes the rate by
folding steps into channels, so that every convolution remembers in the same way.

Source:
    Caillon & Esling, RAVE (2021), section 3.1 and appendix A; Perez et al., FiLM (AAAI 2018), equation 2, for
    the modulation; Lample et al., Fader networks (NeurIPS 2017), section 3.2, for the critic.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.causal import CausalConv1d, fold, repeat, unfold
from violute.dsp.pqmf_sizes import N_BANDS
from violute.families.rave.config import RaveConfig

SLOPE = 0.2
"""Of the leaky rectifiers."""

INPUT_GAIN = 8.0
"""Bands of music are this much softer than what networks like."""

FIRST_LEVEL = 0.03
"""Of the first weights of the waveform: an untrained decoder that roars has to be silenced first."""

MOST_NOISE, FIRST_NOISE = 0.1, -4.0
"""Deviation of a band's noise at most, and what its logit begins at: nearly silent, to be learned."""


def rectified(x: Tensor, slope: float = SLOPE) -> Tensor:
    """Rectify, leakily; the slope is an argument because TorchScript sees no global numbers."""
    return functional.leaky_relu(x, slope)


class ResidualBlock(nn.Module):
    """Adds what a dilated convolution finds."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.wide = CausalConv1d(channels, channels, 3, dilation)
        self.point = CausalConv1d(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transform (batch, channel, step)."""
        hidden = self.wide(rectified(x))
        y: Tensor = x + self.point(rectified(hidden))
        return y


class EncoderLevel(nn.Module):
    """Residual blocks, then a slower and wider level."""

    def __init__(self, channels: int, n_out: int, stride: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.stride = stride
        self.blocks = nn.Sequential(*(ResidualBlock(channels, dilation) for dilation in dilations))
        self.down = CausalConv1d(stride * channels, n_out, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Go down a level (batch, channel, step)."""
        y: Tensor = self.down(fold(rectified(self.blocks(x)), self.stride))
        return y


class Encoder(nn.Module):
    """From bands to mean and raw deviation of the latent.

    Args:
        config: Sizes.
        n_out: Channels; None is what a posterior takes.
    """

    def __init__(self, config: RaveConfig, n_out: int | None = None) -> None:
        super().__init__()
        channels = config.channels
        n_out = 2 * config.latent_size if n_out is None else n_out
        self.n_frames, self.gain = config.n_frames, INPUT_GAIN
        self.first = CausalConv1d(config.n_heard_bands, channels[0], 5)
        self.levels = nn.Sequential(
            *(
                EncoderLevel(size, larger, stride, config.dilations)
                for size, larger, stride in zip(channels[:-1], channels[1:], config.strides, strict=True)
            )
        )
        self.last = CausalConv1d(channels[-1], n_out, 3)
        self.shortcut = CausalConv1d(self.n_frames * config.n_heard_bands, n_out)
        _begin_as_identity(self.shortcut, 1.0 if config.has_shortcut else 0.0)

    def forward(self, bands: Tensor) -> Tensor:
        """Encode the bands that are heard (batch, band, frame)."""
        heard = self.gain * bands
        x = self.last(rectified(self.levels(self.first(heard))))
        y: Tensor = x + self.shortcut(fold(heard, self.n_frames))
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


class DecoderLevel(nn.Module):
    """A faster and narrower level, modulated, then residual blocks.

    Args:
        channels: In.
        n_out: Channels of the faster level.
        stride: How much faster.
        factor: Steps of the faster level for each latent step.
        config: Gives dilations and the size of the embedding.
    """

    def __init__(self, channels: int, n_out: int, stride: int, factor: int, config: RaveConfig) -> None:
        super().__init__()
        self.stride = stride
        self.up = CausalConv1d(channels, stride * n_out, 2)
        self.modulation = Modulation(config.condition_size, n_out, factor)
        self.blocks = nn.Sequential(*(ResidualBlock(n_out, dilation) for dilation in config.dilations))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Go up a level (batch, channel, step)."""
        x = unfold(self.up(rectified(x)), self.stride)
        y: Tensor = self.blocks(self.modulation(x, condition))
        return y


class Decoder(nn.Module):
    """From latents and the embedding of an instrument to bands."""

    def __init__(self, config: RaveConfig) -> None:
        super().__init__()
        channels, strides = config.channels[::-1], config.strides[::-1]
        self.n_frames, self.most_noise, self.first_noise = config.n_frames, MOST_NOISE, FIRST_NOISE
        self.first = CausalConv1d(config.latent_size, channels[0], 3)
        self.modulation = Modulation(config.condition_size, channels[0], 1)
        self.levels = nn.ModuleList(
            DecoderLevel(channels[i], channels[i + 1], strides[i], math.prod(strides[: i + 1]), config)
            for i in range(len(strides))
        )
        self.waveform = CausalConv1d(channels[-1], N_BANDS, 5)
        with torch.no_grad():
            for parameter in self.waveform.parameters():
                parameter.mul_(FIRST_LEVEL)
        self.shortcut = CausalConv1d(config.latent_size, self.n_frames * N_BANDS)
        _begin_as_identity(self.shortcut, 1.0 / INPUT_GAIN if config.has_shortcut else 0.0)
        self.loudness = CausalConv1d(channels[-1], N_BANDS, 3)
        self.noise = nn.Sequential(
            CausalConv1d(channels[0], channels[0], 3),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(channels[0], N_BANDS),
        )

    def forward(self, latent: Tensor, condition: Tensor, noise: Tensor) -> Tensor:
        """Decode.

        Args:
            latent: (batch, latent, step).
            condition: Embedding of the instrument at each step.
            noise: Of deviation 1, in the shape of the bands.
        """
        x = self.modulation(self.first(latent), condition)
        level = self.most_noise * torch.sigmoid(self.noise(rectified(x)) + self.first_noise)
        for part in self.levels:
            x = part(x, condition)
        x = rectified(x)
        waveform = torch.tanh(self.waveform(x) + unfold(self.shortcut(latent), self.n_frames))
        bands = waveform * (2.0 * torch.sigmoid(self.loudness(x)))
        return bands + repeat(level, self.n_frames) * noise


class InstrumentCritic(nn.Module):
    """Guesses from latents which instrument played."""

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


def _begin_as_identity(conv: CausalConv1d, gain: float) -> None:
    """Let a map pass its first channels on, times a gain, and nothing else."""
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.zero_()
        nn.init.dirac_(conv.conv.weight).mul_(gain)
