"""Encoders and decoders of spectrogram models: the parts of `vae` and `mevae`.

A window of a normalised log-magnitude spectrogram goes through five convolutions to a latent of a
few channels by a few steps in time, 128 numbers in the published sizes, and back. `plain` parts are
the assignment's: strided convolutions, their transposed mirror, batch normalisation. `residual`
parts are made to work on music, whose harmonics a 2-D decoder smears: the encoder knows where in
frequency it is, and the decoder treats frequency as channels, so that each bin is a function of the
whole latent with a bias of its own, and is given where the harmonics of the pitch lie. It is given the
instrument too; what is left for the latent is how the notes are played.

Source:
    Liu et al., An intriguing failing of convolutional neural networks and the CoordConv solution
    (NeurIPS 2018), for the position; He et al., Identity mappings in deep residual networks (ECCV
    2016), for the blocks; Wu & He, Group normalization (ECCV 2018); Perez et al., FiLM (AAAI 2018),
    for the condition.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.reversed_gradient import ReversedGradient
from violute.errors import ShapeError
from violute.families.pictures.config import SpectrogramNetworkConfig

Spectrograms = Float[Tensor, "window bin frame"]
Latents = Float[Tensor, "window channel step"]
Conditions = Float[Tensor, "window condition"]

N_ENDS = 2
CRITIC_CHANNELS = 64


class SpectrogramEncoder(nn.Module):
    """Five convolutions, then one that spans all that is left of frequency.

    Args:
        config: Sizes and style.
        n_outputs: Channels at each latent step: twice `latent_channels` for mean and log variance.
    """

    heard: Tensor
    position: Tensor

    def __init__(self, config: SpectrogramNetworkConfig, n_outputs: int) -> None:
        super().__init__()
        self.config = config
        self.is_residual = config.style == "residual"
        rows, columns = config.grid
        bins = torch.arange(config.n_bins)
        self.register_buffer("heard", (bins < config.n_heard_bins).float()[:, None], persistent=False)
        self.register_buffer("position", torch.linspace(-1.0, 1.0, config.n_bins)[:, None], persistent=False)
        sizes = (2 if self.is_residual else 1, *config.filters)
        self.layers = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2)
            for (n_in, n_out), kernel, stride in zip(
                pairwise(sizes), config.kernels, config.strides, strict=True
            )
        )
        self.norms = nn.ModuleList(
            group_norm(size) if self.is_residual else nn.BatchNorm2d(size) for size in config.filters
        )
        # Group normalisation forgets how loud a window is, so the last layer gets the levels again.
        n_levels = 1 if self.is_residual else 0
        self.pool = nn.AvgPool2d((config.n_bins // rows, config.n_frames // columns))
        width = columns // config.latent_steps
        self.head = nn.Conv2d(config.filters[-1] + n_levels, n_outputs, (rows, width), (1, width))

    def forward(self, spectrogram: Spectrograms) -> Latents:
        """Return `n_outputs` numbers for each latent step."""
        x = spectrogram.unsqueeze(1)
        if not self.is_residual:
            for layer, norm in zip(self.layers, self.norms, strict=True):
                x = functional.relu(norm(layer(x)))
            return self.head(x).squeeze(2)
        heard = x * self.heard
        x = torch.cat([heard, self.position.expand_as(heard)], dim=1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = functional.silu(norm(layer(x)))
        return self.head(torch.cat([x, self.pool(heard)], dim=1)).squeeze(2)


class PlainDecoder(nn.Module):
    """The mirror of a plain encoder: a dense layer and five transposed convolutions."""

    def __init__(self, config: SpectrogramNetworkConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.grid
        self.dense = nn.Linear(
            config.latent_size + config.condition_size, config.filters[-1] * rows * columns
        )
        sizes = (*reversed(config.filters), 1)
        layers = zip(reversed(config.kernels), reversed(config.strides), strict=True)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, kernel, stride, kernel // 2, (stride[0] - 1, stride[1] - 1))
            for (n_in, n_out), (kernel, stride) in zip(pairwise(sizes), layers, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[:-1])

    def forward(
        self,
        latent: Latents,
        condition: Conditions | None = None,
        partials: Spectrograms | None = None,  # noqa: ARG002 - a plain decoder is given no pitch
    ) -> Spectrograms:
        """Return windows in [0, 1]."""
        given = latent.flatten(1) if condition is None else torch.cat([latent.flatten(1), condition], dim=1)
        x = self.dense(given).unflatten(1, (-1, *self.config.grid))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = layer(functional.relu(norm(x)))
        return torch.sigmoid(x.squeeze(1))


class ResidualBlock(nn.Module):
    """Two convolutions in time beside an untouched path, modulated by a condition."""

    def __init__(self, channels: int, condition_size: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = group_norm(channels), group_norm(channels)
        self.first = nn.Conv1d(channels, channels, 3, padding=1)
        self.second = nn.Conv1d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(condition_size, 2 * channels) if condition_size else None

    def forward(
        self, x: Float[Tensor, "window channel frame"], condition: Conditions | None = None
    ) -> Float[Tensor, "window channel frame"]:
        """Add what the block finds to `x`."""
        hidden = self.second_norm(self.first(functional.silu(self.first_norm(x))))
        if self.modulation is not None and condition is not None:
            scale, shift = self.modulation(condition).unsqueeze(2).chunk(2, dim=1)
            hidden = hidden * (1.0 + scale) + shift
        return x + self.second(functional.silu(hidden))


class ResidualDecoder(nn.Module):
    """Residual blocks in time, frequency as channels, doubling the frames until the window is full."""

    def __init__(self, config: SpectrogramNetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels, condition_size = config.decoder_channels, config.condition_size
        n_doublings = (config.n_frames // config.latent_steps).bit_length() - 1
        if config.latent_steps << n_doublings != config.n_frames:
            raise ShapeError(
                f"{config.latent_steps} latent steps don't double to {config.n_frames} frames: "
                "choose a power of two frames a step"
            )
        self.first = nn.Conv1d(config.latent_channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(channels, condition_size) for _ in range(n_doublings + 1))
        self.from_partials = nn.Conv1d(config.n_heard_bins, channels, 1)
        self.to_levels = nn.Conv1d(channels, 2 * config.n_bins, 1)
        self.bin_bias = nn.Linear(condition_size, 2 * config.n_bins) if condition_size else None

    def forward(
        self, latent: Latents, condition: Conditions | None = None, partials: Spectrograms | None = None
    ) -> Spectrograms:
        """Return windows in [0, 1].

        Args:
            latent: Of windows.
            condition: What conditions the decoder beside it, if it was built for that.
            partials: Where the harmonics of the pitch lie.

        Raises:
            ShapeError: There are no partials.
        """
        if partials is None:
            raise ShapeError("a residual decoder is given the pitch: give partials")
        x = self.first(latent)
        pitch = self.from_partials(partials[:, : self.config.n_heard_bins])
        for i, block in enumerate(self.blocks):
            if i:
                x = x.repeat_interleave(2, dim=2)
            x = block(x + functional.avg_pool1d(pitch, pitch.shape[2] // x.shape[2]), condition)
        # No normalisation before the last layer: the untouched path carries the level.
        hidden = functional.silu(x)
        levels = self.to_levels(hidden)
        if self.bin_bias is not None and condition is not None:
            levels = levels + self.bin_bias(condition).unsqueeze(2)
        between, above = levels.chunk(2, dim=1)
        return torch.sigmoid(between + above * partials)


def build_decoder(config: SpectrogramNetworkConfig) -> PlainDecoder | ResidualDecoder:
    """Return the decoder of the config's style."""
    return ResidualDecoder(config) if config.style == "residual" else PlainDecoder(config)


