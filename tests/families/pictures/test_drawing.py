"""What is drawn: harmonics of the given pitch, noise, the given loudness, and nothing of the source."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import tone

from violute.errors import ShapeError
from violute.families.pictures.config import DrawingConfig
from violute.families.pictures.corpus import harmonic_lobes
from violute.families.pictures.drawing import Drawer, DrawingEncoder, Generator
from violute.families.pictures.rows import Ear, Loudness
from violute.transforms.spectrogram import DETAIL, normalise, stft

CONFIG = DrawingConfig()
TINY = DrawingConfig(n_bins=64, n_frames=8, bin_hz=100.0, n_rows=32, n_heard_bins=60, channels=(2, 2, 2))


def drawer(config, *, scale=1.0, seed=0):
    """One that has learned something, of random weights."""
    torch.manual_seed(seed)
    made = Drawer(config, config.channels[-1])
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(scale * torch.randn_like(parameter))
    return made


def features(config, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, config.channels[-1], *config.grid, generator=generator)


def lobes(f0_hz, config):
    frames = torch.full((1, 1, config.n_frames), f0_hz)
    return harmonic_lobes(frames / config.bin_hz, config.n_bins)


def window(f0_hz, db_per_octave=-6.0):
    audio = tone(f0_hz, 1.6, db_per_octave=db_per_octave)
    audio = (0.3 * audio / np.abs(audio).max()).astype(np.float32)
    return torch.from_numpy(normalise(np.abs(stft(audio, DETAIL))[:, 2:130], DETAIL))[None]


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        yield


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10.0))
def test_silence_stays_silent_and_nothing_leaves_the_scale(seed, scale):
    change = drawer(TINY, scale=scale, seed=seed)
    windows = torch.rand(1, 64, 8, generator=torch.Generator().manual_seed(seed))
    windows[:, :, 3] = 0.0
    power = Loudness(TINY)(windows)
    made = change(windows, lobes(440.0, TINY), power, features(TINY, seed), is_grained=True)
    for drawn in made:
        assert drawn.min() >= 0.0
        assert drawn.max() <= 1.0
        assert torch.equal(drawn[:, :, 3], torch.zeros(1, 64))


@pytest.mark.parametrize("f0_hz", [196.0, 880.0, 2093.0])
def test_every_frame_is_as_loud_as_it_is_told(f0_hz):
    source = window(f0_hz)
    loudness = Loudness(CONFIG)
    told = loudness(source) * torch.linspace(0.01, 1.0, CONFIG.n_frames)
    with torch.no_grad():
        made = drawer(CONFIG, scale=0.05)(source, lobes(f0_hz, CONFIG), told, features(CONFIG))
    level_db = 10.0 * torch.log10(loudness(made.spectrogram) / told)
    assert level_db.abs().max() < 0.1


@pytest.mark.parametrize("f0_hz", [220.0, 987.8])
def test_harmonics_are_drawn_up_to_the_top_even_of_a_source_that_has_none(f0_hz):
    dull = window(f0_hz, db_per_octave=-60.0)
    with torch.no_grad():
        made = Drawer(CONFIG, 32)(dull, lobes(f0_hz, CONFIG), Loudness(CONFIG)(dull), 0.1 * features(CONFIG))
    drawn = made.spectrogram[0].mean(dim=1)
    harmonic = torch.arange(CONFIG.n_bins) * CONFIG.bin_hz / f0_hz
    apart_bins = (harmonic - harmonic.round().clamp_min(1.0)).abs() * f0_hz / CONFIG.bin_hz
    top = torch.arange(CONFIG.n_bins) > CONFIG.n_bins // 2
    teeth, gaps = drawn[top & (apart_bins < 0.3)], drawn[top & (apart_bins > 3.0)]
    assert len(teeth) >= 5
    assert teeth.mean() > gaps.mean() + 0.02


def test_of_a_source_with_a_pitch_nothing_is_left_and_without_one_it_is_filtered():
    change, given = drawer(TINY, scale=0.3), features(TINY)
    one, other = torch.rand(2, 1, 64, 8)
    power = Loudness(TINY)(one)
    voiced, unvoiced = lobes(440.0, TINY).clamp_min(0.0), torch.zeros(1, 64, 8)
    voiced[:, 8] = 1.0  # a lobe's middle, in every frame
    with torch.no_grad():
        drawn = [change(x, voiced, power, given).spectrogram for x in (one, other)]
        left = [change(x, unvoiced, power, given).spectrogram for x in (one, other)]
    assert torch.allclose(*drawn, atol=1e-6)
    assert (left[0] - left[1]).abs().mean() > 0.01


def test_grained_noise_has_the_mean_of_the_smooth_one_and_the_spread_of_a_transform():
    change = drawer(CONFIG, scale=0.0)
    power = torch.full((1, 1, CONFIG.n_frames), 1e6)
    silent = torch.zeros(1, CONFIG.n_bins, CONFIG.n_frames)
    with torch.no_grad():
        smooth, grained = change(silent, silent, power, features(CONFIG), is_grained=True)
    full = CONFIG.full_scale
    share = torch.expm1(full * grained) / torch.expm1(full * smooth)
    assert float(share.mean()) == pytest.approx(1.0, abs=0.02)
    # A magnitude of Gaussian noise is Rayleigh distributed: its deviation is 0.523 of its mean.
    assert float(share.std()) == pytest.approx(0.523, abs=0.03)


def test_there_is_no_checkerboard():
    """Spread over bins and frames, a random grid has no step larger than its nodes' over their distance."""
    change = drawer(CONFIG)
    grid = torch.rand(1, 1, *CONFIG.grid)
    spread = change.spread(grid)[0, 0]
    assert spread.diff(dim=1).abs().max() <= grid.diff(dim=3).abs().max() / 4 + 1e-6
    assert spread.diff(dim=0).abs().max() <= grid.diff(dim=2).abs().max() / 3


