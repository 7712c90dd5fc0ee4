"""Loudness against the table of the standard, a filter made from it, and physics."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone

from violute.analysis.analyser import analyse
from violute.analysis.controls import SILENCE_DB
from violute.analysis.loudness import a_weighting_db, frame_loudness_db
from violute.transforms.spectra import count_frames, hann, magnitude_frames

# IEC 61672-1:2013, table 3: exact frequencies are 1000 * 10 ** (n / 10), n from -15 to 13.
TABLE_DB = """
-39.4 -34.6 -30.2 -26.2 -22.5 -19.1 -16.1 -13.4 -10.9 -8.6 -6.6 -4.8 -3.2 -1.9 -0.8 0.0 0.6 1.0
1.2 1.3 1.2 1.0 0.5 -0.1 -1.1 -2.5 -4.3 -6.6 -9.3
"""


def test_the_a_curve_is_the_standards_table():
    table_db = np.array([float(value) for value in TABLE_DB.split()])
    frequency_hz = 1000.0 * 10.0 ** (np.arange(-15, 14) / 10.0)
    np.testing.assert_allclose(a_weighting_db(frequency_hz), table_db, atol=0.051 + 0.02)


def test_the_a_curve_is_finite_from_0_hz_on():
    assert np.isfinite(a_weighting_db(np.array([0.0, 1e-3, 22_050.0]))).all()


def test_a_full_scale_sine_of_1_khz_reads_0_db():
    audio = tone(1000.0, 0.5, db_per_octave=-np.inf, level_db=-3.0103)
    assert np.abs(audio).max() == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(analyse(audio).loudness_db[0, 3:-3], 0.0, atol=0.02)


@pytest.mark.parametrize("frequency_hz", [200.0, 440.0, 3000.0, 9000.0, 15_000.0])
def test_a_sine_reads_its_level_plus_the_curve(frequency_hz):
    audio = tone(frequency_hz, 0.5, db_per_octave=-np.inf, level_db=-23.0103)
    expected_db = -20.0 + float(a_weighting_db(np.array(frequency_hz)))
    np.testing.assert_allclose(analyse(audio).loudness_db[0, 3:-3], expected_db, atol=0.1)


def test_noise_reads_the_power_that_an_a_filter_leaves():
    """White noise through the standard's analogue poles, by scipy, in the time domain."""
    noise = 0.05 * np.random.default_rng(3).standard_normal(8 * SAMPLE_RATE)
    poles = -2.0 * np.pi * np.array([20.6, 20.6, 107.7, 737.9, 12_194.0, 12_194.0])
    gain = (2.0 * np.pi * 12_194.0) ** 2 * 10.0 ** (2.0 / 20.0)
    spectrum = np.fft.rfft(noise)
    frequency_hz = np.fft.rfftfreq(len(noise), 1.0 / SAMPLE_RATE)
    _, response = scipy.signal.freqs_zpk(np.zeros(4), poles, gain, 2.0 * np.pi * frequency_hz)
    weighted = np.fft.irfft(spectrum * response, len(noise))
    expected_db = 10.0 * np.log10(2.0 * np.mean(np.square(weighted)))
    power = 10.0 ** (analyse(noise.astype(np.float32)).loudness_db[0, 3:-3] / 10.0)
    assert 10.0 * np.log10(power.mean()) == pytest.approx(expected_db, abs=0.1)


@given(gain_db=st.floats(-50.0, 20.0), seed=st.integers(0, 100))
def test_loudness_moves_with_the_gain(gain_db, seed):
    audio = tone(523.0, 0.1, noise_db=-40.0, seed=seed)
    gained = (audio * 10.0 ** (gain_db / 20.0)).astype(np.float32)
    moved_db = analyse(gained).loudness_db - analyse(audio).loudness_db
    np.testing.assert_allclose(moved_db, gain_db, atol=0.01)


def test_silence_reads_the_floor():
    controls = analyse(np.zeros(4410, np.float32))
    assert (controls.loudness_db == SILENCE_DB).all()
    assert (frame_loudness_db(np.zeros((3, 513), np.float32), SAMPLE_RATE) == SILENCE_DB).all()


def test_a_step_in_loudness_lies_where_it_is():
    audio = tone(800.0, 1.0)
    audio[: SAMPLE_RATE // 2] *= 0.01
    loudness_db = analyse(audio).loudness_db[0]
    np.testing.assert_allclose(loudness_db[53:95] - loudness_db[5:47], 40.0, atol=0.1)
    # Half of the window is as good as silent, and with it half of the energy.
    assert loudness_db[50] - loudness_db[60] == pytest.approx(-3.01, abs=0.3)


@given(start=st.integers(-3000, 6000), n_frames=st.integers(1, 20))
def test_spectra_are_those_of_numpy_on_zero_padded_sound(start, n_frames):
    audio = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    padded = np.pad(audio, (10_000, 30_000))
    got = magnitude_frames(audio, 512, start, n_frames)
    assert got.shape == (n_frames, 257)
    for i in range(n_frames):
        first = 10_000 + start + 441 * i - 256
        expected = np.abs(np.fft.rfft(padded[first : first + 512] * hann(512))) * 2.0 / 256.0
        np.testing.assert_allclose(got[i], expected, atol=1e-5)


@given(n_samples=st.integers(0, 10_000))
def test_frames_cover_the_sound(n_samples):
    n_frames = count_frames(n_samples)
    assert (n_frames - 1) * 441 >= n_samples
    assert n_frames == 1 or (n_frames - 2) * 441 < n_samples
