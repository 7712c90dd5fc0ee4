"""Loudness figures: tones of known level, the standard's own table, and known changes of level."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import AudioError, ShapeError
from violute.evaluation.metrics.loudness import (
    SILENCE_DB,
    a_weighting_db,
    frame_loudness_db,
    loudness_correlation,
    loudness_l1_db,
    sounding_frames,
)


def sine(frequency_hz: float, sample_rate: int = 44_100, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * sample_rate)) / sample_rate)


def test_weighting_matches_the_table_of_the_standard() -> None:
    # IEC 61672-1:2013, table 3.
    table = {31.5: -39.4, 63.0: -26.2, 125.0: -16.1, 250.0: -8.6, 500.0: -3.2}
    table |= {1000.0: 0.0, 2000.0: 1.2, 4000.0: 1.0, 8000.0: -1.1, 16000.0: -6.6}
    ours = a_weighting_db(np.array(list(table)))
    np.testing.assert_allclose(ours, list(table.values()), atol=0.15)
    np.testing.assert_allclose(ours, librosa.A_weighting(np.array(list(table))), atol=0.02)


@pytest.mark.parametrize("frequency_hz", [200.0, 1000.0, 3500.0])
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_a_tone_reads_its_weight(frequency_hz: float, sample_rate: int) -> None:
    track = frame_loudness_db(sine(frequency_hz, sample_rate), sample_rate)[5:-6]
    expected = float(a_weighting_db(np.array([frequency_hz]))[0])
    np.testing.assert_allclose(track, expected, atol=0.15)


def test_frames_are_centred_and_silence_is_the_floor() -> None:
    audio = np.zeros(44_100)
    audio[22_050] = 1.0
    track = frame_loudness_db(audio, 44_100)
    assert len(track) == 101
    assert np.argmax(track) == 50
    assert track[0] == SILENCE_DB
    assert not sounding_frames(np.full(9, SILENCE_DB)).any()
    assert sounding_frames(np.zeros(0)).size == 0


levels = st.lists(st.floats(-60.0, 0.0), min_size=2, max_size=60).map(np.array)


@given(track=levels, gain_db=st.floats(-40.0, 40.0))
def test_gain_counts_for_nothing(track: np.ndarray, gain_db: float) -> None:
    assert loudness_l1_db(track, track + gain_db) == pytest.approx(0.0, abs=1e-9)


@given(track=levels, seed=st.integers(0, 99))
def test_error_grows_with_the_difference(track: np.ndarray, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(len(track))
    small, large = (loudness_l1_db(track, track + scale * noise) for scale in (0.1, 1.0))
    assert small <= large
    assert large <= np.mean(np.abs(noise)) * 2 + np.max(np.abs(noise))


def test_half_the_dynamics_is_seen() -> None:
    track = -15.0 + 10.0 * np.sin(np.arange(400) / 10)
    assert loudness_correlation(track, 0.5 * track) == pytest.approx(1.0)
    assert loudness_l1_db(track, 0.5 * track) == pytest.approx(
        np.mean(np.abs(5 * np.sin(np.arange(400) / 10))), abs=0.2
    )
    assert loudness_correlation(track, -track) == pytest.approx(-1.0)


def test_depth_of_silence_weighs_nothing() -> None:
    source = np.concatenate([np.zeros(50), np.full(50, -90.0)])
    hiss, digital = (np.concatenate([np.zeros(50), np.full(50, level)]) for level in (-50.0, SILENCE_DB))
    assert loudness_l1_db(source, hiss) == loudness_l1_db(source, digital) == 0.0


def test_nothing_to_measure_is_nan() -> None:
    silent = np.full(10, SILENCE_DB)
    assert np.isnan(loudness_l1_db(silent, np.zeros(10)))
    assert np.isnan(loudness_correlation(np.zeros(10), np.arange(10.0)))


@pytest.mark.unchecked
def test_errors() -> None:
    with pytest.raises(ShapeError, match="cut both tracks"):
        loudness_l1_db(np.zeros(3), np.zeros(4))
    with pytest.raises(AudioError, match="no samples"):
        frame_loudness_db(np.zeros(0), 44_100)
