"""The limiter: under the ceiling by an oracle's measure, untouched elsewhere, the same in any blocks."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.limiter import Limiter, limit


def _true_peak_db(audio: np.ndarray) -> float:
    """Sixteen times oversampled by scipy."""
    return 20 * np.log10(np.abs(scipy.signal.resample_poly(audio, 16, 1, axis=-1)).max())


def _bursts(seed: int, n_samples: int, n_channels: int = 2) -> np.ndarray:
    """Quiet noise with loud bursts, below 0.8 of Nyquist as music is."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_channels, n_samples))
    noise = scipy.signal.sosfilt(scipy.signal.butter(8, 0.8, output="sos"), noise, axis=-1)
    envelope = np.full(n_samples, 0.05)
    for start in rng.integers(0, n_samples, 5):
        envelope[start : start + 300] = rng.uniform(0.3, 3)
    return (envelope * noise).astype(np.float32)


@given(seed=st.integers(0, 1000), sample_rate=st.sampled_from([8000, 44_100, 96_000]))
def test_no_true_peak_above_the_ceiling(seed, sample_rate):
    assert _true_peak_db(limit(_bursts(seed, 20_000), sample_rate)) <= -1.0


@pytest.mark.parametrize("frequency", [0.005, 0.05, 0.3, 0.5, 0.7])
def test_a_steady_tone_is_turned_down_and_stays_a_tone(frequency):
    """A gain that followed the waveform would distort it; a true limiter only scales it."""
    tone = (1.8 * np.sin(np.pi * frequency * np.arange(44_100) + 0.4)).astype(np.float32)
    middle = slice(5000, -5000)
    got = limit(tone, 44_100)[middle]
    gain = (got @ tone[middle]) / (tone[middle] @ tone[middle])
    assert -1.6 < 20 * np.log10(1.8 * gain) <= -1.0
    assert np.abs(got - gain * tone[middle]).max() < 0.01


@given(seed=st.integers(0, 1000), peak_db=st.floats(-40, -1.3))
def test_what_stays_below_the_ceiling_passes_bit_for_bit(seed, peak_db):
    audio = _bursts(seed, 5000)
    audio *= np.float32(10 ** ((peak_db - _true_peak_db(audio)) / 20))
    np.testing.assert_array_equal(limit(audio, 44_100), audio)


def test_far_from_a_peak_nothing_changes():
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 44_100)).astype(np.float32)
    audio[0, 20_000] = 4.0
    got = limit(audio, 44_100)
    changed = np.flatnonzero(got[0] != audio[0])
    # 20 ms, and the few samples through which a peak rings between the samples.
    assert 20_000 - 882 - 24 <= changed.min() < 20_000 < changed.max() <= 20_000 + 882 + 24


def test_gain_moves_smoothly():
    audio = np.full((1, 10_000), 0.3, dtype=np.float32)
    audio[0, 5000] = 3.0
    gain = (limit(audio, 44_100) / audio)[0]
    assert gain.min() < 0.4
    assert np.abs(np.diff(gain)).max() < 0.01


@given(cuts=st.lists(st.integers(0, 8000), max_size=10), seed=st.integers(0, 100))
def test_streaming_equals_offline_and_keeps_the_length(cuts, seed):
    audio = _bursts(seed, 8000)
    limiter = Limiter(44_100, 2)
    pieces = [limiter.push(piece) for piece in np.split(audio, sorted(cuts), axis=1)]
    joined = np.concatenate([*pieces, limiter.flush()], axis=1)
    assert joined.shape == audio.shape
    np.testing.assert_allclose(joined, limit(audio, 44_100), rtol=0, atol=1e-6)


def test_latency_is_what_it_says():
    limiter = Limiter(44_100, 1)
    n_returned = limiter.push(np.zeros((1, 10_000), np.float32)).shape[1]
    assert n_returned == 10_000 - limiter.latency_samples
    assert limiter.latency_samples < 0.021 * 44_100


def test_channels_share_one_gain():
    audio = np.stack([np.full(9000, 0.4), np.full(9000, 0.2)]).astype(np.float32)
    audio[0, 4000] = 5.0
    got = limit(audio, 44_100)
    np.testing.assert_allclose(got[0] / audio[0], got[1] / audio[1], rtol=1e-6)


@pytest.mark.parametrize("n_samples", [0, 1, 2, 30, 500])
def test_short_recordings(n_samples):
    audio = np.full(n_samples, 2.0, dtype=np.float32)
    got = limit(audio, 44_100)
    assert got.shape == (n_samples,)
    assert np.abs(got).max(initial=0) < 0.9
