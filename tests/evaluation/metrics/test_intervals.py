"""Intervals: the ends of the tables, the coverage that they promise, and recordings too few to tell."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from violute.evaluation.metrics.intervals import (
    Interval,
    Scale,
    holm,
    jackknife_interval,
    mean_interval,
    median_interval,
    p_value,
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
    assert 0.93 <= held <= 0.98


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
        jackknife_interval(4.0, [np.arange(4.0)], n=n),
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


def test_figures_that_failed_are_left_out_of_a_range() -> None:
    interval = percentile_interval(np.array([1.0, np.nan, 1.0]), n=3)
    assert (interval.estimate, interval.low, interval.high) == (1.0, 1.0, 1.0)
    assert math.isnan(percentile_interval(np.array([np.nan]), n=3).low)


@pytest.mark.parametrize("n", [4, 6, 13])
def test_the_interval_of_a_mean_by_the_jackknife_is_students(n: int) -> None:
    sample = np.random.default_rng(n).normal(2.0, 3.0, n)
    without = np.array([np.delete(sample, i).mean() for i in range(n)])
    jackknife, student = jackknife_interval(sample.mean(), [without], n=n), mean_interval(sample)
    assert (jackknife.low, jackknife.high) == pytest.approx((student.low, student.high))


def test_the_jackknife_of_two_sets_is_welchs_test() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.0, 1.0, 5), rng.normal(1.0, 4.0, 9)
    without = [
        np.array([np.delete(first, i).mean() - second.mean() for i in range(5)]),
        np.array([first.mean() - np.delete(second, i).mean() for i in range(9)]),
    ]
    interval = jackknife_interval(first.mean() - second.mean(), without, n=5)
    theirs = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high))
    assert math.isnan(jackknife_interval(0.0, [np.array([1.0, np.nan, 1.0, 2.0])], n=4).low)


def test_the_chance_of_a_mean_is_scipys() -> None:
    sample = np.random.default_rng(0).normal(1.0, 2.0, 7)
    assert p_value(mean_interval(sample)) == pytest.approx(scipy.stats.ttest_1samp(sample, 0.0).pvalue)
    assert p_value(mean_interval(np.zeros(4))) == 1.0
    assert p_value(mean_interval(np.ones(4))) == 0.0
    assert math.isnan(p_value(mean_interval(np.ones(2))))


@given(st.lists(st.floats(0.0, 1.0), max_size=12).map(np.array))
def test_holm_stands_between_nothing_and_bonferroni(chances: np.ndarray) -> None:
    corrected = holm(chances)
    assert np.all(corrected >= chances)
    assert np.all(corrected <= np.minimum(chances * len(chances), 1.0) + 1e-12)
    assert np.all(np.diff(corrected[np.argsort(chances, kind="stable")]) >= 0.0)


def test_holm_gives_the_written_values_and_leaves_the_unknown() -> None:
    found = holm(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.03, np.nan, 0.06, 0.06, 0.02])


def test_of_comparisons_without_a_change_one_in_twenty_finds_any() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        chances = np.array([p_value(mean_interval(row)) for row in rng.normal(0.0, 1.0, (20, 6))])
        wrong += bool(np.any(holm(chances) <= 0.05))
    assert wrong / 200 < 0.09
