"""How sure a figure is: the range in which it would fall on other recordings of the kind.

Clips of one recording share a player, a room and a piece, so they count as one value, or they would make a
figure look surer than it is. Intervals are Student's, on a scale on which figures are spread about evenly to
both sides; of fewer than `LEAST_RECORDINGS` nothing is said. Distances between sets of recordings have those
of the jackknife. Where many figures are looked at, `holm` says which of them changed.

Source:
    Student, The probable error of a mean (Biometrika 6, 1908).
    Bartlett, The use of transformations (Biometrics 3, 1947): square root and arcsine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.stats
from jaxtyping import Float

CONFIDENCE = 0.95

LEAST_RECORDINGS = 3

LEAST_OF_A_SET = 4
"""Recordings of which the jackknife says something; of three its ends hold the truth in 92 % only."""

Scale = Literal["any", "positive", "share", "up to 1"]
"""What values can be: any number, 0 or more, from 0 to 1, or 1 at most (a correlation)."""


@dataclass(frozen=True)
class Interval:
    """A figure and the range in which it would fall on other recordings of the kind.

    Attributes:
        estimate: The figure itself; NaN where there was nothing to measure.
        low: Lower end; NaN where fewer than `LEAST_RECORDINGS` leave the spread unknown.
        high: Upper end; NaN likewise.
        n: Recordings that it rests on.
    """

    estimate: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        """Whether the interval lies wholly on one side of `value`; an unknown one never does."""
        return value < self.low or value > self.high


def mean_interval(values: Float[np.ndarray, " recording"]) -> Interval:
    """Return the mean of values, one a recording, with its interval of 95 %.

    For the difference between two contenders on the same recordings, give the differences: their
    interval excludes 0 where one is better beyond chance.
    """
    estimate = float(values.mean()) if values.size else math.nan
    return Interval(estimate, *_student_ends(values), len(values))


def median_interval(values: Float[np.ndarray, " recording"], scale: Scale = "any") -> Interval:
    """Return the median with its interval of 95 %.

    Args:
        values: One a recording, finite.
        scale: What they can be; it decides on which scale they are taken for symmetric about their median.
    """
    if values.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    estimate = float(np.median(values))
    low, high = (_from_even(end, scale) for end in _student_ends(_to_even(values, scale)))
    return Interval(estimate, min(low, estimate), max(high, estimate), len(values))


def jackknife_interval(
    estimate: float, without: Sequence[Float[np.ndarray, " _recording"]], *, n: int
) -> Interval:
    """Return the interval of 95 % of a figure of whole sets of recordings, such as a distance between two.

    Percentiles of a bootstrap hold the truth in 3 of 4 cases only where there are three recordings.

    Args:
        estimate: The figure.
        without: The figure without each recording in turn, set by set.
        n: Recordings that it is a figure of; of fewer than `LEAST_OF_A_SET` the ends are NaN.

    Source:
        Arvesen, Jackknifing U-statistics (Annals of Mathematical Statistics 40, 1969), for several sets;
        Welch, The generalization of Student's problem (Biometrika 34, 1947), equation 28: degrees of freedom.
    """
    if n < LEAST_OF_A_SET or not all(np.isfinite(values).all() for values in without):
        return Interval(estimate, math.nan, math.nan, n)
    variances = [(len(v) - 1) / len(v) * float(np.sum(np.square(v - v.mean()))) for v in without]
    total = sum(variances)
    if total == 0.0:
        return Interval(estimate, estimate, estimate, n)
    freedom = total**2 / sum(own**2 / (len(v) - 1) for own, v in zip(variances, without, strict=True))
    reach = float(scipy.stats.t.ppf((1.0 + CONFIDENCE) / 2.0, freedom)) * math.sqrt(total)
    return Interval(estimate, estimate - reach, estimate + reach, n)


def p_value(interval: Interval) -> float:
    """Return how likely a mean this far from 0 is by chance, of an interval from `mean_interval`.

    Two-sided; NaN where the interval is unknown.
    """
    if math.isnan(interval.low):
        return math.nan
    reach = interval.high - interval.estimate
    if reach == 0.0:
        return float(interval.estimate == 0.0)
    critical = scipy.stats.t.ppf((1.0 + CONFIDENCE) / 2.0, interval.n - 1)
    return float(2.0 * scipy.stats.t.sf(abs(interval.estimate) / reach * critical, interval.n - 1))


def holm(p_values: Float[np.ndarray, " figure"]) -> Float[np.ndarray, " figure"]:
    """Correct probabilities for how many figures are looked at; those that are unknown stay NaN.

    Where a corrected one is taken for a change at 0.05, one false change in all of them is had in at most
    5 % of comparisons, however the figures hang together.

    Source:
        Holm, A simple sequentially rejective multiple test procedure (Scandinavian Journal of Statistics 6,
        1979).
    """
    corrected = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return corrected


def percentile_interval(drawn: Float[np.ndarray, " draw"], *, n: int) -> Interval:
    """Return the median and the range of 95 % of figures that were drawn; NaN where none is finite.

    Args:
        drawn: Figures, those that are not finite are left out.
        n: Recordings that they rest on.
    """
    finite = drawn[np.isfinite(drawn)]
    if finite.size == 0:
        return Interval(math.nan, math.nan, math.nan, n)
    low, middle, high = np.quantile(finite, [(1.0 - CONFIDENCE) / 2.0, 0.5, (1.0 + CONFIDENCE) / 2.0])
    return Interval(float(middle), float(low), float(high), n)


def _student_ends(values: Float[np.ndarray, " recording"]) -> tuple[float, float]:
    """Return the ends of the interval of the mean."""
    n = len(values)
    if n < LEAST_RECORDINGS:
        return math.nan, math.nan
    reach = float(scipy.stats.t.ppf((1.0 + CONFIDENCE) / 2.0, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return float(values.mean()) - reach, float(values.mean()) + reach


def _to_even(values: Float[np.ndarray, " recording"], scale: Scale) -> Float[np.ndarray, " recording"]:
    if scale == "share":
        return np.asarray(np.arcsin(np.sqrt(np.clip(values, 0.0, 1.0))))
    if scale == "positive":
        return np.asarray(np.sqrt(np.maximum(values, 0.0)))
    return np.asarray(-np.sqrt(np.maximum(1.0 - values, 0.0))) if scale == "up to 1" else values


def _from_even(value: float, scale: Scale) -> float:
    if scale == "share":
        return math.sin(min(max(value, 0.0), math.pi / 2.0)) ** 2
    if scale == "positive":
        return max(value, 0.0) ** 2
    return 1.0 - min(value, 0.0) ** 2 if scale == "up to 1" else value
