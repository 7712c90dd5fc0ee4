"""Conditioning: looks back only, does not hear the gain, and one function serves training and use."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.analysis.conditioning import (
    N_FEATURES,
    conditioning,
    frames_since,
    hz_to_midi,
    pitch_changes,
    reference_loudness_db,
)
from violute.analysis.controls import Controls
from violute.analysis.onsets import pick_onsets


def course(n_frames, seed=0):
    """Pitch, loudness and onsets of a random performance."""
    rng = np.random.default_rng(seed)
    notes = np.repeat(220.0 * 2.0 ** rng.uniform(0.0, 3.0, n_frames // 20 + 1), 20)[:n_frames]
    loudness_db = rng.uniform(-40.0, 0.0, n_frames)
    onset_strength = rng.random(n_frames) * (rng.random(n_frames) < 0.1)
    return notes, loudness_db, onset_strength


def features(f0_hz, loudness_db, onset_strength):
    return conditioning(f0_hz, loudness_db, pick_onsets(onset_strength), frame_rate_hz=100.0)


@given(frequency_hz=st.floats(1.0, 20_000.0))
def test_midi_is_librosas(frequency_hz):
    expected = librosa.hz_to_midi(frequency_hz)
    assert hz_to_midi(np.array([frequency_hz]))[0] == pytest.approx(expected, abs=1e-9)


@given(n_frames=st.integers(1, 200), seed=st.integers(0, 50))
def test_shape_and_sanity(n_frames, seed):
    told = features(*course(n_frames, seed))
    assert told.shape == (n_frames, N_FEATURES)
    assert told.dtype == np.float32
    assert np.isfinite(told).all()
    assert np.abs(told).max() < 8.0


@given(now=st.integers(10, 150), seed=st.integers(0, 20))
def test_pitch_and_loudness_of_the_future_change_nothing(now, seed):
    f0_hz, loudness_db, onset_strength = course(200, seed)
    told = features(f0_hz, loudness_db, onset_strength)
    later = np.arange(200) >= now
    other_hz = np.where(later, 1.5 * f0_hz, f0_hz)
    other_db = np.where(later, loudness_db - 7.0, loudness_db)
    changed = features(other_hz, other_db, onset_strength)
    np.testing.assert_array_equal(changed[:now], told[:now])
    assert (changed[now:] != told[now:]).any(axis=1).all()


def test_features_tell_what_they_are_told_about():
    f0_hz, loudness_db, onset_strength = np.full(200, 440.0), np.full(200, -10.0), np.zeros(200)
    still = features(f0_hz, loudness_db, onset_strength)
    np.testing.assert_allclose(still, still[:1].repeat(200, axis=0), atol=1e-6)
    onset_strength[100] = 1.0
    attacked = features(f0_hz, loudness_db, onset_strength)
    differs = np.abs(attacked - still).max(axis=1)
    assert not differs[:100].any()
    assert differs[100] == pytest.approx(1.0)
    assert (np.diff(differs[100:]) < 0).all()  # the memory fades
    f0_hz[100:] = 500.0
    slurred = features(f0_hz, loudness_db, np.zeros(200))
    assert np.abs(slurred[100] - slurred[199]).max() > 0.5


def test_a_step_of_a_semitone_is_a_change_and_vibrato_is_none():
    t = np.arange(300) / 100.0
    swinging_hz = 440.0 * 2.0 ** (40.0 / 1200.0 * np.sin(2.0 * np.pi * 6.0 * t))
    assert not pitch_changes(swinging_hz).any()
    stepping_hz = np.where(t < 1.5, 440.0, 466.2)
    np.testing.assert_array_equal(np.flatnonzero(pitch_changes(stepping_hz)), [150, 151, 152])


@given(st.sets(st.integers(0, 49)))
def test_frames_since_counts(events):
    since = frames_since(np.array(sorted(events), dtype=np.int64), 50)
    for i in range(50):
        before = [event for event in events if event <= i]
        assert since[i] == (i - max(before) if before else np.inf)


@given(gain_db=st.floats(-40.0, 20.0))
def test_the_reference_moves_with_the_gain(gain_db):
    rng = np.random.default_rng(1)
    loudness_db = rng.uniform(-60.0, -10.0, (1, 100))
    is_voiced = (rng.random((1, 100)) > 0.3).astype(np.float64)

    def reference(levels_db):
        return reference_loudness_db(Controls(np.full((1, 100), 440.0), is_voiced, levels_db, np.zeros(100)))

    assert reference(loudness_db + gain_db) == pytest.approx(reference(loudness_db) + gain_db)
    inside = loudness_db[is_voiced > 0]
    assert np.mean(inside <= reference(loudness_db)) == pytest.approx(0.95, abs=0.02)


def test_the_reference_of_nothing_pitched_is_that_of_everything():
    levels_db = np.linspace(-60.0, -10.0, 101)[None]
    controls = Controls(np.zeros((1, 101)), np.zeros((1, 101)), levels_db, np.zeros(101))
    assert reference_loudness_db(controls) == pytest.approx(-12.5)