class InstrumentEmbedding(nn.Module):
    """Where a mix lies between the embeddings of two instruments."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.ends = nn.Embedding(N_ENDS, size)

    def forward(self, mix: Float[Tensor, " window"]) -> Conditions:
        """Return a condition for each mix."""
        first, second = self.ends.weight
        return first + mix.unsqueeze(1) * (second - first)


class Hybrid(nn.Module):
    """What a voice file holds: windows and a mix in, windows of the hybrid out.

    Where the network is given the pitch, pictures of its harmonics stand between the two.

    Args:
        network: Trained; its method `hybrid` draws.
    """

    network: Any

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, spectrogram: Spectrograms, *given: Tensor) -> Spectrograms:
        """Draw windows by `(partials, mix)` or `(mix,)`."""
        *partials, mix = given
        drawn: Tensor = self.network.hybrid(spectrogram, partials[0] if partials else None, mix)
        return drawn


class Critic(nn.Module):
    """Guesses the instrument from a code, at each step from a few around it."""

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(latent_channels, CRITIC_CHANNELS, 3, padding=1)
        self.second = nn.Conv1d(CRITIC_CHANNELS, CRITIC_CHANNELS, 3, padding=1)
        self.last = nn.Linear(CRITIC_CHANNELS, 1)

    def forward(self, latent: Latents) -> Float[Tensor, " window"]:
        """Return log odds of the second instrument; what comes before learns to mislead it.

        Source:
            Ganin & Lempitsky, Unsupervised domain adaptation by backpropagation (ICML 2015), equation 4.
        """
        hidden = functional.silu(self.first(ReversedGradient.apply(latent)))
        return self.last(functional.silu(self.second(hidden)).mean(dim=2)).squeeze(1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Return a group normalisation in as many groups of four channels or more as divide them, at most 8."""
    n_groups = max(n for n in (1, 2, 4, 8) if channels % n == 0 and (n == 1 or channels // n >= 4))
    return nn.GroupNorm(n_groups, channels)
