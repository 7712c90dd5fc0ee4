"""Mono and back: nothing cancels, the balance holds, an offset goes."""

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.channels import (
    measure,
    mono_blocks,
    spread_loudness_lu,
    spread_over_channels,
    to_mono,
)
from violute.audio.source import ArraySource
from violute.errors import AudioError

RATE = 44_100


def _noise(seed: int, n_samples: int = 30_000) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n_samples)
    return (0.1 * (noise - noise.mean())).astype(np.float32)


def _source(*channels: np.ndarray) -> ArraySource:
    return ArraySource(np.stack(channels), RATE, name="take.wav")


@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_identical_channels_are_their_own_mono(n_channels):
    noise = _noise(0)
    source = _source(*[noise] * n_channels)
    np.testing.assert_allclose(measure(source).channel_gains, 1.0, rtol=1e-6)
    np.testing.assert_allclose(to_mono(source), noise, rtol=0, atol=1e-6)


def test_unrelated_channels_are_averaged():
    left, right = _noise(1), _noise(2)
    np.testing.assert_allclose(to_mono(_source(left, right)), (left + right) / 2, rtol=0, atol=1e-6)


def test_channels_that_cancel_leave_the_loudest():
    noise = _noise(3)
    source = _source(0.5 * noise, -0.6 * noise)
    np.testing.assert_allclose(to_mono(source), -0.6 * noise, rtol=0, atol=1e-6)
    np.testing.assert_allclose(measure(source).channel_gains, [0.5 / 0.6, 1.0], rtol=1e-5)


def test_one_sided_recordings_stay_one_sided():
    noise = _noise(4)
    np.testing.assert_allclose(measure(_source(noise, 0 * noise)).channel_gains, [2.0, 0.0], rtol=1e-5)


@given(gains=st.lists(st.floats(0.05, 4), min_size=1, max_size=6))
def test_gains_lay_the_mono_line_back_at_each_channels_level(gains):
    source = _source(*[np.float32(gain) * _noise(5, 5000) for gain in gains])
    laid = spread_over_channels(to_mono(source), measure(source).channel_gains)
    original = np.concatenate(list(source.blocks()), axis=1)
    np.testing.assert_allclose(laid, original, rtol=0, atol=1e-5)


@given(offset=st.floats(-0.9, 0.9), factor=st.floats(0, 1))
def test_offsets_change_neither_mono_nor_gains(offset, factor):
    noise = _noise(6, 5000)
    plain = _source(noise, np.float32(0.5) * noise)
    offset_too = _source(noise + np.float32(offset), np.float32(0.5) * noise + np.float32(factor * offset))
    np.testing.assert_allclose(to_mono(offset_too), to_mono(plain), rtol=0, atol=1e-6)
    np.testing.assert_allclose(measure(offset_too).channel_gains, measure(plain).channel_gains, rtol=1e-4)


def test_measurement_agrees_with_numpy_and_pyloudnorm():
    left, right = _noise(7, 100_000), 0.3 * _noise(8, 100_000)
    got = measure(_source(left, right))
    mono = (left + right) / 2
    np.testing.assert_allclose(
        got.channel_gains, [left.std() / mono.std(), right.std() / mono.std()], rtol=1e-4
    )
    expected = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(
        np.stack([left, right], axis=1)
    )
    assert got.loudness_lufs == pytest.approx(expected, abs=0.1)
    assert got.true_peak_db >= 20 * np.log10(np.abs([left, right]).max()) - 1e-3


@pytest.mark.parametrize("gains", [[1.0], [1.0, 1.0], [0.3, 1.7], [1, 0.5, 0.8, 2, 1.1, 0.4]])
def test_laying_out_raises_loudness_by_what_is_said(gains):
    mono = _noise(9, 100_000)
    weights = np.array(gains, dtype=np.float32)
    laid = ArraySource(spread_over_channels(mono, weights), RATE)
    expected = measure(laid).loudness_lufs - measure(_source(mono)).loudness_lufs
    assert spread_loudness_lu(weights) == pytest.approx(expected, abs=1e-3)


def test_mono_blocks_join_to_the_whole():
    source = _source(_noise(10), _noise(11) + np.float32(0.2))
    blocks = list(mono_blocks(source, measure(source), 777))
    np.testing.assert_allclose(np.concatenate(blocks), to_mono(source), rtol=0, atol=1e-7)


@pytest.mark.parametrize("value", [0.0, -0.5])
def test_silence_is_refused(value):
    with pytest.raises(AudioError, match=r"^take.wav is silent"):
        measure(_source(np.full(9000, value), np.zeros(9000)))
