"""The torch `filtered_noise` against its NumPy twin and at silence."""

import numpy as np
import pytest
import torch

from violute.dsp.noise import filtered_noise, white_spectra
from violute.synthesis import noise as numpy_noise

RATE, HOP = 44_100, 441


@pytest.mark.parametrize("n_bands", [8, 64])
def test_agrees_with_numpy_over_seconds(n_bands):
    band_db = np.random.default_rng(n_bands).uniform(-90, -10, (2, 500, n_bands)).astype(np.float32)
    draws = torch.from_numpy(np.stack([numpy_noise.white_spectra(0, 501, seed=seed) for seed in (5, 6)]))
    twin = filtered_noise(torch.from_numpy(band_db).transpose(1, 2), draws, sample_rate=RATE, hop_length=HOP)
    for i, seed in enumerate((5, 6)):
        reference = numpy_noise.filtered_noise(band_db[i], seed=seed)
        error = np.mean((twin[i].numpy() - reference) ** 2) / np.mean(reference**2)
        assert 10 * np.log10(error) < -80


def test_white_spectra_have_rms_one_and_repeat():
    draws = white_spectra(4, 50, generator=torch.Generator().manual_seed(1))
    again = white_spectra(4, 50, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(draws, again, rtol=0, atol=0)
    audio = filtered_noise(torch.zeros(4, 64, 49), draws, sample_rate=RATE, hop_length=HOP)
    assert audio.shape == (4, 49 * HOP)
    assert audio.std().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("level_db", [-float("inf"), -1000.0, -120.0, 0.0])
def test_gradients_are_finite_also_at_silence(level_db):
    band_db = torch.full((1, 64, 6), level_db, requires_grad=True)
    audio = filtered_noise(band_db, white_spectra(1, 7), sample_rate=RATE, hop_length=HOP)
    audio.square().mean().backward()
    assert band_db.grad.isfinite().all()
    assert audio.detach().square().mean().sqrt().item() <= max(2e-10, 1.3 * 10 ** (level_db / 20))


def test_gradients_are_those_of_finite_differences():
    draws = torch.fft.rfft(
        torch.randn(1, 4, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    )
    band_db = torch.linspace(-30, 10, 15, dtype=torch.float64).reshape(1, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda levels: filtered_noise(levels, draws, sample_rate=RATE, hop_length=20), (band_db,)
    )