def test_rows_are_means_and_hear_nothing_above_what_recordings_hold():
    ear = Ear(CONFIG)
    assert torch.allclose(ear(torch.full((1, 1024, 128), 0.4)), torch.tensor(0.4), atol=1e-5)
    above = torch.zeros(1, 1024, 128)
    above[:, CONFIG.n_heard_bins :] = 1.0
    assert ear(above).abs().max() == 0.0


def test_a_gain_on_what_is_heard_says_nothing_and_the_told_loudness_something():
    torch.manual_seed(0)
    encoder, loudness = DrawingEncoder(CONFIG), Loudness(CONFIG)
    magnitude = torch.exp(3.0 + 2.0 * torch.rand(1, 1024, 128))
    soft, loud = (torch.log1p(gain * magnitude) / CONFIG.full_scale for gain in (1.0, 4.0))
    where = lobes(440.0, CONFIG)
    with torch.no_grad():
        told = encoder(soft, where, loudness(soft))
        assert (encoder(loud, where, loudness(soft)) - told).abs().max() < 0.01 * told.abs().max()
        assert (encoder(loud, where, loudness(loud)) - told).abs().max() > 0.05 * told.abs().max()


def test_without_a_told_loudness_it_is_that_of_what_is_heard():
    torch.manual_seed(0)
    generator = Generator(TINY)
    heard, where = torch.rand(1, 64, 8), lobes(440.0, TINY)
    with torch.no_grad():
        told = generator(heard, where, power=Loudness(TINY)(heard)).spectrogram
        assert torch.equal(generator(heard, where).spectrogram, told)


@pytest.mark.parametrize(
    "changed", [{"n_rows": 30}, {"n_frames": 10}, {"n_heard_bins": 65}, {"n_heard_bins": 1}]
)
def test_sizes_that_do_not_fit_are_refused(changed):
    with pytest.raises(ShapeError, match="give"):
        DrawingConfig(**{**vars(TINY), **changed})
