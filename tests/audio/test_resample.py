"""Resampling: exact lengths, streaming equals offline, tones stay, what can't stay vanishes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.resample import StreamResampler, resample, resampled_length

RATES = [8000, 11_025, 44_100, 48_000, 96_000, 192_000]


def _tone(frequency_hz: float, sample_rate: int, n_samples: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / sample_rate).astype(np.float32)


@given(
    n=st.integers(0, 3000), a=st.sampled_from(RATES), b=st.sampled_from(RATES), n_channels=st.integers(1, 3)
)
def test_length_is_the_rounded_quotient(n, a, b, n_channels):
    expected = int(np.floor(n * b / a + 0.5))
    assert resampled_length(n, a, b) == expected
    assert resample(np.zeros((n_channels, n), np.float32), a, b).shape == (n_channels, expected)
    assert resample(np.zeros(n, np.float32), a, b).shape == (expected,)


@given(
    cuts=st.lists(st.integers(0, 6000), max_size=8),
    a=st.sampled_from(RATES),
    b=st.sampled_from(RATES),
    n_channels=st.integers(1, 3),
    extra=st.integers(-5, 5),
)
def test_streaming_equals_offline_at_exactly_the_length_asked_for(cuts, a, b, n_channels, extra):
    audio = np.random.default_rng(0).standard_normal((n_channels, 6000)).astype(np.float32)
    offline = resample(audio, a, b)
    n_wanted = offline.shape[1] + extra
    stream = StreamResampler(a, b, n_channels, n_wanted)
    pieces = [stream.push(piece) for piece in np.split(audio, sorted(cuts), axis=1)]
    joined = np.concatenate([*pieces, stream.flush()], axis=1)
    assert joined.shape == (n_channels, n_wanted)
    n = min(n_wanted, offline.shape[1])
    np.testing.assert_allclose(joined[:, :n], offline[:, :n], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("a", "b"), [(44_100, 48_000), (48_000, 44_100), (192_000, 44_100), (8000, 44_100)])
def test_a_tone_keeps_pitch_phase_and_level(a, b):
    frequency_hz = 0.4 * min(a, b)
    got = resample(_tone(frequency_hz, a, a // 2), a, b)
    expected = _tone(frequency_hz, b, len(got))
    middle = slice(len(got) // 4, -len(got) // 4)
    np.testing.assert_allclose(got[middle], expected[middle], rtol=0, atol=3e-4)


def test_a_tone_above_the_new_nyquist_vanishes():
    got = resample(_tone(0.55 * 44_100, 192_000, 96_000), 192_000, 44_100)
    assert np.abs(got[2000:-2000]).max() < 1e-5


def test_channels_do_not_mix():
    audio = np.stack([_tone(440, 44_100, 9000), np.zeros(9000, np.float32)])
    got = resample(audio, 44_100, 48_000)
    np.testing.assert_array_equal(got[0], resample(audio[0], 44_100, 48_000))
    np.testing.assert_array_equal(got[1], 0)


def test_equal_rates_give_an_equal_copy():
    audio = _tone(440, 44_100, 100)
    got = resample(audio, 44_100, 44_100)
    np.testing.assert_array_equal(got, audio)
    got[:] = 0
    assert np.abs(audio).max() > 0.5
