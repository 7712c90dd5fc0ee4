"""Sounds of failed models: as long as the recording, repeatable, no instrument any more."""

import numpy as np
import pytest
from judge_training.failures import DAMAGES

from violute.evaluation.judge.classifier import SAMPLE_RATE


def tone() -> np.ndarray:
    """Two notes with eight partials."""
    seconds = np.arange(int(2.0 * SAMPLE_RATE)) / SAMPLE_RATE
    f0_hz = np.where(seconds < 1.0, 440.0, 550.0)
    phase = 2.0 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    partials = sum(np.sin(k * phase + k) / k for k in range(1, 9))
    return (0.2 * partials * np.minimum(1.0, (seconds % 1.0) / 0.05)).astype(np.float32)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_finite_as_long_and_repeatable(name: str) -> None:
    first, again = (DAMAGES[name](tone(), np.random.default_rng(3)) for _ in range(2))
    assert first.shape == tone().shape
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", DAMAGES)
def test_no_damage_leaves_the_waveform(name: str) -> None:
    for seed in range(3):
        damaged = DAMAGES[name](tone(), np.random.default_rng(seed))
        assert abs(np.corrcoef(damaged, tone())[0, 1]) < 0.95


def test_moved_partials_are_multiples_of_nothing() -> None:
    audio = tone()[: SAMPLE_RATE // 2 * 2]
    for seed in range(4):
        moved = DAMAGES["shifted_partials"](audio, np.random.default_rng(seed))
        spectrum = np.abs(np.fft.rfft(moved[4000:20000] * np.hanning(16000)))
        peaks = np.sort(np.argsort(spectrum)[-2:]) * SAMPLE_RATE / 16000
        assert abs(peaks[0] - 440.0) > 35.0
