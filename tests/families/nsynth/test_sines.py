"""The sines that hold the pitch: in training in the recording's phase, in a voice in one phase throughout."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
import tones
import torch
from tones import tone

from violute.families.nsynth.data import TRACK_RATE_HZ, Wave, cycles_played, draw_crops
from violute.families.nsynth.network import SAMPLE_RATE
from violute.families.nsynth.network import sines_of as torch_sines_of
from violute.families.nsynth.sines import Oscillator, sines_of

HOP = 64


def test_the_twins_agree():
    rng = np.random.default_rng(0)
    f0_hz = rng.uniform(200.0, 3000.0, (2, 5)).astype(np.float32)
    cycles = rng.random((2, 5 * HOP))
    ours = sines_of(cycles, f0_hz, 8)
    given = (torch.from_numpy(cycles).float(), torch.from_numpy(f0_hz), 8)
    assert np.allclose(ours, torch_sines_of(*given).numpy().transpose(0, 2, 1), atol=2e-4)


def test_sines_above_the_limit_are_silent():
    drawn = sines_of(np.full((1, HOP), 0.0), np.full((1, 1), 2000.0, np.float32), 8)[0, 0]
    assert np.allclose(drawn[:4], [1.0, 1.0, 1.0, 0.0]), "cosines of 2, 4, 6 and 8 kHz"


def test_an_oscillator_plays_its_fundamental_and_glides_between_near_ones():
    rate = 16_000
    seconds = np.arange(300) * HOP / rate
    wanted_hz = 440.0 * 2.0 ** (np.sin(2.0 * np.pi * 5.0 * seconds) / 24.0)
    oscillator = Oscillator(wanted_hz.astype(np.float32), HOP, rate)
    cycles = np.unwrap(oscillator.cycles(np.arange(300)[None])[0], period=1.0)
    middles = cycles[HOP // 2 :: HOP]
    assert np.allclose(np.diff(middles) * rate / HOP, 0.5 * (wanted_hz[1:] + wanted_hz[:-1]), rtol=1e-3)
    assert np.diff(cycles).max() < 1.001 * wanted_hz.max() / rate, "nowhere a jump, also between frames"


def test_segments_and_what_lies_outside_are_in_one_phase():
    f0_hz = np.random.default_rng(1).uniform(200.0, 900.0, 40).astype(np.float32)
    oscillator = Oscillator(f0_hz, HOP, 16_000)
    whole = oscillator.cycles(np.arange(-4, 44)[None])[0]
    pieces = oscillator.cycles(np.arange(-4, 44).reshape(6, 8))
    assert np.array_equal(pieces.ravel(), whole)
    steps = np.diff(np.unwrap(whole, period=1.0)) * 16_000
    assert steps[: 4 * HOP] == pytest.approx(float(f0_hz[0]), rel=1e-4), "the first note goes on before it"
    assert steps[-4 * HOP :] == pytest.approx(float(f0_hz[-1]), rel=1e-4)
    assert steps.max() < 901.0
    assert steps.min() > 199.0, "between notes of different pitch nothing glides"


def test_two_notes_have_no_glide_between():
    oscillator = Oscillator(np.array([220.0, 440.0], np.float32), HOP, 16_000)
    steps = np.diff(np.unwrap(oscillator.cycles(np.arange(2)[None])[0], period=1.0)) * 16_000
    assert np.allclose(steps[: HOP - 2], 220.0)
    assert np.allclose(steps[HOP:], 440.0)


def test_cycles_played_follow_the_recording_where_the_tracker_errs():
    rate = SAMPLE_RATE
    t = np.arange(rate) / rate
    audio = 0.5 * np.cos(2.0 * np.pi * 440.0 * t + 1.0) + 0.3 * np.cos(2.0 * np.pi * 880.0 * t + 2.0)
    cycles = cycles_played(audio.astype(np.float32), np.full(100, 437.0, np.float32))
    wanted = 440.0 * np.arange(100) / TRACK_RATE_HZ + 1.0 / (2.0 * np.pi)
    off = (cycles - wanted + 0.5) % 1.0 - 0.5
    assert np.abs(off[3:-3]).max() < 0.002


def test_crops_keep_the_phase_when_they_are_transposed():
    f0_hz = np.full(100, 330.0, np.float32)
    pure = tone(330.0, 1.0, db_per_octave=-90.0)
    audio = soxr.resample(pure, tones.SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
    wave = Wave("a", "a", 0, audio, f0_hz, np.ones(100, bool), cycles_played(audio, f0_hz))
    crops = draw_crops([wave], 40, 6, np.random.default_rng(2), hop_length=HOP, augment=True)
    inside = slice(4 * HOP, -4 * HOP)
    for played, cycles in zip(crops.audio.numpy(), crops.cycles.numpy(), strict=True):
        sine = np.cos(2.0 * np.pi * cycles)
        assert np.corrcoef(played[inside], sine[inside])[0, 1] > 0.999
    assert len({float(f0) for f0 in crops.f0_hz[:, 0]}) == 6, "each crop has a transposition of its own"
