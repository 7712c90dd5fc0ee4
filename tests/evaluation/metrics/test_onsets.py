"""Onset figures: plucked notes at known times, moved by known amounts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onset_bench import onset_times

from violute.errors import ShapeError
from violute.evaluation.metrics.onsets import onset_f1

STARTS = np.array([0.3, 0.8, 1.1, 1.7, 2.05, 2.6])


def notes(starts: np.ndarray, *, vibrato_cents: float = 0.0) -> np.ndarray:
    rate = 44_100
    audio = np.zeros(int(3.2 * rate))
    for i, start in enumerate(starts):
        time = np.arange(int(0.28 * rate)) / rate
        f0_hz = 440.0 * 2 ** (i * 2 / 12) * 2 ** (vibrato_cents / 1200 * np.sin(2 * np.pi * 6 * time))
        phase = 2 * np.pi * np.cumsum(f0_hz) / rate
        envelope = np.minimum(time / 0.01, 1.0) * np.minimum((0.28 - time) / 0.05, 1.0)
        first = int(start * rate)
        audio[first : first + len(time)] += 0.2 * envelope * sum(np.sin(k * phase) / k for k in range(1, 8))
    return audio + 1e-5 * np.random.default_rng(0).standard_normal(len(audio))


@pytest.mark.parametrize("vibrato_cents", [0.0, 30.0])
def test_attacks_are_found_where_they_are(vibrato_cents: float) -> None:
    assert onset_f1(STARTS, onset_times(notes(STARTS, vibrato_cents=vibrato_cents))) > 0.9


def test_late_notes_are_noticed() -> None:
    times = onset_times(notes(STARTS))
    late = onset_times(notes(STARTS + 0.09))
    slightly = onset_times(notes(STARTS + 0.02))
    assert onset_f1(times, slightly) > 0.9
    assert onset_f1(times, late) < 0.2


def test_silence_has_no_onsets() -> None:
    assert onset_times(np.zeros(44_100)).size == 0
    assert onset_f1(np.zeros(0), np.zeros(0)) == 1.0
    assert onset_f1(STARTS, np.zeros(0)) == 0.0
    assert onset_f1(np.zeros(0), STARTS) == 0.0


@given(times=st.lists(st.floats(0.0, 60.0), min_size=1, max_size=30).map(np.array).map(np.sort))
def test_identity_is_one_and_order_does_not_matter(times: np.ndarray) -> None:
    assert onset_f1(times, times) == pytest.approx(1.0)
    moved = np.sort(times + 0.03 * np.sin(np.arange(len(times)) * 7.0) + 0.03)
    assert onset_f1(times, moved) == pytest.approx(onset_f1(moved, times))


def test_times_must_rise() -> None:
    with pytest.raises(ShapeError, match="rising order"):
        onset_f1(np.array([1.0, 0.5]), STARTS)
