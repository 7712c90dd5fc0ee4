"""How levels are mixed and how loud the mix is, against another library's A curve and plain integrals."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate

from violute.families.ddsp.levels import (
    HIGHEST_LEVEL_DB,
    LOWEST_LEVEL_DB,
    harmonic_weights,
    heard_power,
    level_of,
    mixed,
    root_of,
)
from violute.rates import SAMPLE_RATE
from violute.synthesis.noise import N_BANDS

LEVELS_DB = hnp.arrays(np.float32, (2, 3, 4), elements=st.floats(LOWEST_LEVEL_DB, HIGHEST_LEVEL_DB, width=32))
SILENT_NOISE = np.zeros((1, N_BANDS), np.float32)


def a_gain(frequency_hz):
    """Power gain of the A curve, by librosa."""
    return 10.0 ** (librosa.A_weighting(frequency_hz, min_db=None) / 10.0)


def power_db(power):
    return 10.0 * np.log10(power)


@given(LEVELS_DB)
def test_a_level_survives_its_root(level_db):
    root = root_of(level_db)
    np.testing.assert_allclose(level_of(root), level_db, atol=1e-3)
    np.testing.assert_allclose(np.square(root), 10.0 ** (level_db.astype(float) / 20.0), rtol=1e-4)


@pytest.mark.parametrize(("level_db", "bound_db"), [(-np.inf, LOWEST_LEVEL_DB), (90.0, HIGHEST_LEVEL_DB)])
def test_levels_beyond_hearing_and_beyond_reason_are_bounded(level_db, bound_db):
    assert level_of(root_of(np.array([level_db], np.float32)))[0] == pytest.approx(bound_db, abs=1e-3)


@given(LEVELS_DB)
def test_a_mix_begins_and_ends_at_its_instruments(level_db):
    first, second = root_of(level_db)
    ends = [mixed(first, second, np.full((3, 1), weight, np.float32)) for weight in (0.0, 1.0)]
    np.testing.assert_array_equal(ends[0], first)
    # What float32 loses beside a loud first instrument is far below hearing.
    np.testing.assert_allclose(ends[1], second, rtol=1e-6, atol=5e-7)
    np.testing.assert_array_equal(mixed(first, first, np.full((3, 1), 0.7, np.float32)), first)


@given(LEVELS_DB)
def test_a_mix_goes_straight_from_one_instrument_to_the_other(level_db):
    first, second = root_of(level_db)
    path = np.stack([mixed(first, second, np.full((3, 1), w, np.float32)) for w in np.linspace(0, 1, 9)])
    steps = np.diff(path, axis=0)
    assert (steps * np.sign(second - first) >= -1e-6).all()
    np.testing.assert_allclose(steps, np.broadcast_to((second - first) / 8, steps.shape), atol=1e-6)


def test_a_full_scale_sine_of_1_khz_is_heard_as_1():
    weight = harmonic_weights(np.array([1000.0], np.float32), 1)
    power = heard_power(root_of(np.zeros((1, 1), np.float32)), SILENT_NOISE, weight)
    assert power_db(power[0]) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 1234.5, 3500.0])
def test_harmonics_are_heard_by_the_a_curve(f0_hz):
    number = np.arange(1, 6)
    level_db = np.array([[-10.0, -3.0, -20.0, -6.0, -30.0]], np.float32)
    weight = harmonic_weights(np.array([f0_hz], np.float32), 5)
    power = heard_power(root_of(level_db), SILENT_NOISE, weight)
    expected = (10.0 ** (level_db[0] / 10.0) * a_gain(number * f0_hz)).sum()
    assert power_db(power[0]) == pytest.approx(power_db(expected), abs=0.1)


def test_white_noise_is_heard_as_loud_as_the_integral_under_the_a_curve():
    nyquist_hz = SAMPLE_RATE / 2
    share, _ = integrate.quad(a_gain, 1e-3, nyquist_hz, limit=500)
    # RMS 1 spread evenly up to Nyquist, where a full-scale sine has the power 1/2.
    expected = 2.0 * share / nyquist_hz
    white = root_of(np.zeros((2, N_BANDS), np.float32))
    no_harmonics = np.zeros((2, 0), np.float32)
    power = heard_power(no_harmonics, white, no_harmonics)
    np.testing.assert_allclose(power_db(power), power_db(expected), atol=0.1)


def test_harmonics_and_noise_add_up_as_powers():
    rng = np.random.default_rng(0)
    harmonic_root = root_of(rng.uniform(-60, 0, (5, 7)).astype(np.float32))
    noise_root = root_of(rng.uniform(-90, -30, (5, N_BANDS)).astype(np.float32))
    weight = harmonic_weights(rng.uniform(200, 3000, 5).astype(np.float32), 7)
    together = heard_power(harmonic_root, noise_root, weight)
    apart = heard_power(harmonic_root, 0 * noise_root, weight) + heard_power(
        0 * harmonic_root, noise_root, weight
    )
    np.testing.assert_allclose(together, apart, rtol=1e-5)
    # 6 dB more of everything is four times the power: the root is of the amplitude.
    np.testing.assert_allclose(
        heard_power(harmonic_root * 2**0.5, noise_root * 2**0.5, weight), 4 * together, rtol=1e-5
    )


@given(hnp.arrays(np.float32, 3, elements=st.floats(50.0, 4000.0, width=32)))
def test_harmonics_that_cannot_sound_weigh_nothing(f0_hz):
    weight = harmonic_weights(f0_hz, 100)
    frequency_hz = f0_hz[:, None].astype(float) * np.arange(1, 101)
    assert (weight[frequency_hz >= SAMPLE_RATE / 2] == 0.0).all()
    assert (weight[frequency_hz < 0.9 * SAMPLE_RATE / 2] > 0.0).all()
