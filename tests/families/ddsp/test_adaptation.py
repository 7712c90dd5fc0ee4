"""Fitting a performance to an instrument: order is kept, one's own range changes nothing, notes stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.analysis.controls import SILENCE_DB
from violute.families.ddsp.adaptation import (
    CARRIED_DB,
    DEEPEST_LOUDNESS_VIBRATO_DB,
    DEEPEST_PITCH_VIBRATO_CENTS,
    QUANTILES,
    Vibrato,
    adapted_loudness,
    carried_loudness,
    into_range,
    loudness_quantiles,
    map_loudness,
)

SOUNDS = st.lists(st.just(SILENCE_DB) | st.floats(-90.0, 0.0), min_size=1, max_size=60).map(np.array)
quantiles = st.lists(st.floats(-60.0, 5.0), min_size=len(QUANTILES), max_size=len(QUANTILES)).map(
    lambda values: np.sort(np.array(values))
)
loudness = st.lists(st.floats(-90.0, 20.0), min_size=2, max_size=60).map(np.array)
T = np.arange(300) / 100.0


@given(relative_db=loudness, own=quantiles, target=quantiles)
def test_louder_stays_louder(relative_db, own, target):
    mapped = map_loudness(np.sort(relative_db), own, target)
    assert (np.diff(mapped) >= -1e-6).all()


@given(relative_db=loudness, own=quantiles)
def test_ones_own_range_changes_nothing(relative_db, own):
    own = own + np.linspace(0.0, 1.0, len(own))  # where quantiles coincide the map is not one to one
    np.testing.assert_allclose(map_loudness(relative_db, own, own), relative_db, atol=1e-3)


@given(own=quantiles, target=quantiles, beyond=st.floats(0.0, 30.0))
def test_beyond_what_was_heard_a_decibel_stays_a_decibel(own, target, beyond):
    own = own + np.linspace(0.0, 1.0, len(own))
    ends = np.array([own[0] - beyond, own[-1] + beyond])
    # What keeps quantiles apart is multiplied by the steepest map there is.
    steepest = np.diff(target).max() / np.diff(own).min()
    np.testing.assert_allclose(
        map_loudness(ends, own, target),
        [target[0] - beyond, target[-1] + beyond],
        atol=1e-3 + 2e-5 * steepest,
    )


def test_what_is_as_common_is_as_loud():
    rng = np.random.default_rng(0)
    here, there = rng.normal(-12.0, 8.0, 5000), -40.0 * rng.random(5000)
    mapped = map_loudness(here, loudness_quantiles(here), loudness_quantiles(there))
    shares = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(np.quantile(mapped, shares), np.quantile(there, shares), atol=0.3)


def test_a_constant_tone_maps_to_something_finite():
    mapped = map_loudness(np.zeros(5), np.zeros(len(QUANTILES)), np.linspace(-30.0, 0.0, len(QUANTILES)))
    assert np.isfinite(mapped).all()


def test_quantiles_of_nothing_rise():
    assert (np.diff(loudness_quantiles(np.zeros(0))) > 0).all()


def test_a_soft_piece_is_moved_towards_the_instrument_but_not_all_of_the_way():
    rng = np.random.default_rng(1)
    narrow = rng.normal(-8.0, 2.0, 4000)
    wide = loudness_quantiles(-40.0 * rng.random(4000))
    own = loudness_quantiles(narrow)
    adapted = adapted_loudness(narrow, own, wide)
    assert narrow.std() < adapted.std() < map_loudness(narrow, own, wide).std()
    order = np.argsort(narrow)
    assert (np.diff(adapted[order]) >= -1e-9).all()


@given(f0_hz=st.lists(st.floats(20.0, 10_000.0), min_size=1).map(np.array))
def test_pitches_in_range_stay_and_others_come_near(f0_hz):
    fitted = into_range(f0_hz, 260.0, 2000.0)
    inside = (f0_hz >= 260.0) & (f0_hz <= 2000.0)
    np.testing.assert_array_equal(fitted[inside], f0_hz[inside])
    assert (np.abs(12.0 * np.log2(fitted / np.clip(f0_hz, 260.0, 2000.0))) < 6.0).all()
    assert (np.abs(np.log2(fitted / 700.0)) <= np.abs(np.log2(f0_hz / 700.0)) + 1e-12).all()


def vibrato(cents=0.0, loudness_db=0.0, *, rate_hz=5.5):
    """A long note in the middle of silence, with vibrato in pitch, in loudness or in both."""
    swing = np.sin(2.0 * np.pi * rate_hz * T)
    is_voiced = (T > 0.2) & (T < 2.8)
    f0_hz = 440.0 * 2.0 ** (cents * swing / 1200.0)
    measured = Vibrato.measure(f0_hz, -20.0 + loudness_db * swing, is_voiced, frame_rate_hz=100.0)
    return measured, swing


INSIDE = slice(60, 240)


@pytest.mark.parametrize("rate_hz", [4.5, 5.5, 7.0])
def test_vibrato_is_measured(rate_hz):
    measured, swing = vibrato(30.0, 2.0, rate_hz=rate_hz)
    assert np.corrcoef(measured.cents[INSIDE], swing[INSIDE])[0, 1] > 0.99
    depth = np.sqrt(2.0 * np.mean(np.square(measured.cents[INSIDE])))
    assert 15.0 < depth < 40.0
    assert np.corrcoef(measured.loudness_db[INSIDE], swing[INSIDE])[0, 1] > 0.99
    assert abs(measured.cents[INSIDE].mean()) < 1.0
    assert not measured.cents[:20].any()
    assert not measured.cents[281:].any()


def test_a_still_tone_and_a_short_note_have_none():
    measured, _ = vibrato()
    assert np.abs(measured.cents).max() < 1e-6
    is_voiced = (T > 1.0) & (T < 1.2)
    short = Vibrato.measure(
        440.0 + 20.0 * np.sin(60.0 * T), np.full(300, -20.0), is_voiced, frame_rate_hz=100.0
    )
    assert not short.cents.any()


def test_a_step_between_notes_is_no_vibrato():
    f0_hz = np.where(T < 1.5, 440.0, 494.0)
    measured = Vibrato.measure(f0_hz, np.full(300, -20.0), np.full(300, True), frame_rate_hz=100.0)
    assert np.abs(measured.cents).max() < 1.0


@given(dial=st.floats(0.0, 1.0), cents=st.floats(0.0, 50.0), loudness_db=st.floats(0.0, 4.0))
def test_what_is_moved_leaves_the_note_where_it_is(dial, cents, loudness_db):
    measured, _ = vibrato(cents, loudness_db)
    moved_cents, moved_db = measured.moved(np.full(300, dial))
    # Whole periods of the vibrato: 11 of them last two seconds.
    assert abs(moved_cents[50:250].mean()) < 1.0
    assert abs(moved_db[50:250].mean()) < 0.1
    assert np.abs(moved_db).max() <= DEEPEST_LOUDNESS_VIBRATO_DB
    assert not moved_cents[:20].any()
    left = measured.cents + moved_cents
    assert np.abs(left).max() <= max(np.abs(measured.cents).max(), 0.0) + DEEPEST_PITCH_VIBRATO_CENTS + 1e-6


def test_at_the_second_end_vibrato_in_pitch_stays_as_it_is():
    measured, _ = vibrato(40.0)
    moved_cents, moved_db = measured.moved(np.ones(300))
    assert np.abs(moved_cents).max() < 1e-9
    assert not moved_db.any()


def test_at_the_first_end_vibrato_goes_from_pitch_into_loudness():
    measured, swing = vibrato(40.0)
    moved_cents, moved_db = measured.moved(np.zeros(300))
    left = measured.cents + moved_cents
    assert np.ptp(left[INSIDE]) < 0.8 * np.ptp(measured.cents[INSIDE])
    assert np.corrcoef(moved_db[INSIDE], swing[INSIDE])[0, 1] > 0.95


def test_at_the_second_end_vibrato_in_loudness_is_heard_in_pitch():
    measured, swing = vibrato(0.0, 2.0)
    moved_cents, _ = measured.moved(np.ones(300))
    assert np.corrcoef(moved_cents[INSIDE], swing[INSIDE])[0, 1] > 0.95
    assert np.ptp(moved_cents[INSIDE]) > 5.0
    still_cents, _ = measured.moved(np.zeros(300))
    assert np.abs(still_cents).max() < 1e-6


@given(SOUNDS)
def test_rests_of_a_line_are_taken_for_a_little_softer_than_the_notes_beside_them(loudness_db):
    before = loudness_db.copy()
    carried = carried_loudness(loudness_db)
    sounds = loudness_db > SILENCE_DB
    np.testing.assert_array_equal(loudness_db, before)
    np.testing.assert_array_equal(carried[sounds], loudness_db[sounds])
    if not sounds.any():
        np.testing.assert_array_equal(carried, loudness_db)
        return
    for frame in np.flatnonzero(~sounds):
        past, coming = loudness_db[:frame][sounds[:frame]], loudness_db[frame:][sounds[frame:]]
        assert carried[frame] == min([*past[-1:], *coming[:1]]) - CARRIED_DB
