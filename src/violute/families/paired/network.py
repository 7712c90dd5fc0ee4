"""The paired model: a source and a mix in, the hybrid out, learned from pairs that a teacher made.

No ends and no axis: the network is conditioned on the mix beside the window and draws it in one pass. It is
given pitch and loudness, and draws harmonics and noise (`families.pictures.drawing`); what it hears is
disguised in training, what it should draw is what the teacher made of the clean recording. Flavours:

- `gan`, after pix2pix: a deterministic network, drawn towards the pair's hybrid and past a critic that sees
  the source, the mix and a hybrid, its own or the teacher's, and says which.
- `vae`: what is to be drawn goes through a latent of a few numbers a step, drawn from a posterior that
  sees the source alone, so that it can be encoded at conversion too; the mix joins in the decoder.
- `paper`: as `gan`, with the networks of the CycleGAN paper, from picture to picture; nothing is given.

Source:
    Isola et al., Image-to-image translation with conditional adversarial networks (CVPR 2017), equations 1
    to 4; Sohn et al., Learning structured output representation using deep conditional generative models
    (NeurIPS 2015), section 4, for decoding under a condition; Kingma & Welling, Auto-encoding variational
    Bayes (ICLR 2014).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.critics import PatchCritic, Scores
from violute.families.cyclegan.paper import PaperCritic, PaperGenerator
from violute.families.paired.config import PairedConfig
from violute.families.pictures.drawing import Drawer, DrawingBlock, DrawingEncoder, Drawn, Generator
from violute.families.pictures.networks import Spectrograms
from violute.families.pictures.rows import Ear, Loudness
from violute.families.vae.network import Posterior, posterior_of

Mixes = Float[Tensor, " window"]


class Redrawn(NamedTuple):
    """Windows of a hybrid, and the posterior that they were drawn from, if there is one."""

    drawn: Drawn
    posterior: Posterior | None


class LatentGenerator(nn.Module):
    """Hears, and draws what goes through a latent of few numbers."""

    def __init__(self, config: PairedConfig) -> None:
        super().__init__()
        drawing, size = config.drawing, config.latent_channels
        channels, n_nodes = drawing.channels[-1], drawing.grid[0]
        self.grid_channels = channels
        self.loudness = Loudness(drawing)
        self.encoder = DrawingEncoder(replace(drawing, condition_size=0))
        # All of frequency goes into each step's latent, and comes out of it.
        self.to_latent = nn.Conv2d(channels, 2 * size, (n_nodes, 1))
        self.from_latent = nn.Conv1d(size + 1, channels * n_nodes, 1)
        self.blocks = nn.ModuleList([DrawingBlock(channels)])
        self.drawer = Drawer(drawing, channels)

    def forward(
        self,
        heard: Spectrograms,
        partials: Spectrograms,
        mix: Mixes,
        like: Spectrograms | None = None,
        *,
        is_grained: bool = False,
    ) -> Redrawn:
        """Draw windows; in training through a draw from the posterior, else through its mean."""
        power = self.loudness(heard if like is None else like)
        posterior = posterior_of(self.to_latent(self.encoder(heard, partials, power)).squeeze(2))
        latent = posterior.sample() if self.training else posterior.mean
        condition = mix[:, None, None].expand(-1, 1, latent.shape[2])
        grid = self.from_latent(torch.cat([latent, condition], dim=1)).unflatten(1, (self.grid_channels, -1))
        for block in self.blocks:
            grid = block(grid)
        drawn = self.drawer(heard, partials, power, grid, mix[:, None], is_grained=is_grained)
        return Redrawn(drawn, posterior)


class PairedModel(nn.Module):
    """A paired model of any flavour, with its critic."""

    def __init__(self, config: PairedConfig) -> None:
        super().__init__()
        self.config = config
        drawing = config.drawing
        self.ear, self.loudness = Ear(drawing), Loudness(drawing)
        self.network: nn.Module
        self.critic: nn.Module | None = None
        if config.flavour == "paper":
            self.network, self.critic = PaperGenerator(config.paper), PaperCritic(config.paper, n_planes=3)
        elif config.flavour == "vae":
            self.network = LatentGenerator(config)
        else:
            self.network = Generator(drawing)
            self.critic = PatchCritic(
                config.critic_channels,
                drawing.n_rows,
                audible_from=config.audible_from,
                n_heard=2,
                n_conditions=2,
            )

    def forward(
        self,
        heard: Spectrograms,
        partials: Spectrograms | None,
        mix: Mixes,
        like: Spectrograms | None = None,
        *,
        is_grained: bool = False,
    ) -> Redrawn:
        """Draw windows of either instrument at mixes, 0 to 1; for the windows see `CycleGan.to_end`."""
        if self.config.flavour == "paper":
            made = self.network(heard, mix[:, None])
            return Redrawn(Drawn(made, made), None)
        if self.config.flavour == "vae":
            redrawn: Redrawn = self.network(heard, partials, mix, like, is_grained=is_grained)
            return redrawn
        power = None if like is None else self.loudness(like)
        return Redrawn(self.network(heard, partials, mix[:, None], power, is_grained=is_grained), None)

    def hybrid(self, spectrogram: Spectrograms, partials: Spectrograms | None, mix: Mixes) -> Spectrograms:
        """Draw what a voice file does: windows of either instrument at mixes, 0 to 1."""
        redrawn: Redrawn = self(spectrogram, partials, mix)
        return redrawn.drawn.spectrogram

    def scores(
        self, source: Spectrograms, partials: Spectrograms | None, hybrid: Spectrograms, mix: Mixes
    ) -> Scores:
        """Let the critic say how much each patch of a hybrid is like the teacher's."""
        assert self.critic is not None
        condition = mix[:, None, None]
        if partials is None:
            seen: Scores = self.critic(torch.stack([source, hybrid, condition.expand_as(source)], dim=1))
            return seen
        rows = [self.ear(one) for one in (source, hybrid, partials)]
        return [self.critic(torch.stack([*rows, condition.expand_as(rows[0])], dim=1))]
