"""Recipes of RAVE: a training run as a function that returns its whole configuration.

| | published (v1) | `paper` | `medium` | `small` | `live` |
|---|---|---|---|---|---|
| conditioned on pitch and loudness | no | no | yes | yes | no |
| bands | 16 | 16 | 16 | 16 | 16 |
| bands that the encoder hears | 16 | 16 | 4 | 4 | 2 |
| latent step, samples | 2048 | 2048 | 1024 | 1024 | 128 |
| latent size before cropping | 128 | 128 | 16 | 16 | 16 |
| channels | 64 to 1024 | 64 to 1024 | 96 to 288 | 32 to 96 | 48 to 112 |
| parameters, without discriminators | 17.6 M | 20.5 M | 4.2 M | 0.41 M | 0.31 M |
| discriminators | waveforms | waveforms | waveforms, spectra | waveforms, spectra | waveforms, spectra |
| steps, stage one and two | 1.5 M, 1.5 M | 1.5 M, 1.5 M | 16 k, 24 k | 2.8 k, 4.2 k | 2 k, 5 k |

Where minutes end a run, stage two begins at the same share of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from violute.families.rave.config import CONDITIONS, DiscriminatorConfig, RaveConfig
from violute.families.recipes import Recipe, tiny_loop
from violute.training.settings import LoopSettings

STAGE_ONE: Mapping[str, float] = {
    "spectral/multi_resolution": 1.0,
    "waveform/heard_bands": 0.5,
    "latent/divergence": 0.002,
    "latent/confusion": 0.2,
    "critic/instrument": 1.0,
}
NOT_PUBLISHED = (
    "waveform/heard_bands",
    "spectral/invented_levels",
    "latent/consistency",
    "adversarial/feature_statistics",
)
"""Losses that the recipe `paper` does without."""

CLEAR_ENDS: Mapping[str, float] = {"latent/confusion": 0.5, "adversarial/decoder": 0.5}
"""Of `small` and `medium`: two clear ends are worth more than the discriminators' every wish."""

CONDITIONED_WEIGHTS: Mapping[str, float] = {"waveform/heard_bands": 0.0, "latent/divergence": 0.03}
"""Of conditioned recipes: the excitation's phases are its own, and the latent need not carry the notes."""

