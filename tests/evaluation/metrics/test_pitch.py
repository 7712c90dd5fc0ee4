"""Pitch figures: tones and glides the judges must follow, and what the metrics say of known errors."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import AudioError, InputError, ShapeError
from violute.evaluation.metrics.pitch import (
    cents_apart,
    compared_frames,
    judge_f0,
    median_deviation_cents,
    octave_error_rate,
    raw_pitch_accuracy,
)


def tone(f0_hz: np.ndarray | float, sample_rate: int, seconds: float = 0.8) -> np.ndarray:
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, time.shape)) / sample_rate
    highest = float(np.max(f0_hz))
    partials = [np.sin(k * phase) / k**1.5 for k in range(1, 12) if k * highest < 0.45 * sample_rate]
    return 0.2 * np.sum(partials, axis=0) + 1e-4 * np.random.default_rng(0).standard_normal(len(time))


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 1046.5, 2093.0, 2794.0, 3136.0, 3520.0])
@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_harvest_hears_the_whole_range(f0_hz: float, sample_rate: int) -> None:
    track = judge_f0(tone(f0_hz, sample_rate), sample_rate)[10:-10]
    assert np.mean(track > 0) > 0.95
    assert np.max(np.abs(1200 * np.log2(track[track > 0] / f0_hz))) < 10


def test_frames_are_centred_on_their_time() -> None:
    rate = 44_100
    time = np.arange(2 * rate) / rate
    f0_hz = 440.0 * 2 ** (time / 2)
    for judge, worst in (("harvest", 10.0), ("pyin", 25.0)):
        track = judge_f0(tone(f0_hz, rate, 2.0), rate, judge=judge)
        expected = 440.0 * 2 ** (np.arange(len(track)) / 100 / 2)
        apart = np.abs(cents_apart(expected, track))[15:-15]
        assert np.nanmean(apart < worst) > 0.95, judge


def test_noise_has_little_pitch() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(44_100)
    assert np.mean(judge_f0(noise, 44_100) > 0) < 0.7


tracks = st.lists(st.floats(200.0, 3000.0) | st.just(0.0), min_size=1, max_size=40).map(np.array)


@given(track=tracks, detune=st.floats(-1300.0, 1300.0))
def test_accuracy_agrees_with_mir_eval(track: np.ndarray, detune: float) -> None:
    detuned = track * 2 ** (detune / 1200)
    frames = compared_frames(track, detuned, np.ones(len(track), dtype=bool))
    ours = raw_pitch_accuracy(cents_apart(track, detuned)[frames])
    if not frames.any():
        assert np.isnan(ours)
        return
    voiced = np.where(track > 0, track, 1.0), np.where(detuned > 0, detuned, 1.0)
    cents = [mir_eval.melody.hz2cents(t) for t in voiced]
    theirs = mir_eval.melody.raw_pitch_accuracy(track > 0, cents[0], detuned > 0, cents[1])
    assert ours == pytest.approx(theirs, abs=1e-9) or abs(abs(detune) - 50.0) < 1e-6


@given(track=tracks, detune=st.floats(-45.0, 45.0), octaves=st.sampled_from([-2, -1, 1, 2]))
def test_octaves_are_octave_errors_and_detuning_is_not(
    track: np.ndarray, detune: float, octaves: int
) -> None:
    frames = track > 0
    if not frames.any():
        return
    near, far = (track * 2 ** (detune / 1200 + shift) for shift in (0, octaves))
    assert octave_error_rate(cents_apart(track, near)[frames]) == 0.0
    assert octave_error_rate(cents_apart(track, far)[frames]) == 1.0
    assert raw_pitch_accuracy(cents_apart(track, far)[frames]) == 0.0
    assert median_deviation_cents(cents_apart(track, near)[frames]) == pytest.approx(abs(detune), abs=1e-6)


def test_a_fifth_is_wrong_but_no_octave() -> None:
    track = np.full(10, 440.0)
    fifth = track * 1.5
    frames = np.ones(10, dtype=bool)
    assert raw_pitch_accuracy(cents_apart(track, fifth)[frames]) == 0.0
    assert octave_error_rate(cents_apart(track, fifth)[frames]) == 0.0


def test_identity_is_perfect_and_no_frames_is_nan() -> None:
    track = np.array([440.0, 0.0, 880.0])
    frames = compared_frames(track, track, np.ones(3, dtype=bool))
    assert frames.tolist() == [True, False, True]
    assert raw_pitch_accuracy(cents_apart(track, track)[frames]) == 1.0
    assert median_deviation_cents(cents_apart(track, track)[frames]) == 0.0
    none = np.zeros(3, dtype=bool)
    for metric in (raw_pitch_accuracy, median_deviation_cents, octave_error_rate):
        assert np.isnan(metric(cents_apart(track, track)[none]))


def test_frames_on_which_the_trackers_disagree_are_left_out() -> None:
    source = np.array([440.0, 440.0, 440.0, 440.0])
    conditioning = np.array([441.0, 880.0, 0.0, 440.0])
    sounding = np.array([True, True, True, False])
    frames = compared_frames(source, source, sounding, conditioning_hz=conditioning)
    assert frames.tolist() == [True, False, False, False]


@pytest.mark.unchecked
def test_errors() -> None:
    with pytest.raises(ShapeError, match="3 frames against 4"):
        cents_apart(np.ones(3), np.ones(4))
    with pytest.raises(AudioError, match="no samples"):
        judge_f0(np.zeros(0), 44_100)
    with pytest.raises(AudioError, match="not finite"):
        judge_f0(np.array([0.0, np.nan]), 44_100)
    with pytest.raises(InputError, match="choose harvest or pyin"):
        judge_f0(np.zeros(44_100), 44_100, judge="crepe")
