"""How sure a figure is: the range in which it would fall on other recordings of the kind.

Clips of one recording share a player, a room and a piece, so they count as one value, or they would make a
figure look surer than it is. Intervals are Student's, on a scale on which figures are spread about evenly to
both sides; of fewer than `LEAST_RECORDINGS` nothing is said. Percentiles of a bootstrap, which need no scale,
hold the truth in 3 of 4 cases only where there are three recordings; they serve distances between sets.

Source:
    Student, The probable error of a mean (Biometrika 6, 1908).
    Bartlett, The use of transformations (Biometrics 3, 1947): square root and arcsine.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: percentile intervals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from violute.errors import InputError

CONFIDENCE = 0.95
N_RESAMPLES = 2000

LEAST_RECORDINGS = 3

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
    """Return the mean with its interval of 95 %.

    For the difference between two contenders on the same recordings, give the differences: their
    interval excludes 0 where one is better beyond chance.

    Args:
        values: One a recording, finite.
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


def percentile_interval(estimate: float, drawn: Float[np.ndarray, " resample"], *, n: int) -> Interval:
    """Return the interval of 95 % between the percentiles of the figures that were drawn.

    Figures that are not finite are left out; with none left, or of fewer than `LEAST_RECORDINGS`, the ends
    are NaN.

    Source:
        Efron and Tibshirani (1993), equation 13.5.
    """
    finite = drawn[np.isfinite(drawn)]
    if finite.size == 0 or n < LEAST_RECORDINGS:
        return Interval(estimate, math.nan, math.nan, n)
    low, high = np.quantile(finite, [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0])
    return Interval(estimate, float(low), float(high), n)


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
