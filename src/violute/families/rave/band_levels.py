"""How loud the bands are, on average, that RAVE's encoder does not hear and its decoder has to invent.

What is made of the other instrument has no recording that says how loud its upper bands should be. On average
they should be as loud, beside the rest, as in recordings of the instrument that it is made into.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

N_JUDGED_BANDS = 10
"""Of 16, to 13.8 kHz: what lies above is often missing from recordings."""

FLOOR = 1e-7
"""Power of a band that stands for silence."""


def invented_level_distance(
    wanted: Float[Tensor, "window band frame"],
    end: Int[Tensor, " window"],
    made: Float[Tensor, "window band frame"],
    claimed: Int[Tensor, " window"],
    n_heard_bands: int,
) -> Float[Tensor, ""]:
    """Compare mean levels of the bands that are not heard, instrument by instrument.

    Args:
        wanted: Bands of recordings.
        end: Who plays in them.
        made: Bands that the decoder made.
        claimed: The instrument that it was conditioned on.
        n_heard_bands: Lower bands, which are left alone: their levels depend on the notes.

    Returns:
        Mean distance of natural logarithms of magnitudes; 0 where all bands are heard, or where no instrument
        is on both sides.
    """
    levels = [relative_levels(bands)[:, n_heard_bands:N_JUDGED_BANDS] for bands in (wanted, made)]
    both = [which for which in (0, 1) if bool((end == which).any()) and bool((claimed == which).any())]
    if levels[0].shape[1] == 0 or not both:
        return made.new_zeros(())
    distances = [
        (levels[0][end == which].mean(dim=0) - levels[1][claimed == which].mean(dim=0)).abs().mean()
        for which in both
    ]
    return torch.stack(distances).mean()


def relative_levels(bands: Float[Tensor, "window band frame"]) -> Float[Tensor, "window band"]:
    """Return the logarithm of each band's magnitude beside that of the whole window."""
    power = bands.square().mean(dim=2)
    return 0.5 * ((power + FLOOR).log() - (power.sum(dim=1, keepdim=True) + FLOOR).log())
