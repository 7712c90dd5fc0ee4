"""Phases out of nothing: magnitudes stay, sound and magnitudes come to agree."""

import librosa
import numpy as np
import pytest
from tones import tone, vibrato

from violute.transforms.griffin_lim import griffin_lim, sinusoidal_phase, spectral_convergence
from violute.transforms.spectrogram import PRESETS, SpectrogramSettings, istft, stft

COARSE = SpectrogramSettings(sample_rate=44_100, n_fft=2048, hop_length=862)


@pytest.fixture(scope="module", params=PRESETS.values(), ids=PRESETS)
def played(request):
    """Two notes with vibrato and breath, as magnitudes and settings."""
    settings = request.param
    audio = np.concatenate([tone(vibrato(f0_hz, 30, 5, 0.5), noise_db=-50) for f0_hz in (440.0, 660.0)])
    if settings.sample_rate != 44_100:
        audio = librosa.resample(audio, orig_sr=44_100, target_sr=settings.sample_rate)
    return np.abs(stft(audio, settings)), settings


def random_phase(shape):
    return np.exp(2j * np.pi * np.random.default_rng(0).random(shape)).astype(np.complex64)


def test_magnitudes_stay_as_they_are(played):
    magnitude, settings = played
    spectrum = griffin_lim(magnitude, settings, n_iterations=2)
    np.testing.assert_allclose(np.abs(spectrum), magnitude, rtol=1e-4, atol=1e-7)


def test_rounds_bring_sound_and_magnitudes_together(played):
    magnitude, settings = played
    errors = [
        spectral_convergence(magnitude, griffin_lim(magnitude, settings, n_iterations=n), settings)
        for n in (0, 4, 32)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.04


def test_the_start_is_worth_more_than_chance(played):
    magnitude, settings = played
    random = random_phase(magnitude.shape)
    assert spectral_convergence(magnitude, griffin_lim(magnitude, settings, n_iterations=0), settings) < 0.4
    assert (
        spectral_convergence(
            magnitude, griffin_lim(magnitude, settings, start=random, n_iterations=0), settings
        )
        > 0.4
    )


def test_the_fast_variant_beats_librosa_with_as_many_rounds(played):
    magnitude, settings = played
    scale = librosa.filters.get_window("hann", settings.n_fft).sum() / 2
    audio = librosa.griffinlim(
        magnitude * scale, n_iter=16, hop_length=settings.hop_length, random_state=0, pad_mode="constant"
    )
    theirs = np.abs(stft(audio, settings, n_frames=magnitude.shape[1]))
    ours = griffin_lim(magnitude, settings, n_iterations=16)
    assert spectral_convergence(magnitude, ours, settings) < 0.5 * np.linalg.norm(
        theirs - magnitude
    ) / np.linalg.norm(magnitude)


def test_the_true_phases_stay_as_they_are(played):
    magnitude, settings = played
    audio = istft(griffin_lim(magnitude, settings), settings)
    true = stft(audio, settings)
    again = griffin_lim(np.abs(true), settings, start=true, n_iterations=8)
    assert spectral_convergence(np.abs(true), again, settings) < 1e-4


def test_a_steady_sinusoid_runs_on_with_its_own_phase():
    frequency_hz = 1234.5
    t = np.arange(44_100) / 44_100
    true = stft(np.cos(2 * np.pi * frequency_hz * t), COARSE)
    ours = sinusoidal_phase(np.abs(true), COARSE)
    peak = int(np.abs(true[:, 20]).argmax())
    # How far the phases of the two drift apart from frame to frame, in the middle of the sound.
    drift = np.diff(np.unwrap(np.angle(ours[peak, 5:45] / true[peak, 5:45])))
    assert np.abs(drift).max() < 0.3
    # The bins beside the peak are in step with it as the window wants.
    beside = np.angle(ours[peak + 1, 20] / ours[peak, 20]) - np.angle(true[peak + 1, 20] / true[peak, 20])
    assert np.cos(beside) > 0.99


def test_silence_stays_silent():
    magnitude = np.zeros((1025, 5), np.float32)
    spectrum = griffin_lim(magnitude, COARSE, n_iterations=2)
    assert not spectrum.any()
    assert spectral_convergence(magnitude, spectrum, COARSE) == 0
