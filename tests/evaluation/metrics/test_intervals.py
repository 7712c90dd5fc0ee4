"""Intervals: the ends of the tables, the coverage that they promise, and recordings too few to tell."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import InputError
from violute.evaluation.metrics.intervals import (
    Interval,
    Scale,
    draws,
    mean_interval,
    median_interval,
    percentile_interval,
)

values = st.lists(st.floats(-100.0, 100.0), min_size=3, max_size=20).map(np.array)
Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

POPULATIONS: dict[str, tuple[Scale, Draw]] = {
    "drifts in dB": ("any", lambda rng, size: rng.normal(-1.0, 2.0, size)),
    "cents": ("positive", lambda rng, size: rng.lognormal(1.0, 0.8, size)),
    "roughness": ("positive", lambda rng, size: rng.gamma(2.0, 0.05, size)),
    "pitch accuracy": ("share", lambda rng, size: rng.beta(30.0, 1.0, size)),
    "posterior": ("share", lambda rng, size: rng.beta(2.0, 3.0, size)),
    "octave errors": ("share", lambda rng, size: rng.beta(0.8, 60.0, size)),
    "R2": ("up to 1", lambda rng, size: 1.0 - rng.gamma(1.5, 0.02, size)),
}
"""What figures of recordings look like."""


@pytest.mark.parametrize("name", POPULATIONS)
@pytest.mark.parametrize("n", [3, 6, 13])
def test_an_interval_of_95_percent_holds_the_median_as_often(name: str, n: int) -> None:
    scale, draw = POPULATIONS[name]
    rng = np.random.default_rng(n)
    truth = float(np.median(draw(rng, (1, 200_000))))
    found = [median_interval(row, scale) for row in draw(rng, (800, n))]
    held = np.mean([one.low <= truth <= one.high for one in found])
    # Of 800 trials 95 % are right but for 1.5 % (two standard errors); the scales are not perfect.
    assert 0.92 <= held <= 0.98


def test_percentiles_of_few_recordings_would_promise_too_much() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for row in rng.normal(0.0, 1.0, (300, 3)):
        low, high = np.quantile(np.median(row[draws(3, n_resamples=200)], axis=1), [0.025, 0.975])
        held += low <= 0.0 <= high
    assert held / 300 < 0.85


def test_means_have_the_ends_of_scipys_test() -> None:
    sample = np.random.default_rng(0).normal(3.0, 2.0, 7)
    theirs = scipy.stats.ttest_1samp(sample, 0.0).confidence_interval(0.95)
    interval = mean_interval(sample)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))
    assert interval.estimate == pytest.approx(sample.mean())
    assert interval.n == 7


@given(sample=values, shift=st.floats(-50.0, 50.0), factor=st.floats(0.1, 10.0))
def test_shift_and_factor_pass_through(sample: np.ndarray, shift: float, factor: float) -> None:
    for interval_of in (mean_interval, median_interval):
        plain, moved = interval_of(sample), interval_of(factor * sample + shift)
        for end in ("estimate", "low", "high"):
            assert getattr(moved, end) == pytest.approx(factor * getattr(plain, end) + shift, abs=1e-6)
        assert plain.low - 1e-9 <= plain.estimate <= plain.high + 1e-9


@pytest.mark.parametrize(
    ("scale", "lowest", "highest"),
    [("share", 0.0, 1.0), ("positive", 0.0, np.inf), ("up to 1", -np.inf, 1.0)],
)
@given(sample=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=6).map(np.array))
def test_ends_stay_where_values_can_be(
    scale: Scale, lowest: float, highest: float, sample: np.ndarray
) -> None:
    interval = median_interval(sample, scale)
    assert lowest <= interval.low <= interval.estimate <= interval.high <= highest


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_recordings_have_no_ends(n: int) -> None:
    sample = np.arange(4.0, 4.0 + n)
    for interval in (
        mean_interval(sample),
        median_interval(sample),
        median_interval(sample / 10.0, "share"),
        percentile_interval(4.0, np.arange(10.0), n=n),
    ):
        assert interval.n == n
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
        assert not interval.excludes(0.0)
    assert math.isnan(median_interval(sample).estimate) is (n == 0)


def test_beyond_chance_is_outside_the_interval() -> None:
    better = mean_interval(np.random.default_rng(5).normal(1.0, 0.5, 30))
    assert better.excludes(0.0)
    assert better.excludes(3.0)
    assert not better.excludes(better.estimate)
    assert Interval(0.0, -1.0, 1.0, 3).excludes(-1.5)


def test_the_same_seed_draws_the_same() -> None:
    np.testing.assert_array_equal(draws(5, n_resamples=7, seed=3), draws(5, n_resamples=7, seed=3))
    assert draws(5, n_resamples=7).shape == (7, 5)
    assert draws(1, n_resamples=7).shape == (0, 1)


def test_figures_that_failed_in_a_resample_are_left_out() -> None:
    interval = percentile_interval(1.0, np.array([1.0, np.nan, 1.0]), n=3)
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert math.isnan(percentile_interval(1.0, np.array([np.nan]), n=3).low)


def test_errors() -> None:
    with pytest.raises(InputError, match="0 resamples"):
        draws(3, n_resamples=0)
