"""The one place where losses are weighted and summed."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from violute.errors import TrainingError


def weighted_total(
    losses: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]
) -> dict[str, Float[Tensor, ""]]:
    """Add `total`, the weighted sum, to the losses, which stay unweighted.

    Each loss must have its weight and each weight its loss, so that a misspelt name cannot switch
    a loss off unnoticed.

    Args:
        losses: Scalars by path-like name.
        weights: By the same names; 0 leaves a loss in the logs and out of the sum.

    Raises:
        TrainingError: The names differ, or there are none.
    """
    if set(losses) != set(weights) or not losses:
        raise TrainingError(
            f"loss weights are for {_listed(weights)}, the losses are {_listed(losses)}: give each one weight"
        )
    if "total" in losses:
        raise TrainingError("a loss is named total, which is the sum of all: give it another name")
    first, *rest = losses
    total = weights[first] * losses[first]
    for name in rest:
        total = total + weights[name] * losses[name]
    return {**losses, "total": total}


def turn_total(
    losses: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]
) -> dict[str, Float[Tensor, ""]]:
    """Add `total` to the losses of one turn, where generator and critic descend apart.

    Args:
        losses: Of the turn.
        weights: Of all turns.
    """
    return weighted_total(losses, weights_of(losses, weights))


def weights_of(losses: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of one turn's losses, where generator and critic descend apart.

    A loss without a weight is left for `weighted_total` to report.

    Args:
        losses: Of the turn.
        weights: Of all turns.
    """
    return {name: weights[name] for name in losses if name in weights}


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names)) or "none"
