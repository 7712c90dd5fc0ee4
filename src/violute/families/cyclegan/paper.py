"""The networks of the CycleGAN paper, on sound: a picture in, a picture out, and critics of 70 x 70 squares.

Nothing here knows that a picture is a sound. The generator is the paper's for 256 x 256 pixels, c7s1-64,
d128, d256, nine residual blocks, u128, u64, c7s1-1, with instance normalisation and reflected edges; its
critic is C64-C128-C256-C512. One plane instead of three; pictures lie in [0, 1] and are brought to the
paper's [-1, 1] and back.

Source:
    Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks (ICCV 2017),
    appendix, section 7.2; Isola et al., Image-to-image translation with conditional adversarial networks
    (CVPR 2017), appendix 6.1.2, for the critic.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.config import PaperConfig
from violute.families.pictures.networks import Conditions, Spectrograms

Images = Float[Tensor, "window channel row column"]

FIRST_DEVIATION = 0.02
"""Of the weights before the first step."""


class PaperBlock(nn.Module):
    """Two convolutions beside an untouched path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Images) -> Images:
        """Add what the block finds to `x`."""
        return x + self.layers(x)


class PaperGenerator(nn.Module):
    """A picture to a picture."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        widths = [config.channels * factor for factor in (1, 2, 4)]
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(1 + config.condition_size, widths[0], 7),
            nn.InstanceNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for n_in, n_out in pairwise(widths):
            layers += [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.InstanceNorm2d(n_out), nn.ReLU()]
        layers += [PaperBlock(widths[-1]) for _ in range(config.n_blocks)]
        for n_in, n_out in pairwise(reversed(widths)):
            layers += [
                nn.ConvTranspose2d(n_in, n_out, 3, 2, 1, output_padding=1),
                nn.InstanceNorm2d(n_out),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(widths[0], 1, 7))
        self.apply(_first_weights)

    def forward(self, spectrogram: Spectrograms, condition: Conditions | None = None) -> Spectrograms:
        """Return windows in [0, 1]."""
        planes = [2.0 * spectrogram - 1.0]
        if condition is not None:
            planes += [number[:, None, None].expand_as(spectrogram) for number in condition.unbind(1)]
        made: Tensor = torch.tanh(self.layers(torch.stack(planes, dim=1)).float()).squeeze(1)
        return 0.5 * made + 0.5


class PaperCritic(nn.Module):
    """Scores squares of 70 x 70 pixels, seen on some planes at once: 1 for recordings, 0 for drawings."""

    def __init__(self, config: PaperConfig, n_planes: int = 1) -> None:
        super().__init__()
        widths = (n_planes, *config.critic_channels)
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise(widths)):
            is_last = i == len(config.critic_channels) - 1
            layers.append(nn.Conv2d(n_in, n_out, 4, 1 if is_last else 2, 1))
            if i:
                layers.append(nn.InstanceNorm2d(n_out))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.apply(_first_weights)

    def forward(
        self, views: Float[Tensor, "window plane bin frame"]
    ) -> list[Float[Tensor, "window 1 square_row square_column"]]:
        """Return a score for each square."""
        return [self.layers(2.0 * views - 1.0)]


def _first_weights(module: nn.Module) -> None:
    """Draw the weights of convolutions as the paper does."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, FIRST_DEVIATION)
