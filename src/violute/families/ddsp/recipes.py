"""Recipes: a training run as a function that returns its whole configuration.

To try something else, call a recipe and `dataclasses.replace` what you want otherwise, or write
your own function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from violute.errors import TrainingError
from violute.families.recipes import Recipe, tiny_loop
from violute.training.settings import LoopSettings


@dataclass(frozen=True, kw_only=True)
class DdspRecipe(Recipe):
    """Everything about training the family `ddsp` that is not data.

    Attributes:
        n_frames: Length of a snippet, in frames of 10 ms.
        channels: Width of the network.
        dilations: Of its causal convolutions, in frames.
        pitch_range: Where pitch is sought, of `violute.analysis.pitch_range`: `high`, `low`, or `auto`,
            which listens to some of the recordings first.
        spectral_from_step: From this step on, sounds are compared as well as levels; None never does.
        spectral_batch_size: Sounds a step.
        spectral_n_frames: Length of such a sound, in frames.
    """

    learning_rate: float = 1e-3
    batch_size: int = 16
    n_frames: int = 200
    channels: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    pitch_range: str = "auto"
    spectral_from_step: int | None = None
    spectral_batch_size: int = 4
    spectral_n_frames: int = 100
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "regression/harmonics": 1.0,
            "regression/noise": 1.0,
            "prior/smooth_body": 0.02,
            "prior/smooth_room": 0.02,
            "prior/small_room": 0.002,
            "spectral/multi_resolution": 2.0,
        }
    )


@dataclass(frozen=True, kw_only=True)
class AdversarialRecipe(DdspRecipe):
    """Everything about refitting a voice against critics that is not data; sizes are the voice's own.

    Attributes:
        start: Name or path of the voice to start from; none is the built-in one.
        rooms_until_step: Before this step the reverberation of the recordings is fitted alone.
        reverb_learning_rate: Of it.
        critic_learning_rate: Of the critics.
        n_ffts: Resolutions of the critics.
        critic_channels: Of their layers.
        anchor_of_ends: How firmly each end's levels are held to those of the voice before, in proportion:
            10, 1 leaves the first end nearly as it was.
    """

    learning_rate: float = 1e-4
    n_frames: int = 120
    start: str = ""
    rooms_until_step: int = 200
    reverb_learning_rate: float = 3e-3
    critic_learning_rate: float = 2e-4
    n_ffts: tuple[int, ...] = (2048, 1024, 512)
    critic_channels: tuple[int, ...] = (16, 32, 64)
    anchor_of_ends: tuple[float, float] = (1.0, 1.0)
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {
            "spectral/multi_resolution": 1.0,
            "adversarial/critics": 1.0,
            "adversarial/decoder": 1.0,
            "adversarial/feature_matching": 2.0,
            "adversarial/feature_statistics": 2.0,
            "adversarial/feature_spread": 0.0,
            "anchor/harmonics": 0.2,
            "anchor/noise": 0.3,
        }
    )

    def __post_init__(self) -> None:
        if not (min(self.anchor_of_ends) >= 0.0 and 0.0 < sum(self.anchor_of_ends) < math.inf):
            raise TrainingError(
                f"anchor_of_ends are {self.anchor_of_ends}: give two numbers from 0 on, not both 0"
            )


def ddsp_default() -> DdspRecipe:
    """Return what made the built-in voices, before one was refitted: two CPU cores, two hours."""
    return DdspRecipe(
        loop=LoopSettings(
            n_steps=6_000, minutes=120.0, checkpoint_every=100, averaging_decay=0.999, best_by=None
        ),
        spectral_from_step=5_000,
    )


def ddsp_quick() -> DdspRecipe:
    """Return what lets one hear in five minutes whether two folders are worth the default recipe."""
    return DdspRecipe(
        loop=LoopSettings(n_steps=2_000, minutes=5.0, checkpoint_every=50, averaging_decay=0.99)
    )


def ddsp_adversarial() -> AdversarialRecipe:
    """Return what refits the built-in voice through its synthesiser: a GPU, some minutes."""
    return AdversarialRecipe(
        loop=LoopSettings(
            n_steps=4_000,
            minutes=60.0,
            schedule="constant",
            checkpoint_every=200,
            validate_every=200,
            averaging_decay=0.995,
            best_by=None,
        )
    )


def ddsp_tiny() -> DdspRecipe:
    """Return what runs through everything in seconds, for tests."""
    return DdspRecipe(loop=tiny_loop(), batch_size=2, n_frames=50, channels=16)


DDSP_RECIPES: Mapping[str, Callable[[], DdspRecipe]] = {
    "default": ddsp_default,
    "quick": ddsp_quick,
    "adversarial": ddsp_adversarial,
    "tiny": ddsp_tiny,
}
