"""Sizes of CycleGAN's networks; read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from violute.families.pictures.config import DrawingConfig


@dataclass(frozen=True)
class PaperConfig:
    """Sizes of the paper's networks.

    Attributes:
        channels: Of the generator's first convolution; each of the two that halve the picture doubles it.
        n_blocks: Residual blocks.
        critic_channels: Of the critic's four convolutions but the last.
        condition_size: Numbers that condition the generator beside the picture, each a plane of its own.
    """

    channels: int = 64
    n_blocks: int = 9
    critic_channels: tuple[int, int, int, int] = (64, 128, 256, 512)
    condition_size: int = 0


@dataclass(frozen=True)
class CycleGanConfig:
    """Sizes of generators and critics.

    Attributes:
        drawing: Of conditioned generators; its window is that of the paper's networks, too.
        paper: Of the paper's networks; None for conditioned ones.
        critic_channels: Of a conditioned critic's three first convolutions.
        audible_from: Where on a window's scale conditioned critics begin to hear, 0 to 1: what lies below is
            the recording's noise, by which they would know the room instead of the instrument.
        has_mixed_critics: Whether each end has further critics, for which recordings of either instrument
            are real: they ask for music rather than for an instrument.
    """

    drawing: DrawingConfig = field(default_factory=DrawingConfig)
    paper: PaperConfig | None = None
    critic_channels: tuple[int, int, int] = (16, 32, 64)
    audible_from: float = 0.15
    has_mixed_critics: bool = False
