"""The quick way to the largest peak against measuring every point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.true_peak import CONTEXT_SAMPLES, TruePeakMeter, interpolated_peaks, largest_peak


def _noise(seed: int, n_channels: int, n_samples: int, smoothing: int) -> np.ndarray:
    """Noise with a low-pass of `smoothing` samples and a swelling level, padded as the functions want it."""
    rng = np.random.default_rng(seed)
    audio = rng.standard_normal((n_channels, n_samples + smoothing)).cumsum(axis=1)
    audio = (audio[:, smoothing:] - audio[:, :-smoothing]) * rng.uniform(0, 1, (1, n_samples))
    return np.pad(audio.astype(np.float32), ((0, 0), (CONTEXT_SAMPLES, CONTEXT_SAMPLES)))


@given(
    seed=st.integers(0, 10_000),
    n_channels=st.integers(1, 3),
    n_samples=st.integers(1, 3000),
    smoothing=st.sampled_from([1, 4, 50]),
)
def test_the_largest_peak_is_that_of_all_points(seed, n_channels, n_samples, smoothing):
    padded = _noise(seed, n_channels, n_samples, smoothing)
    every = float(interpolated_peaks(padded).max())
    assert largest_peak(padded) == pytest.approx(every, rel=1e-6)
    assert largest_peak(padded, 2 * every) == 2 * every


def test_points_are_those_of_the_windowed_sinc_written_out():
    padded = _noise(1, 1, 700, 1)
    taps = np.arange(-CONTEXT_SAMPLES + 1, CONTEXT_SAMPLES + 1)
    points = []
    for quarter in (0.25, 0.5, 0.75):
        kernel = np.sinc(quarter - taps) * np.i0(6 * np.sqrt(1 - ((quarter - taps) / CONTEXT_SAMPLES) ** 2))
        kernel /= kernel.sum()
        points.append(np.correlate(padded[0].astype(np.float64), kernel, "valid")[1:])
    expected = np.maximum(np.abs(points).max(axis=0), np.abs(padded[0, CONTEXT_SAMPLES:-CONTEXT_SAMPLES]))
    assert interpolated_peaks(padded) == pytest.approx(expected, abs=1e-5)


def test_nothing_has_no_peak():
    assert largest_peak(np.zeros((1, 2 * CONTEXT_SAMPLES), np.float32)) == 0.0
    assert TruePeakMeter(2).peak() == 0.0
