"""A change that is smooth in frequency moves no pitch, leaves silence silent and has no checkerboard."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone

from violute.errors import ShapeError
from violute.families.pictures.retouching import (
    LARGEST_GAIN,
    Ear,
    RetouchConfig,
    RetouchEncoder,
    Retoucher,
)
from violute.transforms.spectrogram import DETAIL, denormalise, istft, normalise, stft, with_phase

CONFIG = RetouchConfig()
TINY = RetouchConfig(n_bins=64, n_frames=8, bin_hz=100.0, n_rows=32, n_heard_bins=60, channels=(2, 2, 2))


def retoucher(config, *, scale=1.0, seed=0):
    """One that has learned something, of random weights."""
    torch.manual_seed(seed)
    made = Retoucher(config, config.channels[-1])
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return made


def features(config, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, config.channels[-1], *config.grid, generator=generator)


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("resolution", ["smooth", "full"])
def test_untrained_it_changes_next_to_nothing(resolution):
    config = RetouchConfig(**{**vars(TINY), "resolution": resolution})
    windows = torch.rand(2, 64, 8)
    with torch.no_grad():
        made = Retoucher(config, 2)(windows, torch.randn(2, 2, *config.grid))
    assert 0.0 < (made - windows).abs().mean() < 0.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10.0))
def test_silence_stays_silent_and_nothing_leaves_the_scale(seed, scale):
    change = retoucher(TINY, scale=scale, seed=seed)
    windows = torch.rand(1, 64, 8, generator=torch.Generator().manual_seed(seed))
    windows[:, :, 3] = 0.0
    made = change(windows, features(TINY, seed))
    assert made.min() >= 0.0
    assert made.max() <= 1.0
    assert torch.equal(made[:, :, 3], torch.zeros(1, 64))


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 1760.0])
def test_partials_stay_where_they_are(f0_hz):
    """Played with the source's phases, each loud partial is found within 5 cents of where it was."""
    audio = tone(f0_hz, 1.6, db_per_octave=-6.0)
    audio = (0.05 * audio / np.abs(audio).max()).astype(np.float32)
    assert DETAIL.sample_rate == SAMPLE_RATE
    spectrum = stft(audio, DETAIL)[:, :128]
    picture = normalise(np.abs(spectrum), DETAIL)
    with torch.no_grad():
        made = retoucher(CONFIG, scale=0.02)(torch.from_numpy(picture)[None], features(CONFIG))[0].numpy()
    louder = picture > 0.3
    assert np.abs(made - picture)[louder].max() > 0.1, "a change of less than 8 dB would prove little"
    played = istft(with_phase(denormalise(made, DETAIL), spectrum), DETAIL)
    for k in (1, 2, 3, 4):
        assert abs(1200.0 * np.log2(_partial_hz(played, k * f0_hz) / (k * f0_hz))) < 5.0


def _partial_hz(audio, near_hz):
    """The strongest frequency within half a semitone, by a Fourier transform of half a second."""
    inside = audio[12_000:34_000]
    n_fft = 1 << 20
    magnitude = np.abs(np.fft.rfft(inside * np.hanning(len(inside)), n_fft))
    start, stop = (round(near_hz * share * n_fft / SAMPLE_RATE) for share in (0.97, 1.03))
    return (start + int(np.argmax(magnitude[start:stop]))) * SAMPLE_RATE / n_fft


def test_there_is_no_checkerboard():
    """Spread over bins and frames, a random grid has no step larger than its nodes' over their distance."""
    change = retoucher(CONFIG)
    grid = torch.rand(1, 1, *CONFIG.grid)
    spread = change.spread(grid)[0, 0]
    steps = spread.diff(dim=1).abs().max()
    assert steps <= grid.diff(dim=3).abs().max() / 4 + 1e-6
    assert spread.diff(dim=0).abs().max() <= grid.diff(dim=2).abs().max() / 3


def test_a_level_grid_is_a_gain_and_nothing_else():
    change = retoucher(CONFIG, scale=0.0)
    with torch.no_grad():
        change.head.bias[0] = 0.2
    magnitude = np.full((1025, 128), 0.01, np.float32)
    picture = torch.from_numpy(normalise(magnitude, DETAIL))[None]
    made = denormalise(change(picture, torch.zeros(1, 32, *CONFIG.grid))[0].detach().numpy(), DETAIL)
    wanted = 0.01 * np.exp(np.log1p(1e4) * LARGEST_GAIN * np.tanh(0.2))
    assert made[:1024] == pytest.approx(wanted, rel=1e-3)


def test_rows_are_means_and_hear_nothing_above_what_recordings_hold():
    ear = Ear(CONFIG)
    assert torch.allclose(ear(torch.full((1, 1024, 128), 0.4)), torch.tensor(0.4), atol=1e-5)
    above = torch.zeros(1, 1024, 128)
    above[:, CONFIG.n_heard_bins :] = 1.0
    assert ear(above).abs().max() == 0.0


def test_the_level_reaches_the_change():
    """Normalisation must not hide from the network how loud a window is."""
    torch.manual_seed(0)
    encoder, ear = RetouchEncoder(TINY, 2), Ear(TINY)
    windows = torch.rand(1, 64, 8)
    with torch.no_grad():
        soft, loud = (encoder(ear(gain * windows)).mean() for gain in (0.3, 1.0))
    assert abs(float(loud - soft)) > 0.01


@pytest.mark.parametrize(
    "changed", [{"n_rows": 30}, {"n_frames": 10}, {"n_heard_bins": 65}, {"n_heard_bins": 1}]
)
def test_sizes_that_do_not_fit_are_refused(changed):
    with pytest.raises(ShapeError, match="give"):
        RetouchConfig(**{**vars(TINY), **changed})
