"""How sure a figure is: bootstrap intervals over clips or over whole recordings.

Clips of one recording share a player, a room and a piece, so they are drawn together wherever
`groups` says which is which: drawn one by one, they would make a figure look surer than it is.

Source:
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: percentile intervals.
    Field and Welsh, Bootstrapping clustered data (JRSS B, 2007): drawing whole groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from violute.errors import InputError, ShapeError

CONFIDENCE = 0.95
N_RESAMPLES = 2000

Statistic = Callable[[Float[np.ndarray, " value"]], float]


@dataclass(frozen=True)
class Interval:
    """A figure and the range in which it would fall on other recordings of the kind.

    Attributes:
        estimate: The figure itself; NaN where there was nothing to measure.
        low: Lower end; NaN where fewer than two groups leave the spread unknown.
        high: Upper end; NaN likewise.
        n: Groups (or values, where there are no groups) that it rests on.
    """

    estimate: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        """Whether the interval lies wholly on one side of `value`; an unknown one never does."""
        return value < self.low or value > self.high


def bootstrap_interval(
    values: Float[np.ndarray, " value"],
    *,
    statistic: Statistic = np.mean,
    groups: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return a statistic of the values with its percentile interval.

    For the difference between two contenders on the same clips, give the differences: their
    interval excludes 0 where one is better beyond chance.

    Args:
        values: One a clip; those that are not finite (nothing to measure) are left out.
        statistic: Of a row of at least one value, for instance `np.mean` or `np.median`.
        groups: The recording of each value; None draws the values one by one.
        confidence: Share of resamples inside the interval, in (0, 1).
        n_resamples: At least 1.
        seed: The same seed gives the same interval.

    Raises:
        ShapeError: There are not as many groups as values.
        InputError: The confidence or the number of resamples is out of range.

    Source:
        Efron and Tibshirani (1993), section 13.3.
    """
    if values.ndim != 1 or (groups is not None and len(groups) != len(values)):
        n_groups = "no" if groups is None else len(groups)
        raise ShapeError(f"values {values.shape} against {n_groups} groups: give a row, one group a value")
    kept = np.isfinite(values)
    members = [np.array([value]) for value in values[kept]]
    if groups is not None:
        gathered: dict[Hashable, list[float]] = {}
        for group, value, is_kept in zip(groups, values, kept, strict=True):
            if is_kept:
                gathered.setdefault(group, []).append(float(value))
        members = [np.array(row) for row in gathered.values()]
    estimate = float(statistic(values[kept])) if kept.any() else math.nan
    drawn = [
        float(statistic(np.concatenate([members[i] for i in draw])))
        for draw in draws(len(members), n_resamples=n_resamples, seed=seed)
    ]
    return percentile_interval(estimate, np.array(drawn), n=len(members), confidence=confidence)


def draws(n: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Int[np.ndarray, "resample n"]:
    """Draw `n` of `n` with replacement, `n_resamples` times; nothing where fewer than two leave no choice.

    Raises:
        InputError: `n_resamples` is below 1.
    """
    if n_resamples < 1:
        raise InputError(f"{n_resamples} resamples were asked for: ask for at least 1, better 1000")
    if n < 2:
        return np.zeros((0, n), dtype=np.int64)
    return np.random.default_rng(seed).integers(0, n, size=(n_resamples, n))


def percentile_interval(
    estimate: float, drawn: Float[np.ndarray, " resample"], *, n: int, confidence: float = CONFIDENCE
) -> Interval:
    """Return the interval between the percentiles of the figures that were drawn.

    Figures that are not finite are left out; with none left the ends are NaN.

    Raises:
        InputError: The confidence is not between 0 and 1.

    Source:
        Efron and Tibshirani (1993), equation 13.5.
    """
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence {confidence:g} is out of range: give a share such as 0.95")
    finite = drawn[np.isfinite(drawn)]
    if finite.size == 0:
        return Interval(estimate, math.nan, math.nan, n)
    low, high = np.quantile(finite, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return Interval(estimate, float(low), float(high), n)
