"""Recipes of the CycleGAN: a training run as a function that returns its whole configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from violute.errors import TrainingError
from violute.families.cyclegan.config import CycleGanConfig, PaperConfig
from violute.families.pictures.config import DrawingConfig, WindowRecipe
from violute.families.recipes import tiny_loop
from violute.training.settings import LoopSettings
from violute.transforms.spectrogram import SpectrogramSettings

PAPER_PICTURES = SpectrogramSettings(sample_rate=22_050, n_fft=1024, hop_length=215, n_bins=512)
"""512 x 128: as many pixels as the paper's 256 x 256, of 1.25 s up to 11 kHz."""

PAPER_WEIGHTS: Mapping[str, float] = {
    "adversarial/translation": 1.0,
    "cycle/reconstruction": 10.0,
    "identity/own_instrument": 5.0,
    "critic/translation": 0.5,
}


@dataclass(frozen=True, kw_only=True)
class CycleGanRecipe(WindowRecipe):
    """Everything about training the family `cyclegan` that is not data.

    Attributes:
        network: Sizes.
        momentum: First decay rate of Adam.
        is_half: Whether convolutions compute with 16-bit numbers (bfloat16), several times as fast on a GPU.

    Raises:
        TrainingError: The paper's networks are to be given the pitch, or others aren't.
    """

    network: CycleGanConfig = field(default_factory=CycleGanConfig)
    is_conditioned: bool = True
    is_disguised: bool = True
    learning_rate: float = 1e-3
    momentum: float = 0.5
    is_half: bool = False
    batch_size: int = 4
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {**PAPER_WEIGHTS, "cycle/reconstruction": 5.0}
    )

    def __post_init__(self) -> None:
        if self.is_conditioned != (self.network.paper is None):
            raise TrainingError(
                "the paper's networks are given no pitch, others are: set is_conditioned accordingly"
            )


def cyclegan_paper() -> CycleGanRecipe:
    """Return the paper's networks, weights, pool and rates; for a GPU.

    What departs from the paper: one plane of a spectrogram instead of three of a photograph, 512 x 128
    instead of 256 x 256 pixels, windows transposed and levelled instead of cropped and mirrored, as many
    steps as there is time for instead of 200 epochs, and convolutions in bfloat16.
    """
    loop = LoopSettings(
        n_steps=4_000,
        minutes=480.0,
        validate_every=250,
        checkpoint_every=250,
        schedule="linear",
        warmup_steps=0,
        final_factor=0.0,
        gradient_clip_norm=None,
        averaging_decay=None,
    )
    pictures = PAPER_PICTURES
    drawing = DrawingConfig(
        n_bins=pictures.n_bins,
        bin_hz=pictures.sample_rate / pictures.n_fft,
        n_heard_bins=pictures.n_bins,
    )
    return CycleGanRecipe(
        loop=loop,
        network=CycleGanConfig(drawing, paper=PaperConfig()),
        spectrogram=pictures,
        is_conditioned=False,
        is_disguised=False,
        learning_rate=2e-4,
        is_half=True,
        batch_size=2,
        loss_weights=PAPER_WEIGHTS,
    )


def cyclegan_medium() -> CycleGanRecipe:
    """Return `small` with wider networks and more windows a step: minutes of a GPU."""
    loop = LoopSettings(
        n_steps=6_000,
        minutes=60.0,
        validate_every=250,
        checkpoint_every=250,
        schedule="linear",
        warmup_steps=100,
        averaging_decay=0.998,
    )
    network = CycleGanConfig(DrawingConfig(channels=(32, 64, 96), n_blocks=6), critic_channels=(32, 64, 128))
    return replace(cyclegan_small(), loop=loop, network=network, learning_rate=5e-4, batch_size=16)


def cyclegan_small() -> CycleGanRecipe:
    """Return what two CPU cores train in twenty minutes.

    The cycle weighs half of what the paper gives it: the drawings are given where the notes are, so they keep
    them anyway.
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
    return CycleGanRecipe(loop=loop)


def _with_mixed_critics(recipe: CycleGanRecipe) -> CycleGanRecipe:
    """Add critics that hear both instruments as real, to measure what they are worth."""
    return replace(
        recipe,
        network=replace(recipe.network, has_mixed_critics=True),
        loss_weights={**recipe.loss_weights, "adversarial/mixed": 1.0, "critic/mixed": 0.5},
    )


def cyclegan_tiny() -> CycleGanRecipe:
    """Return what runs through everything in seconds, for tests."""
    network = CycleGanConfig(
        DrawingConfig(n_rows=64, channels=(4, 4, 4), n_blocks=1), critic_channels=(4, 4, 4)
    )
    return CycleGanRecipe(loop=tiny_loop(), network=network, batch_size=2)


def cyclegan_tiny_paper() -> CycleGanRecipe:
    """Return `paper` with next to no channels, for tests."""
    paper = cyclegan_paper()
    sizes = PaperConfig(channels=2, n_blocks=1, critic_channels=(2, 2, 2, 2))
    return replace(paper, loop=tiny_loop(), network=replace(paper.network, paper=sizes))


CYCLEGAN_RECIPES: Mapping[str, Callable[[], CycleGanRecipe]] = {
    "small": cyclegan_small,
    "medium": cyclegan_medium,
    "mixed": lambda: _with_mixed_critics(cyclegan_small()),
    "medium-mixed": lambda: _with_mixed_critics(cyclegan_medium()),
    "paper": cyclegan_paper,
    "tiny": cyclegan_tiny,
    "tiny-paper": cyclegan_tiny_paper,
}
