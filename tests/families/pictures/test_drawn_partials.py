"""Partials drawn into a window: at the source's own pitch, nowhere else, and nothing into silence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tones import SAMPLE_RATE, tone

from violute.families.pictures.drawn_partials import DrawnPartials
from violute.transforms.spectrogram import DETAIL, normalise, stft

BIN_HZ = SAMPLE_RATE / DETAIL.n_fft
FULL_SCALE = float(np.log(10.0 ** (-DETAIL.floor_db / 20.0) + 1.0))


def window(audio):
    picture = normalise(np.abs(stft(audio, DETAIL)), DETAIL)[:, 8:40]
    return torch.from_numpy(picture.astype(np.float32))[None]


@pytest.fixture(scope="module")
def partials():
    return DrawnPartials(DETAIL.n_bins, bin_hz=BIN_HZ, full_scale=FULL_SCALE)


@pytest.mark.parametrize("f0_hz", [220.0, 440.0, 987.8, 2093.0])
@pytest.mark.parametrize("db_per_octave", [-6.0, -18.0])
def test_the_pitch_is_found_within_a_few_cents(partials, f0_hz, db_per_octave):
    f0_bins = partials.f0_bins(window(0.3 * tone(f0_hz, 0.6, db_per_octave=db_per_octave)))
    cents = 1200.0 * torch.log2(f0_bins * BIN_HZ / f0_hz)
    assert cents.abs().max() < 12.0


def test_what_is_drawn_are_the_harmonics_that_the_transform_would_show(partials):
    f0_hz = 880.0
    source = window(0.3 * tone(f0_hz, 0.6, db_per_octave=-18.0))
    level, silent = torch.full_like(source, 100.0), torch.full_like(source, -100.0)
    drawn = partials(source, level, silent)[0].mean(dim=1)
    harmonic = torch.arange(DETAIL.n_bins) * BIN_HZ / f0_hz
    apart_bins = (harmonic - harmonic.round().clamp_min(1.0)).abs() * f0_hz / BIN_HZ
    teeth, gaps = drawn[apart_bins < 0.5], drawn[apart_bins > 8.0]
    assert len(teeth) >= 20
    assert teeth.min() > 100.0 * gaps.max()


def test_noise_is_drawn_everywhere_relative_to_the_loudest_bin(partials):
    soft, loud = (window(gain * tone(440.0, 0.6)) for gain in (0.03, 0.3))
    nothing = torch.full_like(soft, -100.0)
    drawn = [partials(source, nothing, torch.zeros_like(source)) for source in (soft, loud)]
    assert drawn[0].std(dim=1).max() < 0.3 * drawn[0].mean()
    assert float(drawn[1].mean() / drawn[0].mean()) == pytest.approx(10.0, rel=0.05)


def test_silence_stays_silent_and_gradients_reach_the_levels(partials):
    level = torch.zeros(1, DETAIL.n_bins, 4, requires_grad=True)
    assert partials(torch.zeros(1, DETAIL.n_bins, 4), level, level).abs().max() == 0.0
    source = window(0.3 * tone(440.0, 0.6))[..., :4]
    partials(source, level, level).sum().backward()
    assert (level.grad.abs() > 0.0).all()
