"""The one place where losses are weighted and summed."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from violute.errors import TrainingError
from violute.training.task import StepContext


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


def take_turn(
    name: str, losses: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float], context: StepContext
) -> dict[str, Float[Tensor, ""]]:
    """Let one optimizer descend, where generator and critic descend apart; add `total` to its losses.

    Args:
        name: Of the optimizer.
        losses: Of its turn.
        weights: Of all turns.
        context: Of the step.
    """
    turn = weighted_total(losses, weights_of(losses, weights))
    context.descend(name, turn["total"])
    return turn


def of_both_turns(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put the losses of two turns together; `total` is the sum of theirs."""
    return {**first, **second, "total": first["total"] + second["total"]}


def weights_of(losses: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of one turn's losses; one without is left for `weighted_total` to report."""
    return {name: weights[name] for name in losses if name in weights}


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names)) or "none"
