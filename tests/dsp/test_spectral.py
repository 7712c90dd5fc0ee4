"""`multi_resolution_spectral_loss`: zero for equal sounds, rising with every kind of difference."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import butter, sosfilt, stft

from violute.dsp.spectral import multi_resolution_spectral_loss, power_spectrum

RATE = 44_100


def noise(batch=2, n_samples=8000, seed=0):
    return torch.randn(batch, n_samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def loss(audio, target, **settings):
    return multi_resolution_spectral_loss(audio, target, sample_rate=RATE, **settings).item()


def low_passed(audio, cut_hz):
    return torch.from_numpy(
        sosfilt(butter(12, cut_hz, fs=RATE, output="sos"), audio.double().numpy())
    ).float()


@pytest.mark.parametrize("n_fft", [64, 512, 2048])
def test_magnitudes_are_those_of_scipy(n_fft):
    audio = noise(1)
    _, _, expected = stft(audio[0].double().numpy(), window="hann", nperseg=n_fft, noverlap=n_fft * 3 // 4)
    ours = power_spectrum(audio, n_fft=n_fft)[0].sqrt().numpy()
    n_frames = min(expected.shape[1], ours.shape[1]) - 4
    np.testing.assert_allclose(ours[:, :n_frames], 2 * np.abs(expected[:, :n_frames]), atol=1e-6)


@pytest.mark.parametrize("n_fft", [64, 512, 2048])
def test_a_sine_of_amplitude_one_reads_one(n_fft):
    frequency_hz = RATE / n_fft * (n_fft // 8)
    sine = torch.sin(2 * torch.pi * frequency_hz * torch.arange(8000, dtype=torch.float64) / RATE)[None]
    frames = power_spectrum(sine, n_fft=n_fft)
    assert frames[0, n_fft // 8, frames.shape[2] // 2].item() == pytest.approx(1, abs=1e-3)


@given(st.integers(0, 1000), st.floats(1e-4, 10))
def test_equal_sounds_cost_nothing(seed, level):
    audio = noise(1, 3000, seed) * level
    assert abs(loss(audio, audio.clone())) < 1e-5


def test_silence_against_silence_costs_nothing():
    assert abs(loss(torch.zeros(1, 3000), torch.zeros(1, 3000))) < 1e-5


def test_grows_with_level_noise_and_low_pass():
    target = noise()
    for worse in (
        [target * gain for gain in (0.9, 0.5, 0.1, 0.0)],
        [target + share * noise(seed=1) for share in (0.01, 0.1, 1.0)],
        [low_passed(target, cut_hz) for cut_hz in (18_000, 12_000, 6000, 1000)],
    ):
        losses = [0.0] + [loss(audio, target) for audio in worse]
        assert np.all(np.diff(losses) > 0.01)


def test_a_gain_costs_its_share_and_its_logarithm():
    target = noise()
    expected = 0.5 + np.log(2)
    assert loss(0.5 * target, target) == pytest.approx(expected, rel=0.01)


def test_nothing_above_the_limit_counts():
    target = low_passed(noise(), 8000)
    bright = noise()
    assert loss(bright, target) > 1.0
    limit = torch.full((2,), 5000.0)
    assert loss(bright, target, max_hz=limit, n_ffts=(2048, 1024)) < 0.25 * loss(
        bright, target, n_ffts=(2048, 1024)
    )
    # The limit is each item's own: the dull target asks for less at 15 kHz only where that counts.
    bright.requires_grad_()
    limits = torch.tensor([22_050.0, 5000.0])
    multi_resolution_spectral_loss(bright, target, sample_rate=RATE, n_ffts=(1024,), max_hz=limits).backward()
    slope = torch.fft.rfft(bright.grad[:, 2000:6000] * torch.hann_window(4000)).abs()
    top = slice(int(10_000 / RATE * 4000), int(20_000 / RATE * 4000))
    assert slope[1, top].max() < 1e-3 * slope[0, top].max()


@pytest.mark.parametrize("silent", ["audio", "target", "both"])
def test_gradients_are_finite_at_silence(silent):
    audio = (torch.zeros(1, 3000) if silent != "target" else noise(1, 3000)).requires_grad_()
    target = torch.zeros(1, 3000) if silent != "audio" else noise(1, 3000)
    multi_resolution_spectral_loss(audio, target, sample_rate=RATE).backward()
    assert audio.grad.isfinite().all()


def test_gradient_steps_lower_it():
    target, audio = noise(1), noise(1, seed=1).requires_grad_()
    before = multi_resolution_spectral_loss(audio, target, sample_rate=RATE)
    before.backward()
    with torch.no_grad():
        after = loss(audio - 1e-3 * audio.grad / audio.grad.abs().max(), target)
    assert after < before.item()
