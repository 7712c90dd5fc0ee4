"""Peaks of spectra: a sine between two bins is found where it is, a series by its fundamental."""

from __future__ import annotations

import numpy as np
import pytest

from violute.transforms.peaks import find_peaks, harmonic_salience, peak_offset
from violute.transforms.runs import long_runs
from violute.transforms.spectra import magnitude_frames


def test_a_parabola_is_highest_at_its_vertex() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    for vertex in (-0.4, 0.0, 0.3):
        left, top, right = (5.0 - 2.0 * (x - vertex) ** 2)[:, None]
        assert peak_offset(left, top, right) == pytest.approx(vertex)


def test_a_flat_top_lies_at_its_bin() -> None:
    assert peak_offset(np.ones(1), np.ones(1), np.ones(1)) == 0.0


@pytest.mark.parametrize("frequency_hz", [440.0, 1234.5, 5000.0])
def test_a_sine_is_one_peak_within_a_cent_or_a_tenth_of_a_hertz(frequency_hz: float) -> None:
    sine = np.sin(2.0 * np.pi * frequency_hz * np.arange(8192) / 44_100).astype(np.float32)
    peaks = find_peaks(magnitude_frames(sine, 2048, 4096, 3), range_db=20.0)
    np.testing.assert_array_equal(peaks.frame, [0, 1, 2])
    np.testing.assert_allclose(peaks.place * 44_100 / 2048, frequency_hz, atol=1.0)
    np.testing.assert_allclose(np.exp(peaks.log_magnitude), 1.0, atol=0.16)


def test_a_soft_peak_is_left_out() -> None:
    spectrum = np.array([[0.0, 1.0, 0.0, 0.009, 0.0, 0.2, 0.0]])
    np.testing.assert_array_equal(find_peaks(spectrum, range_db=40.0).bin, [1, 5])
    np.testing.assert_array_equal(find_peaks(spectrum, range_db=60.0, least=0.5).bin, [1])


def test_the_fundamental_of_a_series_is_the_most_salient() -> None:
    steps = 60
    f0_hz = 100.0 * 2.0 ** (np.arange(3 * steps) / steps)
    shifts = [round(steps * np.log2(k)) for k in range(1, 9)]
    levels = np.zeros((1, 3 * steps + shifts[-1]))
    levels[0, [70 + shift for shift in shifts]] = 1.0
    assert harmonic_salience(levels, f0_hz, shifts).argmax() == 70


def test_short_runs_are_dropped() -> None:
    is_there = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1], bool)
    np.testing.assert_array_equal(long_runs(is_there, 3), np.array([0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1], bool))
    assert not len(long_runs(np.zeros(0, bool), 3))
