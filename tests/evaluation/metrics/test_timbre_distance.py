"""Timbre distances: MMD against its definition and its closed form, colours that grow apart, floors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone

from violute.errors import AudioError, ShapeError
from violute.evaluation.metrics.timbre_distance import (
    N_DIMENSIONS,
    kernel_audio_distance,
    mean_discrepancy,
    median_bandwidth,
    patch_embeddings,
    real_to_real_floor,
    similarities_of,
)


def discrepancy(x: np.ndarray, y: np.ndarray, width: float) -> float:
    """Of independent samples, one a row."""
    rows = [[row[None] for row in side] for side in (x, y)]
    return mean_discrepancy(*similarities_of(*rows, bandwidth=width))


def test_the_estimate_is_the_written_sum() -> None:
    x, y = np.random.default_rng(0).normal(size=(7, 3)), np.random.default_rng(1).normal(0.5, 1, (5, 3))
    kernel = lambda a, b: float(np.exp(-np.sum((a - b) ** 2) / (2 * 1.7**2)))
    within_x = np.mean([kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    within_y = np.mean([kernel(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert discrepancy(x, y, 1.7) == pytest.approx(within_x + within_y - 2 * across)


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_normal_samples_have_the_distance_of_the_closed_form(shift: float) -> None:
    # For N(0, 1) and N(shift, 1): 2 s / sqrt(s^2 + 2) (1 - exp(-shift^2 / (2 (s^2 + 2)))).
    width, rng = 1.3, np.random.default_rng(2)
    expected = 2 * width / np.sqrt(width**2 + 2) * (1 - np.exp(-(shift**2) / (2 * (width**2 + 2))))
    estimates = [
        discrepancy(rng.normal(size=(12, 1)), rng.normal(shift, 1, (9, 1)), width) for _ in range(300)
    ]
    error = np.std(estimates) / np.sqrt(300)
    assert np.mean(estimates) == pytest.approx(expected, abs=3.5 * error)
    assert shift > 0 or min(estimates) < 0


def test_the_usual_width_is_the_median_distance() -> None:
    assert median_bandwidth(np.array([[0.0], [1.0], [3.0]])) == 2.0
    assert median_bandwidth(np.zeros((4, 2))) == 1.0
    assert median_bandwidth(np.zeros((1, 2))) == 1.0


def recordings(n: int, *, shift: float = 0.0, seed: int = 0, room: float = 0.7) -> list[np.ndarray]:
    """Patches of `n` recordings: a room each, shared by its patches, from 3 to 9 of them."""
    rng = np.random.default_rng(seed)
    rooms = rng.normal(shift, room, size=(n, 4))
    return [centre + rng.normal(size=(int(rng.integers(3, 10)), 4)) for centre in rooms]


def test_sets_of_one_kind_are_no_distance_apart_on_average() -> None:
    apart = [
        kernel_audio_distance(recordings(8, seed=2 * i), recordings(8, seed=2 * i + 1)).estimate
        for i in range(60)
    ]
    assert abs(np.mean(apart)) < 3.5 * np.std(apart) / np.sqrt(60)


def test_patches_taken_for_independent_would_be_biased() -> None:
    pairs = [[np.concatenate(recordings(6, seed=2 * i + j)) for j in (0, 1)] for i in range(40)]
    apart = [discrepancy(first, second, 2.0) for first, second in pairs]
    assert np.mean(apart) > 3.5 * np.std(apart) / np.sqrt(40)


def test_one_patch_a_recording_is_the_plain_estimate() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(1, 1, (20, 2)), rng.normal(0, 1, (30, 2))
    scaled = [(side - y.mean(0)) / y.std(0) for side in (x, y)]
    ours = kernel_audio_distance([row[None] for row in x], [row[None] for row in y])
    assert ours.estimate == pytest.approx(discrepancy(*scaled, median_bandwidth(scaled[1])))
    assert ours.n == 20


def test_the_distance_grows_and_leaves_the_floor() -> None:
    reference = recordings(16, seed=1)
    floor = real_to_real_floor(reference)
    apart = [kernel_audio_distance(recordings(16, shift=s, seed=2), reference) for s in (0.0, 0.7, 1.5, 3.0)]
    assert all(near.estimate < far.estimate for near, far in pairwise(apart))
    assert floor.low < 0.0 < floor.high
    assert apart[0].estimate < floor.high < apart[2].low
    assert apart[3].excludes(0.0)
    for interval in apart[1:]:
        assert interval.low < interval.estimate < interval.high


def test_the_floor_falls_with_more_recordings() -> None:
    few, many = (real_to_real_floor(recordings(n, seed=4)) for n in (6, 40))
    assert many.high < few.high


@settings(max_examples=20)
@given(scale=st.floats(0.01, 100.0), shift=st.floats(-100.0, 100.0), seed=st.integers(0, 99))
def test_units_and_order_do_not_matter(scale: float, shift: float, seed: int) -> None:
    x, y = recordings(5, shift=1.0, seed=seed), recordings(6, seed=seed + 1)
    plain = kernel_audio_distance(x, y)
    moved = kernel_audio_distance([scale * r + shift for r in reversed(x)], [scale * r + shift for r in y])
    assert moved.estimate == pytest.approx(plain.estimate, abs=1e-6)
    assert kernel_audio_distance(x, y) == plain


def phrase(db_per_octave: float, *, seed: int = 0, seconds: float = 2.0) -> np.ndarray:
    pitches = 440.0 * 2 ** (np.random.default_rng(seed).integers(-5, 10, 4) / 12)
    return np.concatenate(
        [tone(f0, seconds / 4, db_per_octave=db_per_octave, seed=seed, noise_db=-60.0) for f0 in pitches]
    )


def test_phrases_of_two_colours_are_told_apart_whatever_they_play() -> None:
    bright, dull, more = (
        [patch_embeddings(phrase(slope, seed=first + i), SAMPLE_RATE) for i in range(6)]
        for slope, first in ((-5.0, 0), (-14.0, 20), (-5.0, 40))
    )
    near, far = (kernel_audio_distance(other, bright) for other in (more, dull))
    assert near.estimate < real_to_real_floor(bright).high
    assert far.low > near.high


def test_every_half_second_that_sounds_is_a_patch() -> None:
    audio = phrase(-6.0, seconds=4.0)
    assert patch_embeddings(audio, SAMPLE_RATE).shape == (7, N_DIMENSIONS)
    loud, soft = (patch_embeddings(gain * audio, SAMPLE_RATE) for gain in (1.0, 0.01))
    np.testing.assert_allclose(loud, soft, atol=0.05)
    rested = np.concatenate([audio, np.zeros(5 * SAMPLE_RATE)])
    assert len(patch_embeddings(rested, SAMPLE_RATE)) == 8
    assert patch_embeddings(audio[: SAMPLE_RATE // 2], SAMPLE_RATE).shape == (1, N_DIMENSIONS)
    assert patch_embeddings(audio[:100], SAMPLE_RATE).shape == (0, N_DIMENSIONS)
    assert patch_embeddings(np.zeros(SAMPLE_RATE), SAMPLE_RATE).shape == (0, N_DIMENSIONS)


@pytest.mark.parametrize("shift", [0.5, 1.5])
@pytest.mark.parametrize("n", [4, 6, 13])
def test_an_interval_of_95_percent_holds_the_distance_as_often(n: int, shift: float) -> None:
    truth = np.mean(
        [
            kernel_audio_distance(
                recordings(20, shift=shift, seed=5000 + i), recordings(13, seed=6000 + i)
            ).estimate
            for i in range(40)
        ]
    )
    held = 0
    for i in range(150):
        sides = recordings(n, shift=shift, seed=2 * i), recordings(13, seed=2 * i + 1)
        interval = kernel_audio_distance(*sides)
        held += interval.low <= truth <= interval.high
    assert held / 150 >= 0.9
    assert np.isnan(kernel_audio_distance(sides[0][:3], sides[1]).low)


def test_too_few_recordings_have_no_distance() -> None:
    some, empty = recordings(3), np.zeros((0, 4))
    for few in ([], some[:1], [some[0], empty]):
        assert np.isnan(kernel_audio_distance(few, some).estimate)
        assert np.isnan(kernel_audio_distance(some, few).high)
    assert np.isnan(real_to_real_floor(some).high)
    assert np.isnan(discrepancy(np.zeros((1, 2)), np.zeros((3, 2)), 1.0))
    assert kernel_audio_distance([*some, empty], some) == kernel_audio_distance(some, some)


def test_recordings_that_are_all_alike() -> None:
    same = [np.ones((3, 4))] * 5
    assert kernel_audio_distance(same, same).estimate == pytest.approx(0.0, abs=1e-9)
    assert real_to_real_floor(same).high == pytest.approx(0.0, abs=1e-9)


@pytest.mark.unchecked
def test_errors() -> None:
    some = recordings(4)
    with pytest.raises(ShapeError, match="of one dimension"):
        kernel_audio_distance(some, [np.ones((2, 3))] * 2)
    with pytest.raises(AudioError, match="no samples"):
        patch_embeddings(np.zeros(0), SAMPLE_RATE)
