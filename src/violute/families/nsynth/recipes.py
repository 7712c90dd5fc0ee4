"""Recipes of the WaveNet autoencoder: a training run as a function that returns its whole configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from violute.families.nsynth.config import NsynthConfig
from violute.families.recipes import Recipe, tiny_loop
from violute.training.settings import LoopSettings


@dataclass(frozen=True, kw_only=True)
class NsynthRecipe(Recipe):
    """Everything about training the family `nsynth` that is not data.

    Attributes:
        network: Sizes.
        n_frames: Of a crop that the decoder draws.
        n_context_frames: Before and after them, which the encoder hears too.
        is_augmented: Whether crops are transposed and made louder or softer a little.
        code_noise: Standard deviation of the noise on the code, whose numbers lie in (-1, 1).
        most_noise: Standard deviation of the noise on the decoder's past in the noisiest crop, on the
            mu-law scale of [-1, 1].
        missing_share: Share of the crops in which a span of the past is silent, at most all of it.
        is_disguised: Whether the encoder hears crops in another colour, room, band and level than is played.
        faint_code_share: Share of the crops that are played with less of their code, down to none of it: what
            they sound like has to come from the instrument and from what conditions it.
        known_phases_share: Share of the crops whose sines are in the phases of the recording's partials.
        is_half: Whether convolutions compute with 16-bit numbers (bfloat16), twice as fast where the
            processor knows them.
    """

    network: NsynthConfig = field(default_factory=NsynthConfig)
    learning_rate: float = 2e-4
    batch_size: int = 8
    n_frames: int = 12
    n_context_frames: int = 0
    is_augmented: bool = False
    code_noise: float = 0.0
    most_noise: float = 0.0
    missing_share: float = 0.0
    is_disguised: bool = False
    faint_code_share: float = 0.0
    known_phases_share: float = 0.0
    is_half: bool = False
    loss_weights: Mapping[str, float] = field(default_factory=lambda: {"waveform/bits": 1.0})


PAPER_NETWORK = NsynthConfig()
SMALL_NETWORK = NsynthConfig(
    stem="filters",
    encoder_channels=96,
    encoder_dilations=(1, 2, 4, 8),
    channels=64,
    skip_channels=64,
    dilations=(1, 2, 4, 8, 16, 32, 64),
    first_kernel_size=16,
    condition_channels=128,
    output="logistics",
    embedding_size=8,
    is_conditioned=True,
    n_harmonics=32,
)
MEDIUM_NETWORK = replace(
    SMALL_NETWORK,
    encoder_channels=128,
    encoder_dilations=2 * (1, 2, 4, 8),
    channels=96,
    skip_channels=128,
    dilations=2 * (1, 2, 4, 8, 16, 32, 64),
    condition_channels=256,
)
TINY_NETWORK = replace(
    SMALL_NETWORK,
    hop_length=128,
    code_size=4,
    encoder_channels=8,
    encoder_dilations=(1, 2),
    channels=8,
    skip_channels=8,
    dilations=(1, 2, 4),
    first_kernel_size=4,
    condition_channels=8,
    n_components=2,
    embedding_size=2,
    n_harmonics=3,
)

GUIDED_WEIGHTS: Mapping[str, float] = {
    "waveform/bits": 1.0,
    "partials/waveform": 5.0,
    "code/spectrum": 1.0,
    "code/instrument": 0.3,
}


def nsynth_paper() -> NsynthRecipe:
    """Return the paper's: 30 layers of 512 channels, a softmax, no embedding; for many GPUs and days."""
    loop = LoopSettings(n_steps=250_000, validate_every=1000, schedule="constant", averaging_decay=0.9999)
    return NsynthRecipe(loop=loop, network=PAPER_NETWORK, batch_size=32)


def nsynth_medium() -> NsynthRecipe:
    """Return a decoder half as wide again and twice as deep as the small one, for a GPU."""
    loop = LoopSettings(n_steps=40_000, minutes=60.0, report_every=20, validate_every=250, final_factor=0.02)
    return replace(_guided(loop, MEDIUM_NETWORK), learning_rate=1.5e-3, batch_size=12, is_half=True)


def nsynth_small() -> NsynthRecipe:
    """Return what a CPU core trains in an hour and a half, and plays in real time."""
    loop = LoopSettings(
        n_steps=9_000,
        minutes=100.0,
        validate_every=250,
        checkpoint_every=100,
        averaging_decay=0.998,
        final_factor=0.02,
    )
    return replace(_guided(loop, SMALL_NETWORK), is_half=True)


def nsynth_tiny() -> NsynthRecipe:
    """Return what runs through everything in seconds, for tests."""
    return replace(_guided(tiny_loop(), TINY_NETWORK), batch_size=2, n_frames=2, n_context_frames=1)


def _guided(loop: LoopSettings, network: NsynthConfig) -> NsynthRecipe:
    """Return what keeps a decoder in tune when it runs free, and the instrument out of the code."""
    return NsynthRecipe(
        loop=loop,
        network=network,
        learning_rate=2e-3,
        batch_size=4,
        n_frames=8,
        n_context_frames=2,
        is_augmented=True,
        code_noise=0.2,
        most_noise=0.25,
        missing_share=0.4,
        is_disguised=True,
        faint_code_share=0.5,
        known_phases_share=0.75,
        loss_weights=GUIDED_WEIGHTS,
    )


NSYNTH_RECIPES: Mapping[str, Callable[[], NsynthRecipe]] = {
    "small": nsynth_small,
    "medium": nsynth_medium,
    "paper": nsynth_paper,
    "tiny": nsynth_tiny,
}
