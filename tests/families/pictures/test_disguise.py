"""Disguises change colour, band, room and noise as said, and no disguise changes nothing."""

import numpy as np
import torch

from violute.families.pictures.corpus import partials_of
from violute.families.pictures.disguise import Disguises, disguised, drawn_disguises
from violute.transforms.spectrogram import DETAIL


def windows(n=2, level=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return level * torch.rand(n, DETAIL.n_bins, DETAIL.n_frames, generator=generator)


def none(n=2, **changes):
    plain = {
        "filter_db": np.zeros((n, DETAIL.n_bins), np.float32),
        "overtone_db": np.full((n, DETAIL.n_bins), -np.inf, np.float32),
        "room_seconds": np.ones(n, np.float32),
        "room_gain": np.zeros(n, np.float32),
        "hiss_gain": np.zeros(n, np.float32),
    }
    return Disguises(0, **{name: torch.from_numpy(v) for name, v in {**plain, **changes}.items()})


def level_db(picture):
    return 20.0 * torch.log10(torch.expm1(DETAIL.log_range * picture) + 1e-9)


def test_no_disguise_is_none():
    torch.testing.assert_close(disguised(windows(), None, none(), DETAIL), windows(), atol=1e-5, rtol=0)


def test_a_filter_is_a_gain_on_every_bin():
    filter_db = np.linspace(-20.0, 6.0, 2 * DETAIL.n_bins, dtype=np.float32).reshape(2, -1)
    heard = disguised(windows(), None, none(filter_db=filter_db), DETAIL)
    gained = level_db(heard) - level_db(windows())
    is_loud = windows() > 0.2
    expected = torch.from_numpy(filter_db)[:, :, None].expand_as(gained)
    torch.testing.assert_close(gained[is_loud], expected[is_loud], atol=0.05, rtol=0)


def test_overtones_are_added_where_the_harmonics_lie_and_nowhere_else():
    lobes = partials_of(torch.full((2, DETAIL.n_frames), 500.0), DETAIL)
    picture = torch.zeros_like(lobes)
    picture[:, 23] = 0.8  # only the fundamental sounds
    overtones = none(overtone_db=np.full((2, DETAIL.n_bins), -20.0, np.float32))
    heard = disguised(picture, lobes, overtones, DETAIL)
    at = round(10 * 500.0 * DETAIL.n_fft / DETAIL.sample_rate)
    assert abs(float(level_db(heard)[0, at, 5] - level_db(picture)[0, 23, 5]) + 20.0) < 1.0
    assert float(heard[0, at - 11, 5]) < 1e-3


def test_a_room_rings_on_by_60_db_in_its_reverberation_time():
    picture = torch.zeros(1, DETAIL.n_bins, DETAIL.n_frames)
    picture[:, :, 4] = 1.0
    room = none(1, room_gain=np.ones(1, np.float32), room_seconds=np.full(1, 0.5, np.float32))
    tail_db = level_db(disguised(picture, None, room, DETAIL))[0, 100]
    frames = 0.25 * DETAIL.sample_rate / DETAIL.hop_length
    assert abs(float(tail_db[10] - tail_db[10 + round(frames)]) - 30.0) < 1.5
    assert float(tail_db[3]) < -60.0


def test_hiss_has_the_power_that_it_was_given_and_repeats_itself():
    hiss = none(hiss_gain=np.full(2, 0.1, np.float32))
    heard, again = (disguised(windows(), None, hiss, DETAIL) for _ in range(2))
    assert torch.equal(heard, again)
    before, after = (torch.expm1(DETAIL.log_range * one).square().mean() for one in (windows(), heard))
    assert abs(float(after / before) - 1.01) < 2e-3


def test_silence_stays_silent_whatever_is_drawn_but_hiss():
    drawn = drawn_disguises(16, DETAIL, np.random.default_rng(0))
    assert (drawn.filter_db.std(dim=1) > 1.0).sum() > 10
    silent = torch.zeros(16, DETAIL.n_bins, DETAIL.n_frames)
    assert float(disguised(silent, None, drawn, DETAIL).abs().max()) == 0.0
