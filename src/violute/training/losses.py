"""Losses: weighted and summed in this one place, averaged between reports, and watched for running away."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from violute.errors import TrainingError
from violute.training.processes import mean_over_processes
from violute.training.task import StepContext

_EXPLOSION = 1e4
"""A total this many times its recent median will not come back."""

_N_RECENT = 50
_N_NEEDED = 5


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
    """Let one optimizer descend, where generator and critic descend apart; add `total` to its losses."""
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


class LossMeter:
    """Collects losses step by step, on their device, and reads them at one stroke.

    Reading a number from a GPU waits for it to finish; doing so only at reports lets it run ahead.
    """

    def __init__(self) -> None:
        self._pending: dict[str, list[Tensor | float]] = {}

    def add(self, name: str, loss: Tensor | float) -> None:
        """Take in one value of a loss."""
        self._pending.setdefault(name, []).append(loss.detach() if isinstance(loss, Tensor) else loss)

    def read(self, device: torch.device) -> dict[str, float]:
        """Return the means since the last reading, over the processes too, and start afresh."""
        if not self._pending:
            return {}
        means = torch.stack([_mean(values, device) for values in self._pending.values()])
        losses = dict(zip(self._pending, mean_over_processes(means).tolist(), strict=True))
        self._pending = {}
        return losses


def _mean(values: Sequence[Tensor | float], device: torch.device) -> Float[Tensor, ""]:
    """Return a mean on the device; numbers that are known here go there once."""
    on_device = [value.float() for value in values if isinstance(value, Tensor)]
    here = [value for value in values if not isinstance(value, Tensor)]
    total = torch.stack(on_device).to(device).sum() if on_device else torch.zeros((), device=device)
    return (total + math.fsum(here)) / len(values)


class DivergenceAlarm:
    """Tells when training has gone where it won't come back from."""

    def __init__(self, recent_totals: Sequence[float] = ()) -> None:
        self._recent = deque(recent_totals, maxlen=_N_RECENT)

    @property
    def recent_totals(self) -> list[float]:
        """Magnitudes of the latest sane totals; hand them to the alarm of a resumed run."""
        return list(self._recent)

    def diverged(self, losses: Mapping[str, float]) -> str | None:
        """Return the name of a loss that is not finite, or `total` when it exploded, or None."""
        for name in sorted(losses, key=lambda name: name != "total"):
            if not math.isfinite(losses[name]):
                return name
        total = abs(losses.get("total", 0.0))
        if len(self._recent) >= _N_NEEDED and total > _EXPLOSION * max(statistics.median(self._recent), 1e-6):
            return "total"
        self._recent.append(total)
        return None
