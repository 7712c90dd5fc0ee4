"""`FilteredNoise` measured by Welch's method and against the laws of streams and seeds."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import welch

from violute.errors import ShapeError
from violute.synthesis.noise import (
    FilteredNoise,
    band_weights,
    filtered_noise,
    hz_to_mel,
    mel_to_hz,
    noise_bands,
    overlap_window,
    white_spectra,
)

RATE, HOP = 44_100, 441


def measured_bands_db(audio, centres_hz, n_fft=4096):
    """Mean density under each triangle, by scipy, in dB relative to white noise of RMS 1."""
    _, density = welch(audio.astype(float), RATE, nperseg=n_fft, detrend=False)
    weights = band_weights(centres_hz, n_fft=n_fft)
    return 10 * np.log10((weights @ density) / weights.sum(axis=1) * RATE / 2)


@given(st.integers(2, 100), st.sampled_from([16_000, 44_100, 48_000]))
def test_triangles_are_a_partition_of_unity(n_bands, sample_rate):
    weights = band_weights(noise_bands(n_bands, sample_rate=sample_rate), sample_rate=sample_rate)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    assert np.count_nonzero(weights, axis=0).max() <= 2


def test_centres_are_even_in_mel():
    centres_hz = noise_bands(64, sample_rate=RATE)
    assert centres_hz[0] == pytest.approx(50)
    assert centres_hz[-1] == pytest.approx(RATE / 2)
    np.testing.assert_allclose(np.diff(hz_to_mel(centres_hz), 2), 0, atol=1e-9)
    np.testing.assert_allclose(hz_to_mel(centres_hz), librosa.hz_to_mel(centres_hz, htk=True))
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(centres_hz)), centres_hz)


def test_squares_of_overlapping_windows_add_up_to_one():
    window = overlap_window(HOP).astype(float)
    np.testing.assert_allclose(window[:HOP] ** 2 + window[HOP:] ** 2, 1, atol=1e-6)


def test_zero_db_everywhere_is_white_noise_of_rms_one():
    audio = filtered_noise(np.zeros((2000, 64), np.float32)).astype(float)
    assert np.std(audio) == pytest.approx(1, abs=0.01)
    assert np.mean(audio**4) / np.mean(audio**2) ** 2 == pytest.approx(3, abs=0.05)  # Gaussian
    correlation = np.fft.irfft(np.abs(np.fft.rfft(audio, 2**21)) ** 2)[:1000] / len(audio)
    assert np.abs(correlation[1:]).max() < 0.01  # neighbouring draws do not repeat each other


@pytest.mark.parametrize("shape", ["slope", "hills"])
def test_welch_measures_the_levels_asked_for(shape):
    # Twelve bands, wide enough for the window of the measurement to tell them apart.
    centres_hz = noise_bands(12)
    mel = np.linspace(0, 1, 12)
    band_db = -20 - 40 * mel if shape == "slope" else -30 + 9 * np.sin(9 * mel)
    audio = filtered_noise(np.tile(band_db.astype(np.float32), (3000, 1)))
    # What a triangle sees of its neighbours, from the weights on a fine grid.
    weights = band_weights(centres_hz, n_fft=2**16).astype(float)
    expected = 10 * np.log10(weights @ (weights.T @ 10 ** (band_db / 10)) / weights.sum(axis=1))
    np.testing.assert_allclose(measured_bands_db(audio, centres_hz), expected, atol=1.0)


def test_a_single_band_stays_in_its_triangle():
    band_db = np.full((1000, 64), -np.inf, np.float32)
    band_db[:, 40] = -20
    audio = filtered_noise(band_db)
    frequency_hz, density = welch(audio.astype(float), RATE, nperseg=4096, detrend=False)
    low_hz, centre_hz, high_hz = noise_bands(64)[39:42]
    density_db = 10 * np.log10(density * RATE / 2 + 1e-20)
    peak = np.abs(frequency_hz - centre_hz).argmin()
    assert density_db[peak] == pytest.approx(-20, abs=1.5)
    assert density_db[(frequency_hz < low_hz - 300) | (frequency_hz > high_hz + 300)].max() < -60


def test_level_follows_the_frames():
    band_db = np.full((400, 64), -20.0, np.float32)
    band_db[200:] = -60.0
    audio = filtered_noise(band_db).astype(float)
    rms_db = 20 * np.log10(np.sqrt(np.mean(audio.reshape(400, HOP) ** 2, axis=1)))
    assert np.mean(rms_db[:198]) == pytest.approx(-20, abs=0.3)
    assert np.mean(rms_db[201:]) == pytest.approx(-60, abs=0.3)


@given(st.lists(st.integers(0, 70), min_size=1, max_size=6), st.integers(0, 2**40), st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_give_the_offline_samples(sizes, noise_seed, seed):
    n_frames = sum(sizes)
    band_db = np.random.default_rng(seed).uniform(-90, 0, (n_frames + 1, 8)).astype(np.float32)
    offline = filtered_noise(band_db, seed=noise_seed)[: n_frames * HOP]
    noise, blocks, start = FilteredNoise(8, seed=noise_seed), [], 0
    for size in sizes:
        blocks.append(noise.block(band_db[start : start + size + 1]))
        start += size
    np.testing.assert_allclose(np.concatenate(blocks), offline, atol=1e-5)


def test_seeds_make_other_noise_and_seeking_the_same():
    band_db = np.zeros((20, 8), np.float32)
    one, other = filtered_noise(band_db, seed=1), filtered_noise(band_db, seed=2)
    assert np.abs(np.corrcoef(one, other)[0, 1]) < 0.05
    seeked = FilteredNoise(8, seed=1, first_frame=7).block(band_db[7:])
    np.testing.assert_array_equal(seeked, one[7 * HOP : 19 * HOP])


def test_draws_come_in_no_order():
    spectra = white_spectra(0, 20_000)[:, 5]
    _, counts = np.unique(spectra, return_counts=True)
    assert len(counts) == 1024
    # A chi-squared test of equal use: 1023 degrees of freedom have a standard deviation of 45.
    assert np.sum((counts - 20_000 / 1024) ** 2) / (20_000 / 1024) == pytest.approx(1023, abs=5 * 45)


@given(st.floats(-60, 40), st.integers(0, 2**32 - 1))
def test_decibels_are_gain(gain_db, seed):
    band_db = np.random.default_rng(seed).uniform(-60, 0, (4, 64)).astype(np.float32)
    once = filtered_noise(band_db)
    gain = 10 ** (gain_db / 20)
    np.testing.assert_allclose(filtered_noise(band_db + np.float32(gain_db)), gain * once, atol=1e-4 * gain)


def test_silence_is_silent():
    assert not filtered_noise(np.full((5, 64), -np.inf, np.float32)).any()
    assert FilteredNoise().block(np.zeros((1, 64), np.float32)).shape == (0,)


@pytest.mark.unchecked
def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError, match="64"):
        FilteredNoise().block(np.zeros((3, 63), np.float32))
