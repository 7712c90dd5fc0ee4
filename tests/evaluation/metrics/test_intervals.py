"""Intervals: the spread that theory gives, coverage, groups that count once, and values too few to tell."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import InputError, ShapeError
from violute.evaluation.metrics.intervals import Interval, bootstrap_interval, draws, percentile_interval

values = st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=20).map(np.array)


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    sample = np.random.default_rng(0).normal(3.0, 2.0, 400)
    interval = bootstrap_interval(sample)
    error = sample.std() / np.sqrt(400)
    assert interval.estimate == pytest.approx(sample.mean())
    assert interval.low == pytest.approx(sample.mean() - 1.96 * error, abs=0.15 * error)
    assert interval.high == pytest.approx(sample.mean() + 1.96 * error, abs=0.15 * error)
    assert interval.n == 400


@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_scipy_draws_the_same_ends(statistic: object) -> None:
    sample = np.random.default_rng(1).gamma(2.0, 1.0, 60)
    ours = bootstrap_interval(sample, statistic=statistic, n_resamples=8000)
    theirs = scipy.stats.bootstrap(
        (sample,), statistic, method="percentile", n_resamples=8000, rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * width)


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for trial in range(200):
        interval = bootstrap_interval(rng.normal(1.0, 1.0, 40), confidence=0.8, n_resamples=300, seed=trial)
        hits += interval.low <= 1.0 <= interval.high
    assert 0.70 <= hits / 200 <= 0.90


@given(sample=values, shift=st.floats(-50.0, 50.0), scale=st.floats(0.1, 10.0))
def test_shift_and_scale_pass_through(sample: np.ndarray, shift: float, scale: float) -> None:
    plain = bootstrap_interval(sample, n_resamples=50)
    moved = bootstrap_interval(scale * sample + shift, n_resamples=50)
    for end in ("estimate", "low", "high"):
        assert getattr(moved, end) == pytest.approx(scale * getattr(plain, end) + shift, abs=1e-6)
    assert plain.low - 1e-9 <= plain.high
    assert sample.min() - 1e-9 <= plain.low
    assert plain.high <= sample.max() + 1e-9


@given(sample=values, copies=st.integers(2, 4))
def test_repeating_every_clip_of_a_recording_makes_nothing_surer(sample: np.ndarray, copies: int) -> None:
    once = bootstrap_interval(sample, n_resamples=50)
    names = [i for i in range(len(sample)) for _ in range(copies)]
    grouped = bootstrap_interval(np.repeat(sample, copies), groups=names, n_resamples=50)
    assert grouped.n == once.n == len(sample)
    assert grouped.low == pytest.approx(once.low)
    assert grouped.high == pytest.approx(once.high)


def test_drawn_one_by_one_copies_would_seem_surer() -> None:
    sample = np.repeat(np.random.default_rng(4).normal(size=8), 10)
    alone = bootstrap_interval(sample)
    grouped = bootstrap_interval(sample, groups=[i // 10 for i in range(80)])
    assert grouped.high - grouped.low > 2.0 * (alone.high - alone.low)


def test_what_was_not_measured_is_left_out() -> None:
    sample = np.array([1.0, np.nan, 2.0, np.inf, 3.0])
    assert bootstrap_interval(sample) == bootstrap_interval(np.array([1.0, 2.0, 3.0]))
    assert bootstrap_interval(sample, groups=list("abcde")).n == 3


def test_too_few_values_have_no_ends() -> None:
    nothing = bootstrap_interval(np.array([np.nan]))
    assert math.isnan(nothing.estimate)
    assert nothing.n == 0
    one = bootstrap_interval(np.array([4.0]))
    assert (one.estimate, one.n) == (4.0, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert not one.excludes(0.0)
    assert math.isnan(bootstrap_interval(np.array([1.0, 2.0]), groups=["a", "a"]).low)


def test_beyond_chance_is_outside_the_interval() -> None:
    better = bootstrap_interval(np.random.default_rng(5).normal(1.0, 0.5, 30))
    assert better.excludes(0.0)
    assert better.excludes(3.0)
    assert not better.excludes(better.estimate)
    assert Interval(0.0, -1.0, 1.0, 3).excludes(-1.5)


def test_the_same_seed_gives_the_same_interval() -> None:
    sample = np.random.default_rng(6).normal(size=12)
    assert bootstrap_interval(sample, seed=3) == bootstrap_interval(sample, seed=3)
    assert bootstrap_interval(sample, seed=3) != bootstrap_interval(sample, seed=4)
    assert draws(5, n_resamples=7).shape == (7, 5)
    assert draws(1, n_resamples=7).shape == (0, 1)


def test_figures_that_failed_in_a_resample_are_left_out() -> None:
    interval = percentile_interval(1.0, np.array([1.0, np.nan, 1.0]), n=3)
    assert (interval.low, interval.high) == (1.0, 1.0)
    assert math.isnan(percentile_interval(1.0, np.array([np.nan]), n=3).low)


@pytest.mark.unchecked
def test_errors() -> None:
    with pytest.raises(ShapeError, match="one group a value"):
        bootstrap_interval(np.ones(3), groups=["a"])
    with pytest.raises(ShapeError, match="give a row"):
        bootstrap_interval(np.ones((3, 2)))
    with pytest.raises(InputError, match="confidence 95 is out of range"):
        bootstrap_interval(np.ones(3), confidence=95)
    with pytest.raises(InputError, match="0 resamples"):
        bootstrap_interval(np.ones(3), n_resamples=0)
