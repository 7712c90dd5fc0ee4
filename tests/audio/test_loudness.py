"""Loudness and true peak, against pyloudnorm, the Recommendation's own figures, and physics."""

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.loudness import SILENCE_LUFS, LoudnessMeter, k_weighting
from violute.audio.true_peak import CONTEXT_SAMPLES, TruePeakMeter, interpolated_peaks


def _lufs(audio: np.ndarray, sample_rate: int, block: int = 1 << 20) -> float:
    meter = LoudnessMeter(sample_rate, audio.shape[0])
    for start in range(0, audio.shape[1], block):
        meter.push(audio[:, start : start + block])
    return meter.integrated_lufs()


def _music(sample_rate: int, n_channels: int, seconds: float = 6.0) -> np.ndarray:
    """Noise that swells and rests, with a tone from half-time on: something for both gates to remove."""
    rng = np.random.default_rng(n_channels)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    noise = rng.standard_normal((n_channels, t.size)) * np.maximum(0, np.sin(1.7 * t)) ** 4
    tone = np.sin(2 * np.pi * 440 * t) * (t > seconds / 2)
    return (0.1 * noise + 0.05 * tone).astype(np.float32)


def _sine(level: float, frequency_hz: float, sample_rate: int, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    return (level * np.sin(2 * np.pi * frequency_hz * t))[None].astype(np.float32)


def test_k_weighting_is_the_recommendations_at_48_khz():
    frequency_hz = np.linspace(0, 24_000, 200)
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285], [1, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0], [1, -1.99004745483398, 0.99007225036621]
    expected = np.prod(
        [scipy.signal.freqz(*s, worN=frequency_hz, fs=48_000)[1] for s in (shelf, high_pass)], axis=0
    )
    np.testing.assert_allclose(k_weighting(frequency_hz, 48_000), expected, atol=1e-9)


