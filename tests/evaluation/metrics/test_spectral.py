"""Spectral distances: the training loss as oracle, known gains, and errors that grow."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import tone

from violute.dsp.spectral import multi_resolution_spectral_loss
from violute.errors import AudioError, ShapeError
from violute.evaluation.metrics import spectral
from violute.evaluation.metrics.spectral import (
    LEVEL_RMS,
    log_spectral_distance_db,
    multi_resolution_distance,
)
from violute.rates import SAMPLE_RATE

FIGURES = [multi_resolution_distance, log_spectral_distance_db]
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(SAMPLE_RATE // 2)


def melody(cents: float = 0.0) -> np.ndarray:
    notes = [
        tone(f0_hz * 2 ** (cents / 1200), 0.2, noise_db=-60.0) * np.hanning(8820) ** 0.3
        for f0_hz in (440.0, 523.25, 659.26, 392.0)
    ]
    return np.concatenate(notes)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("gain", [1.0, 0.01, 3.0])
def test_a_sound_is_no_distance_from_itself_at_any_gain(figure: object, gain: float) -> None:
    assert figure(melody(), gain * melody(), SAMPLE_RATE) == pytest.approx(0.0, abs=1e-4)


def test_the_training_loss_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectral, "TOP_HZ", SAMPLE_RATE / 2)
    source, output = melody(), scipy.signal.lfilter([1.0, 0.6], [1.0], melody(20.0))
    source, output = (LEVEL_RMS * x / np.sqrt(np.mean(x**2)) for x in (source, output))
    ours = multi_resolution_distance(source, output, SAMPLE_RATE)
    theirs = multi_resolution_spectral_loss(
        torch.from_numpy(output[None]), torch.from_numpy(source[None]), sample_rate=SAMPLE_RATE
    )
    assert ours == pytest.approx(float(theirs), rel=0.01)


def test_the_distance_between_two_noises_of_known_spectra() -> None:
    # Exponentially distributed powers differ by 5.57 dB of standard deviation each, independently.
    pair = np.random.default_rng(1).standard_normal((2, SAMPLE_RATE * 2))
    expected = np.sqrt(2.0) * 5.57
    assert log_spectral_distance_db(pair[0], pair[1], SAMPLE_RATE) == pytest.approx(expected, rel=0.02)


def test_a_tilt_of_known_decibels() -> None:
    # Half the band 12 dB down, half of it untouched: after one gain for both, the RMS of two levels.
    spectrum = np.fft.rfft(NOISE)
    frequency_hz = np.fft.rfftfreq(len(NOISE), 1 / SAMPLE_RATE)
    tilted = np.fft.irfft(spectrum * np.where(frequency_hz < 8000.0, 1.0, 10 ** (-12 / 20)), len(NOISE))
    gain_db = -10 * np.log10(np.mean(tilted**2) / np.mean(NOISE**2))
    expected = np.sqrt((gain_db**2 + (gain_db - 12.0) ** 2) / 2)
    assert log_spectral_distance_db(NOISE, tilted, SAMPLE_RATE) == pytest.approx(expected, rel=0.05)


def low_passed(audio: np.ndarray, cutoff_hz: float) -> np.ndarray:
    return scipy.signal.sosfiltfilt(scipy.signal.butter(4, cutoff_hz, fs=SAMPLE_RATE, output="sos"), audio)


WORSE = {
    "detune": [melody(cents) for cents in (0.0, 3.0, 10.0, 30.0)],
    "noise": [melody() + level * np.resize(NOISE, 35280) for level in (0.0, 1e-3, 1e-2, 1e-1)],
    "low-pass": [melody(), *(low_passed(melody(), cutoff_hz) for cutoff_hz in (9000.0, 4000.0, 1500.0))],
    "delay": [np.pad(melody(), (n, 0))[:35280] for n in (0, 200, 800, 3000)],
    "layer": [melody() + share * melody(45.0) for share in (0.0, 0.1, 0.3, 1.0)],
}


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("error", list(WORSE))
def test_a_larger_error_is_further_away(figure: object, error: str) -> None:
    distances = [figure(melody(), output, SAMPLE_RATE) for output in WORSE[error]]
    assert all(better + 1e-3 < worse for better, worse in pairwise(distances)), distances


@pytest.mark.parametrize("figure", FIGURES)
def test_what_lossy_files_lose_counts_for_nothing(figure: object, monkeypatch: pytest.MonkeyPatch) -> None:
    source = melody() + 0.01 * np.resize(NOISE, 35280)
    sharp = scipy.signal.firwin(1023, 17_500.0, fs=SAMPLE_RATE)
    cut = scipy.signal.fftconvolve(source, sharp, mode="same")
    assert figure(source, cut, SAMPLE_RATE) < 0.05
    monkeypatch.setattr(spectral, "TOP_HZ", 22_000.0)
    assert figure(source, cut, SAMPLE_RATE) > 0.2


@settings(max_examples=10)
@given(seed=st.integers(0, 99), n_samples=st.integers(1, 3000))
@pytest.mark.parametrize("figure", FIGURES)
def test_any_two_sounds_have_a_distance(figure: object, seed: int, n_samples: int) -> None:
    pair = np.random.default_rng(seed).standard_normal((2, n_samples))
    distance = figure(pair[0], pair[1], SAMPLE_RATE)
    assert np.isfinite(distance)
    assert distance >= 0.0


@pytest.mark.parametrize("figure", FIGURES)
def test_the_rate_and_the_channels_matter_little(figure: object) -> None:
    source, output = melody(), melody(15.0)
    plain = figure(source, output, SAMPLE_RATE)
    doubled = (np.stack([x, x]) for x in (source, output))
    assert figure(*doubled, SAMPLE_RATE) == pytest.approx(plain)
    slower = [scipy.signal.resample(x, len(x) * 480 // 441) for x in (source, output)]
    assert figure(*slower, 48_000) == pytest.approx(plain, rel=0.1)


@pytest.mark.parametrize("figure", FIGURES)
def test_silence(figure: object) -> None:
    silence = np.zeros(35280)
    assert np.isnan(figure(silence, melody(), SAMPLE_RATE))
    assert np.isnan(figure(silence, silence, SAMPLE_RATE))
    lost = figure(melody(), silence, SAMPLE_RATE)
    assert np.isfinite(lost)
    assert lost > figure(melody(), melody(10.0), SAMPLE_RATE)


@pytest.mark.unchecked
@pytest.mark.parametrize("figure", FIGURES)
def test_errors(figure: object) -> None:
    with pytest.raises(ShapeError, match="sounds of one shape"):
        figure(np.ones(9), np.ones(8), SAMPLE_RATE)
    with pytest.raises(AudioError, match="no samples"):
        figure(np.ones(0), np.ones(0), SAMPLE_RATE)
    with pytest.raises(AudioError, match="not finite"):
        figure(np.ones(2), np.array([1.0, np.inf]), SAMPLE_RATE)
