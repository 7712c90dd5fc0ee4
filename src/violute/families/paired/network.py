"""The paired model: a source and a mix in, the hybrid out, learned from pairs that a teacher made.

No ends and no axis: the network is conditioned on the mix beside the window and redraws the window in one
pass. Two flavours share the change that they make, smooth in frequency, and the partials that they draw into
it (`families.pictures.retouching`):

- `gan`, after pix2pix: a deterministic network, drawn towards the pair's hybrid and past a critic that sees
  the source, the mix and a hybrid, its own or the teacher's, and says which.
- `vae`: what is to be changed goes through a latent of a few numbers a step, drawn from a posterior that
  sees the source alone, so that it can be encoded at conversion too; the mix joins in the decoder.

Source:
    Isola et al., Image-to-image translation with conditional adversarial networks (CVPR 2017), equations 1
    to 4; Sohn et al., Learning structured output representation using deep conditional generative models
    (NeurIPS 2015), section 4, for decoding under a condition; Kingma & Welling, Auto-encoding variational
    Bayes (ICLR 2014).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.network import Generator, PatchCritic
from violute.families.pictures.networks import Spectrograms
from violute.families.pictures.retouching import Ear, RetouchBlock, RetouchConfig, RetouchEncoder, Retoucher
from violute.families.vae.network import Posterior, posterior_of

Mixes = Float[Tensor, " window"]


@dataclass(frozen=True)
class PairedConfig:
    """Flavour and sizes.

    Attributes:
        flavour: `vae` or `gan`.
        retouch: Of the network; the mix is its condition.
        latent_channels: Numbers of the latent at one step of the grid, for `vae`.
        critic_channels: Of the critic's three first convolutions, for `gan`.
        audible_from: Where on a window's scale the critic begins to hear.
    """

    flavour: Literal["vae", "gan"] = "vae"
    retouch: RetouchConfig = field(
        default_factory=lambda: RetouchConfig(channels=(24, 48, 64), condition_size=1, draws_partials=True)
    )
    latent_channels: int = 16
    critic_channels: tuple[int, int, int] = (16, 32, 64)
    audible_from: float = 0.15


class Redrawn(NamedTuple):
    """Windows of a hybrid, and the posterior that they were drawn from, if there is one."""

    spectrogram: Spectrograms
    posterior: Posterior | None


class LatentRetouch(nn.Module):
    """A change that goes through a latent of few numbers."""

    def __init__(self, config: PairedConfig) -> None:
        super().__init__()
        retouch, size = config.retouch, config.latent_channels
        channels, n_nodes = retouch.channels[-1], retouch.grid[0]
        self.grid_channels = channels
        self.ear = Ear(retouch)
        self.encoder = RetouchEncoder(replace(retouch, condition_size=0), retouch.n_blocks)
        # All of frequency goes into each step's latent, and comes out of it.
        self.to_latent = nn.Conv2d(channels, 2 * size, (n_nodes, 1))
        self.from_latent = nn.Conv1d(size + 1, channels * n_nodes, 1)
        self.blocks = nn.ModuleList([RetouchBlock(channels)])
        self.retoucher = Retoucher(retouch, channels)

    def forward(self, spectrogram: Spectrograms, mix: Mixes) -> Redrawn:
        """Redraw windows; in training through a draw from the posterior, else through its mean."""
        features = self.encoder(self.ear(spectrogram))
        posterior = posterior_of(self.to_latent(features).squeeze(2))
        latent = posterior.sample() if self.training else posterior.mean
        condition = mix[:, None, None].expand(-1, 1, latent.shape[2])
        grid = self.from_latent(torch.cat([latent, condition], dim=1)).unflatten(1, (self.grid_channels, -1))
        for block in self.blocks:
            grid = block(grid)
        return Redrawn(self.retoucher(spectrogram, grid), posterior)


class PairedModel(nn.Module):
    """A paired model of either flavour, with its critic."""

    def __init__(self, config: PairedConfig) -> None:
        super().__init__()
        self.config = config
        self.ear = Ear(config.retouch)
        is_vae = config.flavour == "vae"
        self.network: LatentRetouch | Generator = (
            LatentRetouch(config) if is_vae else Generator(config.retouch)
        )
        self.critic = (
            None
            if is_vae
            else PatchCritic(
                config.critic_channels, config.retouch.n_rows, audible_from=config.audible_from, n_inputs=3
            )
        )

    def forward(self, spectrogram: Spectrograms, mix: Mixes) -> Redrawn:
        """Redraw windows of either instrument at mixes, 0 to 1."""
        return _redrawn(self.network, spectrogram, mix)

    def scores(
        self, source: Spectrograms, hybrid: Spectrograms, mix: Mixes
    ) -> Float[Tensor, "window 1 patch_row patch_column"]:
        """Let the critic say how much each patch of a hybrid is like the teacher's."""
        assert self.critic is not None
        rows = self.ear(source)
        # The critic is deaf below `audible_from`, which must not hide a small mix.
        condition = mix[:, None, None].expand_as(rows) + self.config.audible_from
        scores: Tensor = self.critic(rows, self.ear(hybrid), condition)
        return scores


class PairedHybrid(nn.Module):
    """What a voice file holds: windows and a mix in, windows of the hybrid out."""

    def __init__(self, model: PairedModel) -> None:
        super().__init__()
        self.network = model.network

    def forward(self, spectrogram: Spectrograms, mix: Mixes) -> Spectrograms:
        """Redraw windows of either instrument at mixes, 0 to 1."""
        return _redrawn(self.network, spectrogram, mix).spectrogram


def _redrawn(network: LatentRetouch | Generator, spectrogram: Spectrograms, mix: Mixes) -> Redrawn:
    if isinstance(network, LatentRetouch):
        redrawn: Redrawn = network(spectrogram, mix)
        return redrawn
    return Redrawn(network(spectrogram, mix[:, None]), None)
