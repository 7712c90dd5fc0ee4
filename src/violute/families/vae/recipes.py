"""Recipes of the spectrogram models: a training run as a function that returns its whole configuration.

Two sizes need a GPU: `assignment` is the assignment's network to the letter, `paper` the same input
and latent with a decoder and losses that work. `default` and `small` are for two CPU cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from violute.families.pictures.networks import SpectrogramNetworkConfig
from violute.families.pictures.recipe import WindowRecipe
from violute.families.recipes import tiny_loop
from violute.training.settings import LoopSettings
from violute.transforms.spectrogram import ASSIGNMENT


@dataclass(frozen=True, kw_only=True)
class SpectrogramRecipe(WindowRecipe):
    """Everything about training a spectrogram model that is not data.

    Attributes:
        network: Sizes.
        detail: Share of what the latent is too small for that the voice keeps of the source at the
            far end of the mix; at its own end it keeps all. None plays the network's picture alone.
        guidance: How far the source's own harmonics decide which pitch is drawn, among those that the
            latent leaves likely; 0 leaves it to the latent.
        hinted_share: Share of the training windows for which it does so too; never in validation,
            which measures the latent alone.
        free_nats: Divergence a number of the latent that costs nothing.
        warmup_share: Share of the steps over which the cost of divergence rises from 0.
        reach: Length of the way between the ends, 1 being that between what the network knows of
            each instrument; a longer one makes up for what a blurred picture lacks in difference.
        n_axis_windows: Windows of each end from which the voice file's axis is found.
    """

    network: SpectrogramNetworkConfig = field(default_factory=SpectrogramNetworkConfig)
    learning_rate: float = 2e-3
    batch_size: int = 8
    detail: float | None = 0.3
    guidance: float = 100.0
    hinted_share: float = 0.5
    free_nats: float = 0.05
    warmup_share: float = 0.3
    reach: float = 1.2
    n_axis_windows: int = 256
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "spectrogram/fine": 1.0,
            "spectrogram/smooth": 1.0,
            "latent/divergence": 0.003,
            "latent/instrument": 0.02,
        }
    )


Recipes = Mapping[str, Callable[[], SpectrogramRecipe]]

MEVAE_REACH = 1.7

ASSIGNMENT_NETWORK = SpectrogramNetworkConfig(
    style="plain",
    filters=(512, 256, 128, 64, 32),
    kernels=(5, 5, 3, 3, 3),
    strides=((2, 2), (2, 2), (2, 2), (2, 2), (2, 1)),
    latent_channels=128,
    latent_steps=1,
    n_heard_bins=1024,
)
PAPER_NETWORK = SpectrogramNetworkConfig(
    filters=(64, 128, 256, 384, 512), kernels=(5, 5, 3, 3, 3), decoder_channels=768
)
SMALL_NETWORK = SpectrogramNetworkConfig(filters=(12, 24, 48, 96, 128), decoder_channels=256)
TINY_NETWORK = SpectrogramNetworkConfig(
    filters=(4, 4, 8, 8, 8), latent_channels=2, latent_steps=8, decoder_channels=16
)


def vae_assignment() -> SpectrogramRecipe:
    """Return the assignment's: five plain convolutions, 128 latents, a whole snippet of 5 seconds."""
    return SpectrogramRecipe(
        loop=LoopSettings(n_steps=60_000, averaging_decay=None, schedule="constant"),
        network=ASSIGNMENT_NETWORK,
        spectrogram=ASSIGNMENT,
        learning_rate=5e-4,
        batch_size=16,
        detail=None,
        guidance=0.0,
        is_augmented=False,
        free_nats=0.0,
        warmup_share=0.1,
        reach=1.0,
        loss_weights={
            "spectrogram/fine": 1.0,
            "spectrogram/smooth": 0.0,
            "latent/divergence": 0.003,
            "latent/instrument": 0.0,
        },
    )


def vae_paper() -> SpectrogramRecipe:
    """Return the same input and latent size made to work, at a size for a GPU."""
    loop = LoopSettings(n_steps=100_000, minutes=240.0, validate_every=1000)
    return SpectrogramRecipe(loop=loop, network=PAPER_NETWORK, learning_rate=5e-4, batch_size=32)


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
    return SpectrogramRecipe(loop=tiny_loop(), network=TINY_NETWORK, batch_size=2, n_axis_windows=4)


VAE_RECIPES: Recipes = {
    "default": vae_default,
    "small": vae_small,
    "paper": vae_paper,
    "assignment": vae_assignment,
    "tiny": vae_tiny,
}


def multi_encoder(recipe: SpectrogramRecipe) -> SpectrogramRecipe:
    """Return a recipe of the VAE with the losses of a code that two encoders share."""
    # Its decoder has not been trained with hints yet, and its picture without lacks more of the difference.
    reach = MEVAE_REACH if recipe.reach > 1.0 else recipe.reach
    weights = {
        **{name: weight for name, weight in recipe.loss_weights.items() if name != "latent/instrument"},
        "latent/agreement": 0.003,
        "latent/critic": 0.01,
        "source/cross_entropy": 0.02,
    }
    return replace(recipe, reach=reach, hinted_share=0.0, loss_weights=weights)


def _of_both(name: str) -> SpectrogramRecipe:
    return multi_encoder(VAE_RECIPES[name]())


MEVAE_RECIPES: Recipes = {name: partial(_of_both, name) for name in VAE_RECIPES}
