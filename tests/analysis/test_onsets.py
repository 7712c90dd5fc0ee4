"""Onsets: at the starts of notes, and not in vibrato, swells or hiss."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.onsets import GAP_FRAMES, THRESHOLD, onset_strength, pick_onsets

NOTES_HZ = [440.0, 494.0, 523.0, 440.0, 440.0, 1318.0]


def note(f0_hz, seconds=0.3, attack_seconds=0.01):
    audio = tone(f0_hz, seconds, db_per_octave=-12.0)
    t = np.arange(len(audio)) / SAMPLE_RATE
    return (audio * np.minimum(t / attack_seconds, 1.0) * np.minimum(t[::-1] / 0.03, 1.0)).astype(np.float32)


@pytest.mark.parametrize("attack_seconds", [0.003, 0.01, 0.04])
def test_notes_begin_where_they_begin(attack_seconds):
    rest = np.zeros(SAMPLE_RATE // 5, np.float32)
    audio = np.concatenate([rest] + [note(f0_hz, attack_seconds=attack_seconds) for f0_hz in NOTES_HZ])
    onsets = pick_onsets(analyse(audio).onset_strength) / 100.0
    expected = 0.2 + 0.3 * np.arange(len(NOTES_HZ))
    assert len(onsets) == len(expected)
    assert np.abs(onsets - expected).max() <= 0.05


@pytest.mark.parametrize("f0_hz", [220.0, 440.0, 880.0, 1760.0])
def test_vibrato_is_no_onset(f0_hz):
    strength = analyse(tone(vibrato(f0_hz, 40.0, 6.0, 1.0))).onset_strength[8:-8]
    assert strength.max() < 0.1


def test_a_slow_swell_is_no_onset():
    audio = tone(600.0, 2.0) * np.linspace(0.01, 1.0, 2 * SAMPLE_RATE)
    strength = analyse(audio.astype(np.float32)).onset_strength[20:-8]
    assert len(pick_onsets(strength)) == 0


def test_hiss_far_below_the_notes_is_no_onset():
    rng = np.random.default_rng(2)
    hiss = (10.0 ** (-75.0 / 20.0) * rng.standard_normal(3 * SAMPLE_RATE)).astype(np.float32)
    hiss[SAMPLE_RATE : 2 * SAMPLE_RATE] += tone(500.0, 1.0)
    onsets = pick_onsets(analyse(hiss).onset_strength)
    assert len(onsets) == 1
    assert abs(int(onsets[0]) - 100) <= 5


@given(gain_db=st.floats(-20.0, 20.0))
def test_strength_does_not_depend_on_gain_above_the_floor(gain_db):
    rng = np.random.default_rng(5)
    levels_db = rng.uniform(-40.0, -10.0, (30, 40)).astype(np.float32)
    moved = onset_strength((levels_db + gain_db).astype(np.float32))
    np.testing.assert_allclose(moved, onset_strength(levels_db), atol=1e-4)


def test_a_falling_level_has_no_strength():
    levels_db = np.repeat(np.linspace(-10.0, -60.0, 50)[:, None], 40, axis=1).astype(np.float32)
    assert (onset_strength(levels_db) == 0.0).all()


@given(strength=st.lists(st.floats(0.0, 3.0, width=32), max_size=80))
def test_picked_onsets_are_peaks_that_lie_apart(strength):
    track, gap = np.array(strength, dtype=np.float32), GAP_FRAMES
    onsets = pick_onsets(track)
    assert (track[onsets] > THRESHOLD).all()
    for onset in onsets:
        around = track[max(onset - gap, 0) : onset + gap + 1]
        assert track[onset] == around.max()
    gaps = np.diff(onsets)
    equal = track[onsets[1:]] == track[onsets[:-1]] if len(onsets) > 1 else np.zeros(0, bool)
    assert (gaps[~equal] > gap).all()
