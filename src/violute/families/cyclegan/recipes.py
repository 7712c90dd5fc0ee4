"""Recipes of the CycleGAN: a training run as a function that returns its whole configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from violute.families.cyclegan.network import CycleGanConfig
from violute.families.pictures.recipe import WindowRecipe
from violute.families.pictures.retouching import RetouchConfig
from violute.families.recipes import tiny_loop
from violute.training.settings import LoopSettings


@dataclass(frozen=True, kw_only=True)
class CycleGanRecipe(WindowRecipe):
    """Everything about training the family `cyclegan` that is not data.

    Attributes:
        network: Sizes.
        momentum: First decay rate of Adam.
    """

    network: CycleGanConfig = field(default_factory=CycleGanConfig)
    learning_rate: float = 2e-4
    momentum: float = 0.5
    batch_size: int = 4
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "adversarial/translation": 1.0,
            "cycle/reconstruction": 10.0,
            "identity/own_instrument": 5.0,
            "critic/translation": 0.5,
        }
    )


def cyclegan_paper() -> CycleGanRecipe:
    """Return the published sizes, nine residual blocks and weights, on sound; for a GPU."""
    loop = LoopSettings(
        n_steps=100_000,
        minutes=480.0,
        validate_every=1000,
        schedule="linear",
        warmup_steps=0,
        final_factor=0.0,
        gradient_clip_norm=None,
    )
    network = CycleGanConfig(
        RetouchConfig(channels=(64, 128, 256), n_blocks=9), critic_channels=(64, 128, 256)
    )
    return CycleGanRecipe(loop=loop, network=network, batch_size=8)


def cyclegan_small() -> CycleGanRecipe:
    """Return what two CPU cores train in twenty minutes.

    Cycle and identity weigh less than published: a residual generator begins as the identity, where both
    are 0 already, and with the published weights it stays there for longer than twenty minutes.
    """
    loop = LoopSettings(
        n_steps=2_000,
        minutes=20.0,
        validate_every=100,
        checkpoint_every=50,
        schedule="linear",
        warmup_steps=20,
        averaging_decay=0.99,
    )
    weights = {
        "adversarial/translation": 1.0,
        "cycle/reconstruction": 5.0,
        "identity/own_instrument": 1.0,
        "critic/translation": 0.5,
    }
    return CycleGanRecipe(loop=loop, learning_rate=1e-3, loss_weights=weights)


def cyclegan_full() -> CycleGanRecipe:
    """Return `small` with a change as fine as the window, to compare with the smooth one."""
    small = cyclegan_small()
    return replace(small, network=CycleGanConfig(RetouchConfig(resolution="full")))


def cyclegan_mixed() -> CycleGanRecipe:
    """Return `small` with critics that hear both instruments as real, to measure what they are worth."""
    small = cyclegan_small()
    return replace(
        small,
        network=CycleGanConfig(has_mixed_critics=True),
        loss_weights={**small.loss_weights, "adversarial/mixed": 1.0, "critic/mixed": 0.5},
    )


def cyclegan_tiny() -> CycleGanRecipe:
    """Return what runs through everything in seconds, for tests."""
    network = CycleGanConfig(
        RetouchConfig(n_rows=64, channels=(4, 4, 4), n_blocks=1), critic_channels=(4, 4, 4)
    )
    return CycleGanRecipe(loop=tiny_loop(), network=network, batch_size=2)


CYCLEGAN_RECIPES: Mapping[str, Callable[[], CycleGanRecipe]] = {
    "small": cyclegan_small,
    "full": cyclegan_full,
    "mixed": cyclegan_mixed,
    "paper": cyclegan_paper,
    "tiny": cyclegan_tiny,
}
