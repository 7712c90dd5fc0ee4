"""The path of the dial: straight lines, bends, steps and drifts that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import ShapeError
from violute.evaluation.metrics.mix_path import (
    loudness_drift_db,
    path_linearity_r2,
    pitch_drift_cents,
    spearman,
    step_cv,
    timbre_point,
)

MIXES = np.linspace(0.0, 1.0, 11)


@given(
    start=st.lists(st.floats(-10, 10), min_size=3, max_size=3).map(np.array),
    direction=st.lists(st.floats(0.1, 10), min_size=3, max_size=3).map(np.array),
)
def test_a_straight_even_path_is_perfect(start: np.ndarray, direction: np.ndarray) -> None:
    points = start + MIXES[:, None] * direction
    assert path_linearity_r2(points, MIXES) == pytest.approx(1.0)
    assert step_cv(points, MIXES) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("power", [2.0, 4.0])
def test_an_uneven_path_is_seen(power: float) -> None:
    points = (MIXES**power)[:, None]
    expected = np.corrcoef(points[:, 0], MIXES)[0, 1] ** 2
    assert path_linearity_r2(points, MIXES) == pytest.approx(expected)
    steps = np.diff(MIXES**power)
    assert step_cv(points, MIXES) == pytest.approx(steps.std() / steps.mean())
    assert spearman(points[:, 0], MIXES) == pytest.approx(1.0)


def test_unequal_mixes_are_allowed_for() -> None:
    mixes = np.array([0.0, 0.1, 0.5, 1.0])
    assert step_cv(3.0 * mixes[:, None], mixes) == pytest.approx(0.0, abs=1e-9)


# The mean of eleven times 0.1 is not 0.1.
@pytest.mark.parametrize("level", [1.0, 0.1, -17.3])
def test_a_path_that_stands_still_has_no_figure(level: float) -> None:
    still = np.full((11, 2), level)
    assert np.isnan(path_linearity_r2(still, MIXES))
    assert np.isnan(step_cv(still, MIXES))
    assert np.isnan(spearman(np.ones(11), MIXES))


def test_one_pair_out_of_order() -> None:
    # Spearman: 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 1 twice and n = 5.
    posteriors = np.array([0.1, 0.3, 0.2, 0.8, 0.9])
    assert spearman(posteriors, np.linspace(0, 1, 5)) == pytest.approx(1 - 6 * 2 / (5 * 24))
    assert spearman(-posteriors, np.linspace(0, 1, 5)) == pytest.approx(-0.9)


def test_brighter_sound_has_a_higher_centroid_at_any_level() -> None:
    time = np.arange(44_100) / 44_100
    tones = [np.sin(2 * np.pi * f * time) for f in (500.0, 1000.0, 2000.0)]
    centroids = [
        timbre_point(gain * t, 44_100).centroid_octaves
        for t, gain in zip(tones, (1.0, 0.1, 0.01), strict=True)
    ]
    np.testing.assert_allclose(2 ** np.array(centroids), [500, 1000, 2000], rtol=0.03)
    loud, soft = (timbre_point(gain * tones[0], 44_100).cepstrum for gain in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=0.1)
    silent = timbre_point(np.zeros(4410), 44_100)
    assert np.isnan([silent.centroid_octaves, silent.tilt_db_per_octave]).all()


@pytest.mark.parametrize("db_per_octave", [-9.0, -3.0, 0.0])
def test_tilt_is_that_of_shaped_noise(db_per_octave: float) -> None:
    # White noise has 3 dB more in each octave than in the one below; a filter adds its own slope.
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(2 * 44_100))
    frequencies = np.maximum(np.fft.rfftfreq(2 * 44_100, 1 / 44_100), 20.0)
    noise = np.fft.irfft(spectrum * 10 ** (db_per_octave / 20 * np.log2(frequencies / 1000)))
    noise *= 0.1 / np.std(noise)
    assert timbre_point(noise, 44_100).tilt_db_per_octave == pytest.approx(3.0 + db_per_octave, abs=0.4)


def test_drifts_are_measured() -> None:
    f0_hz = np.full((3, 50), 440.0)
    f0_hz[2] *= 2 ** (7 / 1200)
    f0_hz[1, 10] = 0.0
    frames = np.ones(50, dtype=bool)
    assert pitch_drift_cents(f0_hz, frames) == pytest.approx(7.0)
    assert np.isnan(pitch_drift_cents(np.zeros((3, 50)), frames))
    loudness_db = np.array([-20.0, -21.0, -20.5])[:, None] + np.zeros(50)
    assert loudness_drift_db(loudness_db, frames) == pytest.approx(1.0)
    assert np.isnan(loudness_drift_db(loudness_db, ~frames))


@pytest.mark.unchecked
def test_errors() -> None:
    with pytest.raises(ShapeError, match="one point a mix"):
        spearman(np.ones(3), MIXES)
    with pytest.raises(ShapeError, match="do not rise"):
        step_cv(np.ones((2, 1)), np.array([0.5, 0.5]))