@pytest.mark.parametrize("sample_rate", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_integrated_loudness_agrees_with_pyloudnorm(sample_rate, n_channels):
    audio = _music(sample_rate, n_channels)
    expected = pyloudnorm.Meter(sample_rate, filter_class="DeMan").integrated_loudness(audio.T.astype(float))
    assert _lufs(audio, sample_rate) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("sample_rate", [8000, 11_025, 22_050])
def test_low_rates_read_as_loud_as_the_same_sound_at_48_khz(sample_rate):
    audio = _music(sample_rate, 1)
    # By FFT, which keeps every frequency up to Nyquist.
    upsampled = scipy.signal.resample(audio, audio.shape[1] * 48_000 // sample_rate, axis=1)
    assert _lufs(audio, sample_rate) == pytest.approx(_lufs(upsampled, 48_000), abs=0.1)


@pytest.mark.parametrize("sample_rate", [8000, 44_100, 48_000, 192_000])
def test_full_scale_sine_reads_minus_3_01(sample_rate):
    assert _lufs(_sine(1.0, 997, sample_rate, 3), sample_rate) == pytest.approx(-3.01, abs=0.05)


def test_relative_gate_of_tech_3341_case_3():
    parts = [(-36, 10), (-23, 60), (-36, 10)]
    one = np.concatenate([_sine(10 ** (db / 20), 1000, 8000, s) for db, s in parts], axis=1)
    assert _lufs(np.concatenate([one, one]), 8000) == pytest.approx(-23.0, abs=0.1)


def test_absolute_gate_of_tech_3341_case_4():
    parts = [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)]
    one = np.concatenate([_sine(10 ** (db / 20), 1000, 8000, s) for db, s in parts], axis=1)
    assert _lufs(np.concatenate([one, one]), 8000) == pytest.approx(-23.0, abs=0.1)


@given(gain_db=st.floats(-30, 20))
def test_gain_moves_the_reading_by_itself(gain_db):
    audio = _music(8000, 1, 2.0)
    louder = (audio * 10 ** (gain_db / 20)).astype(np.float32)
    assert _lufs(louder, 8000) == pytest.approx(_lufs(audio, 8000) + gain_db, abs=1e-3)


@given(cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_blocks_do_not_matter(cuts):
    audio = _music(11_025, 2, 20_000 / 11_025)
    meter = LoudnessMeter(11_025, 2)
    for piece in np.split(audio, sorted(cuts), axis=1):
        meter.push(piece)
    whole = LoudnessMeter(11_025, 2)
    whole.push(audio)
    assert meter.integrated_lufs() == pytest.approx(whole.integrated_lufs(), abs=1e-3)
    assert meter.true_peak_db() == pytest.approx(whole.true_peak_db(), abs=1e-4)


def test_reading_while_measuring_changes_nothing():
    audio = _music(11_025, 1)
    meter = LoudnessMeter(11_025, 1)
    for piece in np.array_split(audio, 50, axis=1):
        meter.push(piece)
        meter.integrated_lufs()
    assert meter.integrated_lufs() == pytest.approx(_lufs(audio, 11_025), abs=1e-3)


def test_sounds_too_short_or_too_quiet_for_the_gates_are_measured_ungated():
    assert _lufs(_sine(1.0, 997, 48_000, 0.3), 48_000) == pytest.approx(-3.01, abs=0.1)
    assert _lufs(_sine(1e-5, 997, 48_000, 2.0), 48_000) == pytest.approx(-103.01, abs=0.1)


def test_silence_and_nothing_have_a_value():
    assert LoudnessMeter(44_100, 2).integrated_lufs() == SILENCE_LUFS
    assert LoudnessMeter(44_100, 2).true_peak_db() == SILENCE_LUFS
    assert _lufs(np.zeros((2, 50_000), np.float32), 44_100) == SILENCE_LUFS


def test_an_offset_is_not_heard():
    audio = _music(44_100, 1, 3.0)
    assert _lufs(audio + np.float32(0.3), 44_100) == pytest.approx(_lufs(audio, 44_100), abs=0.3)


@pytest.mark.parametrize("frequency", [0.02, 0.25, 0.5, 0.7, 0.85])
def test_true_peak_of_a_tone_is_its_amplitude_whatever_the_phase(frequency):
    """Between two of the four points the top of a tone can hide, by no more than geometry allows."""
    n = np.arange(4000)
    hidden_db = -20 * np.log10(np.cos(np.pi * frequency / 8))
    window = np.minimum(1, np.minimum(n, n[::-1]) / 1000)
    for phase in np.linspace(0, np.pi, 9):
        meter = TruePeakMeter(1)
        meter.push((window * np.sin(np.pi * frequency * n + phase))[None].astype(np.float32))
        assert -hidden_db - 0.05 <= 20 * np.log10(meter.peak()) <= 0.05


def test_true_peak_between_samples_of_a_quarter_rate_tone():
    """The classic case: every sample is at 0.707, the curve reaches 1."""
    tone = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4).astype(np.float32)[None]
    assert np.abs(tone).max() == pytest.approx(np.sqrt(0.5), abs=1e-4)
    meter = LoudnessMeter(48_000, 1)
    meter.push(tone)
    assert meter.true_peak_db() == pytest.approx(0, abs=0.4)


@given(seed=st.integers(0, 10_000), threshold=st.floats(0, 3), smooth=st.booleans())
def test_tiles_passed_over_never_hide_a_peak_above_the_threshold(seed, threshold, smooth):
    rng = np.random.default_rng(seed)
    audio = rng.uniform(-1, 1, (1, 300)).astype(np.float32)
    if smooth:
        audio = audio.cumsum(axis=1, dtype=np.float32) / 8
    padded = np.pad(audio, ((0, 0), (CONTEXT_SAMPLES, CONTEXT_SAMPLES)))
    every, some = interpolated_peaks(padded), interpolated_peaks(padded, threshold)
    if every.max() > threshold + 1e-5:
        assert some.max() == every.max()
