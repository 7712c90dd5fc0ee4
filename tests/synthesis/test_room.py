"""`Room` against direct convolution, Schroeder's integration and the laws of streams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, fftconvolve, sosfiltfilt

from violute.synthesis.room import Room, decay_seconds, room, room_response, rt60_seconds

RATE, HOP = 44_100, 441


def measured_rt60_seconds(response, low_hz, high_hz):
    """Schroeder's backward integral of one band, its slope taken from -5 to -25 dB."""
    band = sosfiltfilt(
        butter(4, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"), response.astype(float)
    )
    energy = np.cumsum(band[::-1] ** 2)[::-1]
    level_db = 10 * np.log10(energy / energy[0] + 1e-12)
    stretch = slice(np.argmax(level_db < -5), np.argmax(level_db < -25))
    return -60 / np.polyfit(np.arange(len(level_db))[stretch] / RATE, level_db[stretch], 1)[0]


@pytest.mark.parametrize("size", [0.3, 0.6, 1.0])
def test_decay_is_what_the_dial_says_and_shorter_in_the_treble(size):
    # Many seeds: one drawing of noise has a decay of its own.
    responses = [room_response(size, seed=seed) for seed in range(8)]
    middle, treble, bass = (
        np.mean([measured_rt60_seconds(response, *band) for response in responses])
        for band in ((700, 1400), (5600, 11_200), (60, 180))
    )
    assert middle == pytest.approx(rt60_seconds(size), rel=0.12)
    assert bass > 1.05 * middle
    assert treble == pytest.approx(float(decay_seconds(rt60_seconds(size), np.array(7500.0))), rel=0.25)
    assert treble < 0.9 * middle


def test_the_dial_spans_a_chamber_to_a_hall():
    assert rt60_seconds(0) == pytest.approx(0.3)
    assert rt60_seconds(1) == pytest.approx(2.2)


@given(st.floats(0, 1), st.integers(0, 100))
@settings(max_examples=10)
def test_response_has_unit_energy_and_waits_one_frame(size, seed):
    response = room_response(size, seed=seed)
    assert np.sum(response.astype(float) ** 2) == pytest.approx(1, abs=1e-4)
    assert not response[:HOP].any()
    assert np.abs(response[-10:]).max() < 1e-3 * np.abs(response).max()


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_agrees_with_direct_convolution(size):
    dry = np.random.default_rng(0).standard_normal(4 * RATE + 123).astype(np.float32)
    wet = room(dry, size)
    expected = dry + size * fftconvolve(dry.astype(float), room_response(size).astype(float))[: len(dry)]
    assert wet.dtype == np.float32
    error = np.mean((wet - expected) ** 2) / np.mean(expected**2)
    assert 10 * np.log10(error) < -110


@given(st.lists(st.integers(0, 90), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_blocks_of_any_size_give_the_offline_samples(sizes, seed):
    n_frames = sum(sizes)
    rng = np.random.default_rng(seed)
    dry = rng.standard_normal(n_frames * HOP).astype(np.float32)
    dial = rng.uniform(0, 0.5, n_frames + 1).astype(np.float32)
    hall = Room(float(dial.max()), seed=seed)
    blocks, start = [], 0
    for size in sizes:
        piece = slice(start * HOP, (start + size) * HOP)
        blocks.append(hall.block(dry[piece], dial[start : start + size + 1]))
        start += size
    np.testing.assert_allclose(np.concatenate(blocks), room(dry, dial, seed=seed), atol=2e-5)


def test_dial_at_zero_leaves_every_sample_alone():
    dry = np.random.default_rng(1).standard_normal(5 * HOP + 7).astype(np.float32)
    np.testing.assert_array_equal(room(dry, 0.0), dry)
    moving = room(dry, np.array([0, 0, 0, 0.5, 0.5, 0.5], np.float32))
    np.testing.assert_array_equal(moving[: 2 * HOP], dry[: 2 * HOP])
    assert np.abs(moving[4 * HOP :] - dry[4 * HOP :]).max() > 0.01


def test_wet_gain_moves_in_straight_lines_between_frames():
    dry = np.zeros(20 * HOP, np.float32)
    dry[0] = 1.0
    dial = np.linspace(1, 0, 21).astype(np.float32)
    wet = room(dry, dial)
    gain = np.interp(np.arange(len(dry)), np.arange(21) * HOP, dial)
    np.testing.assert_allclose(wet[1:], (gain * room_response(1.0)[: len(dry)])[1:], atol=1e-5)


def test_wet_sound_is_as_loud_as_dry_with_the_dial_at_one():
    dry = np.random.default_rng(2).standard_normal(8 * RATE).astype(np.float32)
    wet = room(dry, 1.0) - dry
    assert 10 * np.log10(np.mean(wet[4 * RATE :] ** 2)) == pytest.approx(0, abs=0.7)


def test_seeds_are_other_rooms_and_repeat():
    one, again, other = room_response(0.5, seed=3), room_response(0.5, seed=3), room_response(0.5, seed=4)
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1


def test_no_samples_stay_none():
    assert room(np.zeros(0, np.float32), 0.5).shape == (0,)
    assert Room(0.5).block(np.zeros(0, np.float32), np.ones(1, np.float32)).shape == (0,)
