"""Whether a generator and its critic are still at work: figures, and one warning when they are not.

Three things end an adversarial training without a loss that isn't finite. The generator may answer
everything with the same drawing (collapse); the way back may be lost, so that nothing of the source is
kept; the critic may run away, its scores growing far beyond the 0 and 1 that it is asked for. Each has a
figure, measured at every validation and kept among the metrics; the first that goes wrong is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

DIVERSITY = "health/diversity"
CYCLE_SHARE = "health/cycle_share"
LARGEST_SCORE = "health/largest_score"

LEAST_DIVERSITY = 0.3
"""Drawings that differ from each other less than this share of what recordings do have collapsed."""

MOST_CYCLE_SHARE = 0.8
"""Of the error of a silent window: a way back that misses by as much keeps nothing."""

MOST_SCORE = 20.0


def diagnosis(figures: Mapping[str, float]) -> str | None:
    """Return what a set of figures says is wrong and what to do about it, in a line, or None."""
    diversity, share = figures.get(DIVERSITY, 1.0), figures.get(CYCLE_SHARE, 0.0)
    score = figures.get(LARGEST_SCORE, 0.0)
    if not diversity >= LEAST_DIVERSITY:
        wrong = f"the generators have collapsed: drawings differ {diversity:.2f} times as much as recordings"
    elif not share <= MOST_CYCLE_SHARE:
        wrong = f"the way back is lost: windows return with {share:.2f} times the error of silence"
    elif not score <= MOST_SCORE:
        wrong = f"the critics have exploded: a score is {score:.3g} where 0 or 1 is asked for"
    else:
        return None
    return f"{wrong}; the best checkpoint so far is kept: lower the learning rate or stop here"


def diversity(
    drawn: Sequence[Float[Tensor, "_window row frame"]],
    recorded: Sequence[Float[Tensor, "_window row frame"]],
) -> float:
    """Return how much drawings of an end differ from each other, as a share of what recordings do."""
    shares = [_spread(one) / max(_spread(other), 1e-9) for one, other in zip(drawn, recorded, strict=True)]
    return min(shares)


def largest_score(scores: Sequence[Float[Tensor, "..."]]) -> float:
    """Return the magnitude of the score furthest from 0."""
    return max(float(one.abs().max()) for one in scores)


def _spread(rows: Float[Tensor, "window row frame"]) -> float:
    return float(rows.std(dim=0, correction=0).mean())


def distribution_distance(
    drawn: Float[Tensor, "window row frame"], recorded: Float[Tensor, "other row frame"]
) -> Float[Tensor, ""]:
    """Compare what is heard row by row in drawings and recordings, whichever notes they play.

    The mean distance of the sorted values of each row: the Wasserstein distance of each row's levels. No
    critic has a say in it, so it decides which checkpoint is best.
    """
    sets = [rows.transpose(0, 1).flatten(1).sort(dim=1).values for rows in (drawn, recorded)]
    n_quantiles = min(one.shape[1] for one in sets)
    places = [
        torch.linspace(0, one.shape[1] - 1, n_quantiles, device=one.device).round().long() for one in sets
    ]
    first, second = (one[:, place] for one, place in zip(sets, places, strict=True))
    return (first - second).abs().mean()
