"""Sines in one phase throughout, gliding within notes and leaping between them."""

from __future__ import annotations

import numpy as np
import pytest

from violute.synthesis.sines import Oscillator, sines_of

HOP = 64


def test_sines_above_the_limit_are_silent():
    drawn = sines_of(np.full((1, HOP), 0.0), np.full((1, 1), 2000.0, np.float32), 8, 7600.0)[0, 0]
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
