"""Another pitch at the same length: physics of tones, and any cut into blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from violute.transforms.transposition import transposed

RATE = 16_000


def shifted(sound, semitones, block=4_096):
    pieces = [sound[start : start + block] for start in range(0, len(sound), block)]
    return np.concatenate(list(transposed(pieces, semitones, RATE)))


def harmonics(f0_hz, seconds=1.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(0.2 / k * np.sin(2 * np.pi * k * f0_hz * time + k) for k in (1, 2, 3)).astype(np.float32)


@pytest.mark.parametrize("semitones", [-24.0, -7.0, -0.5, 1.0, 3.7, 12.0])
def test_every_partial_moves_and_keeps_its_level(semitones):
    sound = shifted(harmonics(400.0), semitones)
    middle = sound[RATE // 4 : -RATE // 4] * np.hanning(RATE - 2 * (RATE // 4))
    spectrum = np.abs(np.fft.rfft(middle, 8 * RATE)) / (len(middle) / 4)
    for k in (1, 2, 3):
        wanted_hz = 400.0 * k * 2 ** (semitones / 12)
        at = round(8 * wanted_hz)
        near = spectrum[at - 80 : at + 80]
        assert np.argmax(near) - 80 == pytest.approx(0, abs=3)
        assert near.max() == pytest.approx(0.2 / k, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9_000), st.floats(-24.0, 24.0), st.integers(200, 5_000))
def test_the_length_stays_and_the_cut_into_blocks_tells_nothing(n_samples, semitones, block):
    sound = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    whole = shifted(sound, semitones, n_samples)
    assert abs(len(whole) - n_samples) <= 4
    np.testing.assert_allclose(shifted(sound, semitones, block), whole, atol=1e-5)


def test_a_click_stays_where_it_was():
    sound = np.zeros(RATE, np.float32)
    sound[9_000] = 1.0
    for semitones in (-12.0, 12.0):
        assert abs(int(np.argmax(np.abs(shifted(sound, semitones)))) - 9_000) < 400
