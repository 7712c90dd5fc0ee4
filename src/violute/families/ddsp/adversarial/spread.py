"""How much an instrument's sound moves within a second, as critics hear it.

Means alone are matched by a voice whose colour leaps from note to note about the right mean. What a critic
hears of an instrument should also stray as far in time as in recordings of it.

Source:
    Salimans et al., Improved techniques for training GANs (NeurIPS 2016), section 3.1, for statistics of
    critics' features; here the standard deviation over time beside their mean.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from violute.families.rave.band_levels import mean_of
from violute.families.rave.discriminators import N_COARSE, Judged

ENDS = (0, 1)
SMALLEST = 1e-6


def spread_distance(
    real: Judged, end: Int[Tensor, " recording"], made: Judged, claimed: Int[Tensor, " sound"]
) -> Float[Tensor, ""]:
    """Return how far features stray otherwise in sounds of an end than in its recordings, relative to those.

    Args:
        real: Of recordings.
        end: Who plays in them.
        made: Of what was made.
        claimed: Who it claims to be.
    """
    distances = []
    for first, second in zip(real.features, made.features, strict=True):
        for a, b in zip(first, second, strict=True):
            recorded, played = _spread(a.detach()), _spread(b)
            for which in ENDS:
                (wanted, _), (found, _) = mean_of(recorded, end == which), mean_of(played, claimed == which)
                distances.append((found - wanted).abs().mean() / wanted.mean().clamp_min(SMALLEST))
    return torch.stack(distances).mean()


def _spread(features: Float[Tensor, "sound channel bin frame"]) -> Float[Tensor, "sound channel band"]:
    """Return the standard deviation over time of each feature in coarse bands of frequency."""
    bands = functional.adaptive_avg_pool2d(features, (N_COARSE, features.shape[3]))
    return (bands.var(dim=3) + SMALLEST**2).sqrt()
