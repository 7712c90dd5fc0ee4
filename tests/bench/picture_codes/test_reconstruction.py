"""Trivial codes of pictures do what is known of them; errors and active units count what they say."""

import numpy as np
import pytest
from picture_codes.reconstruction import (
    PrincipalComponents,
    active_units,
    low_passed,
    mean_error_db,
    mean_pictures,
)

from violute.errors import ShapeError
from violute.transforms.spectrogram import DETAIL, SpectrogramSettings

SMALL = SpectrogramSettings(8_000, 64, 16, n_bins=32, n_frames=8)


def pictures(n=20, n_bins=32, n_frames=8, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (n, n_bins, n_frames)).astype(np.float32)


def test_a_tenth_of_the_range_is_eight_db():
    wanted = pictures()
    assert mean_error_db(wanted, wanted, SMALL) == 0.0
    assert mean_error_db(wanted + np.float32(0.1), wanted, SMALL) == pytest.approx(8.0, abs=0.001)
    assert mean_error_db(wanted - np.float32(0.1), wanted, SMALL) == pytest.approx(8.0, abs=0.001)


def test_what_lossy_files_lack_is_not_judged():
    wanted = pictures(2, DETAIL.n_bins, 4)
    drawn = wanted.copy()
    drawn[:, round(16_000 / 44_100 * 2048) + 1 :] += 0.2
    assert mean_error_db(drawn, wanted, DETAIL) == 0.0
    drawn[:, :100] += 0.2
    assert mean_error_db(drawn, wanted, DETAIL) > 1.0


@pytest.mark.unchecked
def test_pictures_of_two_shapes_are_not_compared():
    with pytest.raises(ShapeError, match="give pictures of one shape"):
        mean_error_db(pictures(3), pictures(4), SMALL)


def test_units_that_do_not_move_are_not_active():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((400, 4)) * np.array([1.0, 0.01, 3.0, 0.2]) + 5.0
    assert list(active_units(means)) == [2, 0, 3]


def test_the_mean_picture_is_that_of_the_instrument():
    training = pictures(10)
    ends = np.arange(10) % 2
    answered = mean_pictures(training, ends, np.array([1, 0, 1]))
    np.testing.assert_allclose(answered[1], training[::2].mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(answered[0], answered[2])


def test_a_low_pass_keeps_a_slow_picture_and_the_mean_of_a_fast_one():
    bins = np.arange(32)[:, None]
    slow = 0.5 + 0.3 * np.cos(np.pi * (bins + 0.5) * 3 / 32) * np.ones((1, 8))
    fast = 0.5 + 0.3 * np.cos(np.pi * (bins + 0.5) * 20 / 32) * np.ones((1, 8))
    given = np.stack([slow, fast]).astype(np.float32)
    kept = low_passed(given, 4, 2)
    np.testing.assert_allclose(kept[0], given[0], atol=1e-5)
    np.testing.assert_allclose(kept[1], 0.5, atol=1e-5)
    np.testing.assert_allclose(low_passed(given, 32, 8), given, atol=1e-5)


def test_components_agree_with_the_singular_values_of_the_windows():
    training = pictures(30)
    flat = training.reshape(30, -1).astype(np.float64)
    left, sizes, right = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)
    expected = (left[:, :5] * sizes[:5]) @ right[:5] + flat.mean(axis=0)
    drawn = PrincipalComponents(training, 5).through(training)
    np.testing.assert_allclose(drawn.reshape(30, -1), np.clip(expected, 0.0, 1.0), atol=1e-4)


def test_components_hold_what_lies_in_their_plane():
    rng = np.random.default_rng(1)
    axes = 0.05 * rng.standard_normal((3, 32, 8))
    training, other = (
        (0.5 + np.einsum("wc,cbf->wbf", rng.uniform(-1.0, 1.0, (n, 3)), axes)).astype(np.float32)
        for n in (40, 7)
    )
    np.testing.assert_allclose(PrincipalComponents(training, 3).through(other), other, atol=1e-4)
    assert np.abs(PrincipalComponents(training, 2).through(other) - other).max() > 0.01


@pytest.mark.parametrize("n_components", [0, 20])
def test_components_need_more_windows(n_components):
    with pytest.raises(ShapeError, match="give more windows than components"):
        PrincipalComponents(pictures(20), n_components)
