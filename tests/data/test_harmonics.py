"""Harmonics and noise of sounds whose levels are known come back, however the pitch swings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import at_frames, cents_apart, tone, vibrato

from violute.data.harmonics import FLOOR_DB, N_HARMONICS, measure_partials

SECONDS = 0.6
INSIDE = slice(6, -6)
"""Frames whose window lies within the sound."""


def bright(f0_hz, *, seed=0, top_hz=15_000.0):
    """Harmonics with a jagged envelope: neighbours up to 12 dB apart about a gentle slope."""
    n = min(int(top_hz / f0_hz), 40)
    return -20.0 - 0.8 * np.arange(n) + np.random.default_rng(seed).uniform(-6.0, 6.0, n)


def measured(true_hz, harmonic_db, noise_db=None, *, detune_cents=0.0):
    audio = tone(true_hz, harmonic_db=harmonic_db, level_db=0.0, noise_db=noise_db, seed=3)
    n_frames = len(audio) // 441 + 1
    told_hz = at_frames(true_hz, n_frames) * 2.0 ** (detune_cents / 1200.0)
    return measure_partials(audio, told_hz.astype(np.float32)), at_frames(true_hz, n_frames)


@pytest.mark.parametrize("f0_hz", [196.0, 294.0, 440.0, 660.0, 1047.0, 1760.0, 2637.0])
@pytest.mark.parametrize("detune_cents", [-8.0, 0.0, 8.0])
def test_levels_come_back_under_vibrato_and_a_wrong_pitch(f0_hz, detune_cents):
    harmonic_db = bright(f0_hz)
    true_hz = vibrato(f0_hz, 30.0, 6.0, SECONDS)
    partials, at_hz = measured(true_hz, harmonic_db, noise_db=-60.0, detune_cents=detune_cents)
    assert np.abs(cents_apart(partials.f0_hz[INSIDE], at_hz[INSIDE])).max() < 2.0
    level_db = np.median(partials.harmonic_db[INSIDE, : len(harmonic_db)], axis=0)
    np.testing.assert_allclose(level_db, harmonic_db, atol=0.5)
    n_gaps = min(int(15_000.0 / f0_hz), N_HARMONICS)
    noise_db = partials.noise_db[INSIDE, 1:n_gaps]
    assert np.median(noise_db) == pytest.approx(-60.0, abs=2.0)


@pytest.mark.parametrize(("cents", "noise_db"), [(30.0, -45.0), (30.0, -60.0), (0.0, -80.0), (0.0, -90.0)])
def test_the_noise_floor_is_read_between_the_harmonics(cents, noise_db):
    """Vibrato leaks about 45 dB below the harmonics about a gap; a still tone leaks nothing."""
    partials, _ = measured(vibrato(500.0, cents, 6.0, SECONDS), bright(500.0), noise_db=noise_db)
    power = 10.0 ** (partials.noise_db[INSIDE, 1:40] / 10.0)
    assert 10.0 * np.log10(power.mean()) == pytest.approx(noise_db, abs=2.0)


def test_noise_alone_is_noise():
    audio = (0.01 * np.random.default_rng(0).standard_normal(2 * 44_100)).astype(np.float32)
    partials = measure_partials(audio, np.full(200, 400.0, np.float32))
    power = 10.0 ** (partials.noise_db[INSIDE, 1:50] / 10.0)
    assert 10.0 * np.log10(power.mean()) == pytest.approx(-40.0, abs=1.0)


def test_a_weak_harmonic_between_strong_neighbours_is_read():
    harmonic_db = np.where(np.arange(20) % 2 == 0, -20.0, -55.0)
    partials, _ = measured(vibrato(440.0, 30.0, 6.0, SECONDS), harmonic_db)
    level_db = np.median(partials.harmonic_db[INSIDE, :20], axis=0)
    np.testing.assert_allclose(level_db, harmonic_db, atol=0.5)


def test_harmonics_that_are_not_there_read_low():
    partials, _ = measured(np.full(26_460, 440.0), np.full(5, -20.0))
    assert np.median(partials.harmonic_db[INSIDE, 5:45]) < -90.0
    assert np.median(partials.noise_db[INSIDE, 1:40]) < -90.0


def test_nothing_is_claimed_above_nyquist():
    partials, _ = measured(np.full(26_460, 1500.0), np.full(5, -20.0), noise_db=-40.0)
    assert (partials.harmonic_db[:, 14:] == FLOOR_DB).all()
    assert (partials.harmonic_db[INSIDE, :14] > FLOOR_DB).all()


def test_levels_follow_a_swell():
    t = np.arange(44_100) / 44_100
    swell = 10.0 ** ((60.0 * t - 60.0) / 20.0)
    audio = tone(600.0, 1.0, harmonic_db=bright(600.0), level_db=0.0) * swell
    partials = measure_partials(audio.astype(np.float32), np.full(101, 600.0, np.float32))
    level_db = partials.harmonic_db[10:-10, 0]
    expected_db = bright(600.0)[0] + 60.0 * np.arange(101)[10:-10] / 100.0 - 60.0
    np.testing.assert_allclose(level_db, expected_db, atol=0.5)


@settings(max_examples=10)
@given(gain_db=st.floats(-30.0, 6.0), f0_hz=st.floats(200.0, 3000.0))
def test_levels_move_with_the_gain(gain_db, f0_hz):
    harmonic_db = bright(f0_hz)[:8]
    audio = tone(f0_hz, 0.3, harmonic_db=harmonic_db, level_db=0.0, noise_db=-60.0)
    told_hz = np.full(30, f0_hz, np.float32)
    still = measure_partials(audio, told_hz)
    moved = measure_partials((audio * 10.0 ** (gain_db / 20.0)).astype(np.float32), told_hz)
    chosen = np.s_[INSIDE, : len(harmonic_db)]
    np.testing.assert_allclose(moved.harmonic_db[chosen], still.harmonic_db[chosen] + gain_db, atol=0.05)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_short_sounds_are_measured(n_frames):
    audio = tone(440.0, n_frames / 100.0)
    partials = measure_partials(audio, np.full(n_frames, 440.0, np.float32))
    assert partials.harmonic_db.shape == partials.noise_db.shape == (n_frames, N_HARMONICS)
    assert np.isfinite(partials.harmonic_db).all()
    assert np.isfinite(partials.f0_hz).all()


def test_silence_reads_the_floor():
    partials = measure_partials(np.zeros(8820, np.float32), np.full(20, 440.0, np.float32))
    assert (partials.harmonic_db <= -139.0).all()
    assert (partials.noise_db <= -110.0).all()
    np.testing.assert_allclose(partials.f0_hz, 440.0, rtol=1e-3)
