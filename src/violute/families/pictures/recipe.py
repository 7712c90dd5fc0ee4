"""What the recipes of all spectrogram models have alike."""

from __future__ import annotations

from dataclasses import dataclass

from violute.families.recipes import Recipe
from violute.transforms.spectrogram import DETAIL, SpectrogramSettings


@dataclass(frozen=True, kw_only=True)
class WindowRecipe(Recipe):
    """Everything about training a spectrogram model that is not data.

    Attributes:
        spectrogram: The transform.
        is_augmented: Whether windows are transposed and made louder or softer a little, pairs alike.
        is_conditioned: Whether the network is given the pitch of what it hears, as a picture of harmonics:
            see `pictures.conditioning_pitch`.
        is_disguised: Whether windows are disguised before the network hears them; see `pictures.disguise`.
    """

    spectrogram: SpectrogramSettings = DETAIL
    is_augmented: bool = True
    is_conditioned: bool = False
    is_disguised: bool = False
