"""Recipes of the spectrogram models: a training run as a function that returns its whole configuration.

Two sizes need a GPU: `assignment` is the assignment's network to the letter, `medium` the same input
and latent made to work for anybody's recordings. `default` and `small` are for two CPU cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from violute.errors import TrainingError
from violute.families.pictures.config import SpectrogramNetworkConfig, WindowRecipe
from violute.families.recipes import tiny_loop
from violute.training.settings import LoopSettings
from violute.transforms.spectrogram import ASSIGNMENT

CONDITIONAL_NETWORK = SpectrogramNetworkConfig(condition_size=16)


@dataclass(frozen=True, kw_only=True)
class SpectrogramRecipe(WindowRecipe):
    """Everything about training a spectrogram model that is not data.

    Attributes:
        network: Sizes.
        free_nats: Divergence a number of the latent that costs nothing.
        warmup_share: Share of the run over which the cost of divergence rises from 0.

    Raises:
        TrainingError: The network's style is `residual` without the pitch, or `plain` with it.
    """

    network: SpectrogramNetworkConfig = CONDITIONAL_NETWORK
    is_conditioned: bool = True
    is_disguised: bool = True
    learning_rate: float = 2e-3
    batch_size: int = 8
    free_nats: float = 0.05
    warmup_share: float = 0.3
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "spectrogram/fine": 1.0,
            "spectrogram/smooth": 1.0,
            "latent/divergence": 0.003,
            "latent/critic": 0.01,
        }
    )

    def __post_init__(self) -> None:
        if self.is_conditioned != (self.network.style == "residual"):
            raise TrainingError(
                f"a {self.network.style} network and is_conditioned={self.is_conditioned}: residual networks "
                "are given the pitch, plain ones are not"
            )


Recipes = Mapping[str, Callable[[], SpectrogramRecipe]]

ASSIGNMENT_NETWORK = SpectrogramNetworkConfig(
    style="plain",
    filters=(512, 256, 128, 64, 32),
    kernels=(5, 5, 3, 3, 3),
    strides=((2, 2), (2, 2), (2, 2), (2, 2), (2, 1)),
    latent_channels=128,
    latent_steps=1,
    n_heard_bins=1024,
)
MEDIUM_NETWORK = replace(CONDITIONAL_NETWORK, filters=(32, 64, 128, 192, 256), decoder_channels=512)
SMALL_NETWORK = replace(CONDITIONAL_NETWORK, filters=(12, 24, 48, 96, 128), decoder_channels=256)
TINY_NETWORK = replace(
    CONDITIONAL_NETWORK, filters=(4, 4, 8, 8, 8), latent_channels=2, latent_steps=8, decoder_channels=16
)


def vae_assignment() -> SpectrogramRecipe:
    """Return the assignment's: five plain convolutions, 128 latents, a whole snippet of 5 seconds."""
    return SpectrogramRecipe(
        loop=LoopSettings(n_steps=60_000, averaging_decay=None, schedule="constant"),
        network=ASSIGNMENT_NETWORK,
        spectrogram=ASSIGNMENT,
        learning_rate=5e-4,
        batch_size=16,
        is_augmented=False,
        is_conditioned=False,
        is_disguised=False,
        free_nats=0.0,
        warmup_share=0.1,
        loss_weights={
            "spectrogram/fine": 1.0,
            "spectrogram/smooth": 0.0,
            "latent/divergence": 0.003,
        },
    )


def vae_medium() -> SpectrogramRecipe:
    """Return the same input and latent size made to work, at a size that a GPU trains in minutes."""
    loop = LoopSettings(n_steps=20_000, minutes=60.0, validate_every=500, averaging_decay=0.998)
    return SpectrogramRecipe(loop=loop, network=MEDIUM_NETWORK, learning_rate=1e-3, batch_size=16)


def vae_default() -> SpectrogramRecipe:
    """Return what two CPU cores train in an hour."""
    return replace(vae_small(), loop=LoopSettings(n_steps=15_000, minutes=60.0, checkpoint_every=100))


def vae_small() -> SpectrogramRecipe:
    """Return what two CPU cores train in twenty minutes."""
    loop = LoopSettings(
        n_steps=4_000, minutes=20.0, validate_every=200, checkpoint_every=100, averaging_decay=0.998
    )
    return SpectrogramRecipe(loop=loop, network=SMALL_NETWORK)


def vae_tiny() -> SpectrogramRecipe:
    """Return what runs through everything in seconds, for tests."""
    return SpectrogramRecipe(loop=tiny_loop(), network=TINY_NETWORK, batch_size=2)


def vae_tiny_plain() -> SpectrogramRecipe:
    """Return `tiny` in the assignment's style, which is given nothing."""
    network = replace(TINY_NETWORK, style="plain", latent_channels=16, latent_steps=1, condition_size=0)
    weights = vae_assignment().loss_weights
    return replace(
        vae_tiny(), network=network, is_conditioned=False, is_disguised=False, loss_weights=weights
    )


VAE_RECIPES: Recipes = {
    "default": vae_default,
    "small": vae_small,
    "medium": vae_medium,
    "assignment": vae_assignment,
    "tiny": vae_tiny,
    "tiny-plain": vae_tiny_plain,
}


def multi_encoder(recipe: SpectrogramRecipe) -> SpectrogramRecipe:
    """Return a recipe of the VAE with the losses of a code that two encoders share."""
    weights = {
        **recipe.loss_weights,
        "latent/agreement": 0.003,
        "latent/critic": 0.01,
        "source/cross_entropy": 0.02,
    }
    return replace(recipe, loss_weights=weights)


def _of_both(name: str) -> SpectrogramRecipe:
    return multi_encoder(VAE_RECIPES[name]())


MEVAE_RECIPES: Recipes = {name: partial(_of_both, name) for name in VAE_RECIPES}
