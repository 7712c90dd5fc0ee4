"""The calibrated dial: from 0 to 1, never back, and its steps sound alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from violute.families.ddsp.calibration.dial_scale import N_ERB_BANDS, dial_points, specific_loudness
from violute.families.ddsp.levels import level_of, mixed, root_of

N_FRAMES = 40


def levels(seed=0, slopes=(-18.0, -4.0), breath_db=(-35.0, -50.0)):
    """Two instruments that differ in slope and breath, over notes of an octave and a half."""
    rng = np.random.default_rng(seed)
    f0_hz = (300.0 * 2.0 ** rng.uniform(0.0, 1.5, N_FRAMES)).astype(np.float32)
    number = np.arange(1, 101)
    harmonic_db = np.stack([np.repeat((s * np.log2(number))[None], N_FRAMES, 0) for s in slopes])
    harmonic_db += rng.normal(0.0, 3.0, harmonic_db.shape)
    noise_db = np.stack([np.full((N_FRAMES, 64), level) for level in breath_db])
    return harmonic_db.astype(np.float32), noise_db.astype(np.float32), f0_hz


@settings(max_examples=15)
@given(seed=st.integers(0, 100), slopes=st.tuples(st.floats(-24.0, 0.0), st.floats(-24.0, 0.0)))
def test_the_dial_runs_from_0_to_1_and_never_back(seed, slopes):
    points = np.array(dial_points(*levels(seed, slopes)))
    np.testing.assert_allclose(points[[0, -1]], [[0.0, 0.0], [1.0, 1.0]])
    assert (np.diff(points[:, 0]) > 0).all()
    assert (np.diff(points[:, 1]) >= 0).all()


def test_steps_of_the_dial_are_more_alike_than_without_it():
    harmonic_db, noise_db, f0_hz = levels(0, (-24.0, -3.0))

    def steps(weights):
        frames = [
            specific_loudness(
                *(
                    level_of(mixed(root_of(both[0]), root_of(both[1]), np.full((N_FRAMES, 1), weight)))
                    for both in (harmonic_db, noise_db)
                ),
                f0_hz,
            )
            for weight in np.asarray(weights, np.float32)
        ]
        return np.abs(np.diff(frames, axis=0)).sum(axis=2).mean(axis=1)

    def variation(sizes):
        return sizes.std() / sizes.mean()

    points = np.array(dial_points(harmonic_db, noise_db, f0_hz))
    plain, laid_out = variation(steps(points[:, 0])), variation(steps(points[:, 1]))
    assert laid_out < 0.1
    assert laid_out < plain


def test_two_equal_instruments_have_a_dial_all_the_same():
    harmonic_db, noise_db, f0_hz = levels()
    harmonic_db[1], noise_db[1] = harmonic_db[0], noise_db[0]
    points = np.array(dial_points(harmonic_db, noise_db, f0_hz))
    assert np.isfinite(points).all()
    assert (np.diff(points[:, 0]) > 0).all()


@given(gain_db=st.floats(-30.0, 30.0))
def test_specific_loudness_does_not_hear_the_gain(gain_db):
    harmonic_db, noise_db, f0_hz = levels()
    still = specific_loudness(harmonic_db[0], noise_db[0], f0_hz)
    moved = specific_loudness(
        (harmonic_db[0] + gain_db).astype(np.float32), (noise_db[0] + gain_db).astype(np.float32), f0_hz
    )
    assert still.shape == (N_FRAMES, N_ERB_BANDS)
    np.testing.assert_allclose(moved, still, rtol=1e-3)


def test_a_brighter_frame_is_louder_in_the_upper_bands():
    harmonic_db, noise_db, f0_hz = levels()
    mellow, bright = (specific_loudness(harmonic_db[end], noise_db[end], f0_hz) for end in range(2))
    band = np.arange(N_ERB_BANDS)
    assert (bright @ band / bright.sum(axis=1) > mellow @ band / mellow.sum(axis=1)).all()
    assert mellow.max() == pytest.approx(1.0, abs=0.15)
