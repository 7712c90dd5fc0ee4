"""How loud the bands are, on average, that RAVE's encoder does not hear and its decoder has to invent.

What is made of the other instrument has no recording that says how loud its upper bands should be. On average
they should be as loud, beside the rest, as in recordings of the instrument that it is made into.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
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
    if levels[0].shape[1] == 0:
        return made.new_zeros(())
    distances, weights = [], []
    for which in (0, 1):
        wanted_mean, n_wanted = mean_of(levels[0], end == which)
        made_mean, n_made = mean_of(levels[1], claimed == which)
        weights.append((n_wanted * n_made).clamp_max(1.0))
        distances.append(weights[-1] * (wanted_mean - made_mean).abs().mean())
    return torch.stack(distances).sum() / torch.stack(weights).sum().clamp_min(1.0)


def mean_of(
    x: Float[Tensor, "window *feature"], is_counted: Bool[Tensor, " window"]
) -> tuple[Float[Tensor, "*feature"], Float[Tensor, ""]]:
    """Return the mean over the windows that count, 0 where none does, and how many there are.

    A GPU need not be waited for, as it would be for an index of those that count.
    """
    counted = is_counted.to(x.dtype)
    n_counted = counted.sum()
    return torch.tensordot(counted, x, dims=1) / n_counted.clamp_min(1.0), n_counted


def relative_levels(bands: Float[Tensor, "window band frame"]) -> Float[Tensor, "window band"]:
    """Return the logarithm of each band's magnitude beside that of the whole window."""
    power = bands.square().mean(dim=2)
    return 0.5 * ((power + FLOOR).log() - (power.sum(dim=1, keepdim=True) + FLOOR).log())
