"""Sizes of the networks of paired hybrids; read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from violute.families.cyclegan.config import PaperConfig
from violute.families.pictures.config import DrawingConfig


@dataclass(frozen=True)
class PairedConfig:
    """Flavour and sizes.

    Attributes:
        flavour: `vae`, `gan` or `paper`.
        drawing: Of the network and its windows; the mix is its condition.
        paper: Of the networks of `paper`.
        latent_channels: Numbers of the latent at one step of the grid, for `vae`.
        critic_channels: Of the critic's three first convolutions, for `gan`.
        audible_from: Where on a window's scale the critic begins to hear.
    """

    flavour: Literal["vae", "gan", "paper"] = "vae"
    drawing: DrawingConfig = field(
        default_factory=lambda: DrawingConfig(channels=(24, 48, 64), condition_size=1)
    )
    paper: PaperConfig = field(default_factory=lambda: PaperConfig(condition_size=1))
    latent_channels: int = 16
    critic_channels: tuple[int, int, int] = (16, 32, 64)
    audible_from: float = 0.15
