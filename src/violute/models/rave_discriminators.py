"""Discriminators on waveforms at several rates, told which instrument a sound claims to be.

Each hears the sound at a rate of its own and answers, step by step, once for each instrument: a recording of
a flute is real as a flute only. So they judge both what the decoder makes of an instrument's own latents and
what it makes of the other's, which is what the dial will ask for.

Source:
    Kumar et al., MelGAN (NeurIPS 2019), section 2.2, for strided discriminators at several rates and the
    matching of their features; Lim & Ye, Geometric GAN (2017), equation 11, for the hinge; Caillon & Esling,
    RAVE (2021), section 3.2; Choi et al., StarGAN (CVPR 2018), section 3.1, for judging by domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from violute.models.rave import N_ENDS
from violute.models.rave_networks import SLOPE


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes.

    Attributes:
        n_scales: Rates: the full one, and each half of the one before.
        channels: Of the layers of each discriminator; between them the rate falls by `stride`.
        stride: See `channels`.
    """

    n_scales: int = 2
    channels: tuple[int, ...] = (16, 32, 64, 64)
    stride: int = 4


class Judged(NamedTuple):
    """What the discriminators say: scores by rate, and features by rate and layer."""

    scores: list[Tensor]
    features: list[list[Tensor]]


class Discriminator(nn.Module):
    """One discriminator.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        sizes = config.channels
        self.first = weight_norm(nn.Conv1d(1, sizes[0], 15, padding=7))
        kernel = 4 * config.stride + 1
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, kernel, config.stride, padding=kernel // 2, groups=min(4, a, b)))
            for a, b in pairwise(sizes)
        )
        self.last = weight_norm(nn.Conv1d(sizes[-1], N_ENDS, 3, padding=1))

    def forward(
        self, audio: Float[Tensor, "batch sample"]
    ) -> tuple[Float[Tensor, "batch end step"], list[Tensor]]:
        """Return scores for each instrument, and the features on the way."""
        x = functional.leaky_relu(self.first(audio.unsqueeze(1)), SLOPE)
        features = [x]
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.last(x), features


class Discriminators(nn.Module):
    """Discriminators at several rates.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Discriminator(config) for _ in range(config.n_scales))

    def forward(self, audio: Float[Tensor, "batch sample"], end: Int[Tensor, " batch"]) -> Judged:
        """Judge sounds as the instruments that they claim to be."""
        scores, features = [], []
        x = audio
        for i, scale in enumerate(self.scales):
            x = functional.avg_pool1d(x.unsqueeze(1), 2).squeeze(1) if i else x
            answers, found = scale(x)
            scores.append(answers[torch.arange(len(end), device=end.device), end])
            features.append(found)
        return Judged(scores, features)


def discriminator_loss(real: Judged, made: Judged) -> Float[Tensor, ""]:
    """Return the hinge loss of the discriminators, the mean over the rates."""
    losses = [
        functional.relu(1.0 - a).mean() + functional.relu(1.0 + b).mean()
        for a, b in zip(real.scores, made.scores, strict=True)
    ]
    return torch.stack(losses).mean()


def decoder_loss(made: Judged) -> Float[Tensor, ""]:
    """Return the hinge loss of the decoder, the mean over the rates."""
    return torch.stack([-scores.mean() for scores in made.scores]).mean()


def feature_distance(real: Judged, made: Judged, n_items: int) -> Float[Tensor, ""]:
    """Return the distance of the first `n_items` sounds' features, relative to the real ones' size.

    Source:
        MelGAN, equation 3; relative, as the layers' sizes differ.
    """
    distances = [
        (a[:n_items].detach() - b[:n_items]).abs().mean() / a[:n_items].detach().abs().mean().clamp_min(1e-6)
        for first, second in zip(real.features, made.features, strict=True)
        for a, b in zip(first, second, strict=True)
    ]
    return torch.stack(distances).mean()
