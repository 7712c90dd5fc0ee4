"""The filter bank gives back what it was given, later, and each band hears its own frequencies alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from violute.dsp import pqmf
from violute.dsp.causal import fold, set_streaming, unfold
from violute.dsp.pqmf_sizes import N_BANDS, delay_samples

RATE = 44_100


def analysed(audio, weights):
    """Split (batch, sample) into (batch, band, frame), all at once."""
    folded = fold(audio.unsqueeze(1), weights.shape[1])
    return functional.conv1d(functional.pad(folded, (weights.shape[2] - 1, 0)), weights)


def synthesised(bands, weights):
    """Put (batch, band, frame) together as (batch, sample), all at once."""
    folded = functional.conv1d(functional.pad(bands, (weights.shape[2] - 1, 0)), weights)
    return unfold(folded, weights.shape[0]).squeeze(1)


def noise(n_samples, seed=0):
    return torch.randn(1, n_samples, generator=torch.Generator().manual_seed(seed))


def through(audio):
    return synthesised(analysed(audio, pqmf.analysis_weights()), pqmf.synthesis_weights())


def snr_db(wanted, made):
    return float(10.0 * torch.log10(wanted.square().sum() / (made - wanted).square().sum()))


def test_reconstruction_is_better_than_70_db_after_the_delay_that_is_stated():
    audio, delay = noise(16 * 1000), delay_samples()
    made = through(audio)
    assert snr_db(audio[:, :-delay], made[:, delay:]) > 70.0
    worse = [snr_db(audio[:, :-d], made[:, d:]) for d in (delay - 1, delay + 1)]
    assert max(worse) < 5.0


@pytest.mark.parametrize("f0_hz", [100.0, 700.0, 1400.0, 5000.0, 13_000.0, 21_000.0])
def test_a_sine_keeps_its_amplitude_and_stays_within_its_band_and_the_next(f0_hz):
    audio = torch.sin(2 * np.pi * f0_hz * torch.arange(16 * 800, dtype=torch.float64) / RATE).float()[None]
    levels = analysed(audio, pqmf.analysis_weights())[0, :, 200:].square().mean(dim=1)
    assert float(levels.sum()) == pytest.approx(0.5, rel=0.02)
    own = int(f0_hz / (RATE / 2 / N_BANDS))
    far = torch.tensor([band for band in range(N_BANDS) if abs(band - own) > 1])
    assert float(levels[far].max()) < 10 ** (-60 / 10)


def test_the_prototype_is_symmetric_and_leaves_other_bands_out():
    taps = pqmf.prototype()
    torch.testing.assert_close(taps, taps.flip(0))
    response = torch.fft.rfft(taps, 1 << 16).abs()
    outside = response[(1 << 15) // N_BANDS :]
    assert float(20 * torch.log10(outside.max())) < -65.0
    assert float(response[0]) == pytest.approx(1.0, abs=1e-4)


def test_analysis_is_causal_and_hears_what_the_conventions_say():
    audio = noise(16 * 40)
    changed = audio.clone()
    changed[:, 16 * 20] += 1.0
    bands, other = (analysed(one, pqmf.analysis_weights()) for one in (audio, changed))
    assert torch.equal(bands[:, :, :20], other[:, :, :20])
    assert not torch.equal(bands[:, :, 20], other[:, :, 20])


@given(st.lists(st.sampled_from([16, 32, 128, 160, 1024]), min_size=1, max_size=12), st.integers(0, 99))
def test_the_streaming_twin_equals_the_functions_for_any_blocks(sizes, seed):
    audio = noise(sum(sizes), seed)
    analysis, synthesis = pqmf.PqmfAnalysis(), pqmf.PqmfSynthesis()
    for part in (analysis, synthesis):
        set_streaming(part, on=True)
    made = torch.cat([synthesis(analysis(block)) for block in audio.split(sizes, dim=1)], dim=1)
    torch.testing.assert_close(made, through(audio), atol=1e-5, rtol=0.0)


def test_gradients_reach_the_audio_and_no_weight_is_a_parameter():
    audio = noise(16 * 30).requires_grad_()
    analysis = pqmf.PqmfAnalysis()
    analysis(audio).square().sum().backward()
    assert audio.grad is not None
    assert float(audio.grad.abs().min()) > 0.0
    assert list(analysis.parameters()) == []
    assert analysis.state_dict() == {}


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6))
def test_unfold_undoes_fold(channels, factor, n_folded):
    x = torch.arange(channels * factor * n_folded, dtype=torch.float32).reshape(1, channels, -1)
    folded = fold(x, factor)
    assert folded.shape == (1, channels * factor, n_folded)
    assert torch.equal(folded[0, 0], x[0, 0, ::factor])
    assert torch.equal(unfold(folded, factor), x)
