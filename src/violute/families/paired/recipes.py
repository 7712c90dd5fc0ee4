"""Recipes of the paired model: a training run as a function that returns its whole configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from violute.errors import TrainingError
from violute.families.cyclegan.recipes import PAPER_PICTURES
from violute.families.paired.config import PairedConfig
from violute.families.pictures.config import DrawingConfig, WindowRecipe
from violute.families.recipes import tiny_loop
from violute.training.settings import LoopSettings


@dataclass(frozen=True, kw_only=True)
class PairedRecipe(WindowRecipe):
    """Everything about training the family `paired` that is not data.

    Attributes:
        network: Flavour and sizes.
        free_nats: Divergence a number of the latent that costs nothing.
    """

    network: PairedConfig = field(default_factory=PairedConfig)
    is_conditioned: bool = True
    is_disguised: bool = True
    learning_rate: float = 2e-3
    batch_size: int = 8
    free_nats: float = 0.05
    loss_weights: Mapping[str, float] = field(
        default_factory=lambda: {"pairs/fine": 10.0, "pairs/smooth": 10.0, "latent/divergence": 0.01}
    )

    def __post_init__(self) -> None:
        if self.is_conditioned == (self.network.flavour == "paper"):
            raise TrainingError(
                "the flavour paper is given no pitch, others are: set is_conditioned accordingly"
            )


GAN_WEIGHTS = {
    "pairs/fine": 10.0,
    "pairs/smooth": 10.0,
    "adversarial/hybrid": 0.3,
    "critic/hybrid": 0.5,
}


def paired_vae() -> PairedRecipe:
    """Return the variational flavour at a size that two CPU cores train in 45 minutes."""
    loop = LoopSettings(
        n_steps=4_000,
        minutes=45.0,
        validate_every=100,
        checkpoint_every=50,
        averaging_decay=0.99,
        warmup_steps=20,
    )
    return PairedRecipe(loop=loop)


def paired_gan() -> PairedRecipe:
    """Return the adversarial flavour at a size that two CPU cores train in 45 minutes."""
    return replace(paired_vae(), network=PairedConfig("gan"), loss_weights=GAN_WEIGHTS)


def paired_medium() -> PairedRecipe:
    """Return `gan` with wider networks and more windows a step: minutes of a GPU."""
    loop = LoopSettings(
        n_steps=6_000, minutes=60.0, validate_every=250, checkpoint_every=250, averaging_decay=0.998
    )
    drawing = DrawingConfig(channels=(48, 96, 128), n_blocks=6, condition_size=1)
    network = PairedConfig("gan", drawing, critic_channels=(32, 64, 128))
    return replace(paired_gan(), loop=loop, network=network, learning_rate=1e-3, batch_size=16)


def paired_paper() -> PairedRecipe:
    """Return pix2pix's objective with the generator and the critic of the CycleGAN paper, for a GPU.

    What departs from pix2pix: the generator has residual blocks instead of a U-Net and no noise by dropout,
    and means over neighbouring bins and frames are compared, too.
    """
    loop = LoopSettings(n_steps=60_000, minutes=240.0, validate_every=1000)
    pictures = PAPER_PICTURES
    drawing = DrawingConfig(
        n_bins=pictures.n_bins, bin_hz=pictures.sample_rate / pictures.n_fft, n_heard_bins=pictures.n_bins
    )
    return PairedRecipe(
        loop=loop,
        network=PairedConfig("paper", drawing),
        spectrogram=pictures,
        is_conditioned=False,
        is_disguised=False,
        learning_rate=2e-4,
        batch_size=2,
        loss_weights=GAN_WEIGHTS,
    )


def paired_tiny() -> PairedRecipe:
    """Return what runs through everything in seconds, for tests."""
    drawing = DrawingConfig(n_rows=64, channels=(4, 4, 4), n_blocks=1, condition_size=1)
    return PairedRecipe(
        loop=tiny_loop(), network=PairedConfig("vae", drawing, latent_channels=2), batch_size=2
    )


def paired_tiny_gan() -> PairedRecipe:
    """Return `tiny` in the adversarial flavour."""
    tiny = paired_tiny()
    network = PairedConfig("gan", tiny.network.drawing, critic_channels=(4, 4, 4))
    return replace(tiny, network=network, loss_weights=GAN_WEIGHTS)


PAIRED_RECIPES: Mapping[str, Callable[[], PairedRecipe]] = {
    "vae": paired_vae,
    "gan": paired_gan,
    "medium": paired_medium,
    "paper": paired_paper,
    "tiny": paired_tiny,
    "tiny-gan": paired_tiny_gan,
}