STAGE_TWO: Mapping[str, float] = {
    "spectral/invented_levels": 1.5,
    "latent/consistency": 0.5,
    "adversarial/decoder": 1.0,
    "adversarial/feature_matching": 2.0,
    "adversarial/feature_statistics": 2.0,
    "critic/discriminators": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class RaveRecipe(Recipe):
    """Everything about training the family `rave` that is not data.

    Attributes:
        network: Sizes.
        discriminators: Sizes.
        stage_two_from_step: From this step on, the encoder is frozen and the discriminators judge; None
            never.
        n_ahead: First steps of stage two in which the discriminators learn alone.
        converted_share: Of the windows of stage two that are decoded as the other instrument.
        n_samples: Of a window; a multiple of the latent step.
        n_ffts: Resolutions of the spectral loss, in samples.
        fidelity: Share of the latent's variance that the exported one keeps.
        dial_ends: Where mix 0 and mix 1 of an exported voice stand between the embeddings, 0 and 1: a
            discriminator's favourite may lie past the real instrument.
        is_augmented: Whether windows are transposed, levelled and coloured.
    """

    network: RaveConfig = field(default_factory=RaveConfig)
    discriminators: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    stage_two_from_step: int | None = None
    n_ahead: int = 0
    converted_share: float = 0.5
    learning_rate: float = 1e-3
    batch_size: int = 6
    n_samples: int = 16_384
    n_ffts: tuple[int, ...] = (2048, 1024, 512, 128)
    fidelity: float = 0.99
    dial_ends: tuple[float, float] = (0.0, 1.0)
    is_augmented: bool = True
    loss_weights: Mapping[str, float] = field(default_factory=lambda: {**STAGE_ONE, **STAGE_TWO})


def stage_at(step: float, recipe: RaveRecipe) -> Literal[1, 2]:
    """Return the stage of a step, `StepContext.scheduled_step`: a resumed run is in the same."""
    return 2 if recipe.stage_two_from_step is not None and step >= recipe.stage_two_from_step else 1


def are_discriminators_heard(step: float, recipe: RaveRecipe) -> bool:
    """Return whether the decoder descends at a step of stage two, `StepContext.scheduled_step`."""
    return recipe.stage_two_from_step is None or step >= recipe.stage_two_from_step + recipe.n_ahead


def rave_small() -> RaveRecipe:
    """Return what a share of one CPU core trains in an hour or two; conditioned."""
    loop = LoopSettings(
        n_steps=7_000,
        minutes=120.0,
        validate_every=250,
        checkpoint_every=100,
        best_by=None,
        schedule="linear",
        final_factor=0.05,
        averaging_decay=0.998,
        gradient_clip_norm=5.0,
    )
    return RaveRecipe(
        loop=loop,
        network=RaveConfig(
            channels=(32, 48, 64, 96),
            strides=(4, 4, 4),
            latent_size=16,
            n_heard_bands=4,
            has_shortcut=False,
            conditions=CONDITIONS,
        ),
        discriminators=DiscriminatorConfig(2, (8, 16, 32, 32), n_ffts=(1024,)),
        stage_two_from_step=2_800,
        n_ahead=100,
        n_samples=32_768,
        n_ffts=(2048, 1024, 512, 256, 128),
        loss_weights={**STAGE_ONE, **STAGE_TWO, **CLEAR_ENDS, **CONDITIONED_WEIGHTS},
    )


def rave_live() -> RaveRecipe:
    """Return what nn~ can play: a fast latent with a shortcut, given nothing, 8 ms late."""
    small = rave_small()
    return replace(
        small,
        network=RaveConfig(latent_size=16, n_heard_bands=2),
        stage_two_from_step=2_000,
        n_ahead=200,
        dial_ends=(0.0, 0.8),
        batch_size=8,
        n_samples=16_384,
        n_ffts=(2048, 1024, 512, 128),
        loss_weights={**STAGE_ONE, **STAGE_TWO, **CLEAR_ENDS},
    )


def rave_medium() -> RaveRecipe:
    """Return what a share of a GPU trains in minutes; conditioned. Steps are more than it has time for."""
    loop = LoopSettings(
        n_steps=40_000,
        minutes=30.0,
        validate_every=1000,
        best_by=None,
        schedule="linear",
        final_factor=0.05,
        batch_workers=4,
        gradient_clip_norm=5.0,
    )
    return RaveRecipe(
        loop=loop,
        network=RaveConfig(
            channels=(96, 160, 224, 288),
            strides=(4, 4, 4),
            dilations=(1, 3, 9),
            latent_size=16,
            n_heard_bands=4,
            has_shortcut=False,
            conditions=CONDITIONS,
        ),
        discriminators=DiscriminatorConfig(
            3, (16, 64, 128, 256), n_ffts=(2048, 512), spectral_channels=(32, 64, 128)
        ),
        stage_two_from_step=16_000,
        n_ahead=500,
        batch_size=16,
        n_samples=49_152,
        n_ffts=(2048, 1024, 512, 256, 128),
        loss_weights={**STAGE_ONE, **STAGE_TWO, **CLEAR_ENDS, **CONDITIONED_WEIGHTS},
    )


def rave_paper() -> RaveRecipe:
    """Return the published sizes: a step of 2048 samples, 128 numbers, all bands heard; days on a GPU."""
    loop = LoopSettings(
        n_steps=3_000_000, validate_every=5000, checkpoint_every=2000, best_by=None, schedule="constant"
    )
    network = RaveConfig(
        channels=(64, 128, 256, 512, 1024),
        strides=(4, 4, 4, 2),
        dilations=(1, 3, 5),
        latent_size=128,
        n_heard_bands=16,
        has_shortcut=False,
    )
    return RaveRecipe(
        loop=loop,
        network=network,
        discriminators=DiscriminatorConfig(3, (16, 64, 256, 1024)),
        stage_two_from_step=1_500_000,
        learning_rate=1e-4,
        n_samples=65_536,
        n_ffts=(2048, 1024, 512, 256, 128),
        loss_weights={**STAGE_ONE, **STAGE_TWO, **dict.fromkeys(NOT_PUBLISHED, 0.0)},
    )


def two_encoders(recipe: RaveRecipe) -> RaveRecipe:
    """Give each instrument an encoder of its own, and a listener that weighs them."""
    return replace(
        recipe,
        network=replace(recipe.network, n_encoders=2),
        loss_weights={**recipe.loss_weights, "source/cross_entropy": 1.0},
    )


def rave_tiny() -> RaveRecipe:
    """Return what runs through everything in seconds, for tests."""
    network = RaveConfig(channels=(4, 4, 8), dilations=(1,), latent_size=8, n_heard_bands=1)
    return RaveRecipe(
        loop=tiny_loop(best_by=None),
        network=network,
        discriminators=DiscriminatorConfig(1, (4, 4)),
        stage_two_from_step=2,
        batch_size=2,
        n_samples=4096,
        n_ffts=(512, 128),
    )


RAVE_RECIPES: Mapping[str, Callable[[], RaveRecipe]] = {
    "small": rave_small,
    "small-two-encoders": lambda: two_encoders(rave_small()),
    "live": rave_live,
    "medium": rave_medium,
    "paper": rave_paper,
    "tiny": rave_tiny,
    "tiny-two-encoders": lambda: two_encoders(rave_tiny()),
}
