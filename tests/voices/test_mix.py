"""Dials: numbers, break-points, and their tracks over frames."""

import dataclasses

import numpy as np
import pytest
from fake_voice import CARD
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import MixError
from violute.voices.mix import DialScale, Mix, dial_track, dials, mix_of_settings

DIAL_NAMES = ("tone", "noise", "attack", "vibrato", "room")
positions = st.floats(0.0, 1.0)


@st.composite
def breakpoints(draw):
    """Rising seconds on a grid that frames hit exactly, with any mix."""
    frames = sorted(draw(st.sets(st.integers(0, 400), min_size=1, max_size=6)))
    return [(frame / 100, draw(positions)) for frame in frames]


@given(positions, positions, st.integers(0, 300))
def test_a_number_turns_the_four_dials_alike_and_leaves_the_room(mix, room, n_frames):
    laid = dials(Mix.at(mix, room=room), n_frames, 100.0)
    for name in ("tone", "noise", "attack", "vibrato"):
        np.testing.assert_array_equal(getattr(laid, name), np.full(n_frames, mix, np.float32))
    np.testing.assert_array_equal(laid.room, np.full(n_frames, room, np.float32))


@given(breakpoints())
def test_a_track_passes_through_its_break_points_and_stays_between_them(points):
    track = dial_track(points, 500, 100.0)
    for second, value in points:
        assert track[round(second * 100)] == pytest.approx(value, abs=1e-6)
    values = [value for _, value in points]
    assert track.min() >= np.float32(min(values)) - 1e-6
    assert track.max() <= np.float32(max(values)) + 1e-6
    assert (track[: round(points[0][0] * 100)] == track[round(points[0][0] * 100)]).all()
    assert (track[round(points[-1][0] * 100) :] == track[-1]).all()


def test_a_line_is_straight_between_break_points():
    track = dial_track([(1.0, 0.2), (3.0, 0.8)], 401, 100.0)
    assert track[0] == np.float32(0.2)
    assert track[200] == pytest.approx(0.5, abs=1e-6)
    assert track[250] == pytest.approx(0.65, abs=1e-6)
    assert track[400] == np.float32(0.8)


def test_each_dial_of_a_mix_moves_or_stands_by_itself():
    laid = dials(Mix(tone=[(0.0, 0.0), (1.0, 1.0)], noise=0.25, room=0.75), 101, 100.0)
    np.testing.assert_allclose(laid.tone, np.linspace(0, 1, 101), atol=1e-6)
    assert set(laid.noise) == {np.float32(0.25)}
    assert set(laid.attack) == {np.float32(0.5)}
    assert set(laid.room) == {np.float32(0.75)}  # the Mix has its own room


def test_a_mix_keeps_its_values_when_the_callers_list_changes():
    points = [(0.0, 0.0), (1.0, 1.0)]
    mix = Mix.at(points)
    points[1] = (1.0, 0.0)
    assert mix.tone == ((0.0, 0.0), (1.0, 1.0))
    assert mix == Mix.at([(0, 0), (1, 1)])


@pytest.mark.unchecked
@pytest.mark.parametrize("kind", [list, np.array])
def test_pairs_of_any_kind_are_an_automation(kind):
    pairs = kind([[0.0, 0.0], [2.0, 1.0]])
    assert dial_track(pairs, 201, 100.0)[100] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("value", [1.5, -0.01, float("nan"), float("inf")])
@pytest.mark.parametrize("name", DIAL_NAMES)
def test_a_dial_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(MixError, match=f"^{name} is .*: give a number from 0 to 1$"):
        Mix(**{name: value})


@pytest.mark.unchecked
@pytest.mark.parametrize("value", ["0.5", None, True, {"tone": 1}, b"0"])
def test_what_is_no_dial_is_refused(value):
    with pytest.raises(MixError, match="give a number from 0 to 1"):
        dials(value, 10, 100.0)


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        ([], "no break-points"),
        ([(0.0, 0.5, 1.0)], "break-point 1.*not a pair"),
        ([(0.0, 0.5), "1,2"], "break-point 2.*not a pair"),
        ([(0.0, 0.5), (0.0, 0.6)], "break-point 2.*does not come after 0 s"),
        ([(2.0, 0.5), (1.0, 0.6)], "break-point 2.*rising order"),
        ([(-1.0, 0.5)], "break-point 1.*0 or more"),
        ([(float("nan"), 0.5)], "break-point 1.*0 or more"),
        ([("x", 0.5)], "break-point 1.*0 or more"),
        ([(0.0, 2.0)], "break-point 1: the mix is 2: give a number from 0 to 1"),
    ],
)
def test_malformed_break_points_are_refused_with_their_number(points, complaint):
    with pytest.raises(MixError, match=complaint):
        dials(points, 10, 100.0)


def test_options_become_a_mix():
    moves = ((0.0, 0.0), (1.0, 1.0))
    assert mix_of_settings() == Mix.at(0.5)
    assert mix_of_settings(0.2, tone=0.0, noise=None, room=0.1) == Mix(0.0, 0.2, 0.2, 0.2, 0.1)
    assert mix_of_settings(None, moves, vibrato=1.0) == Mix(moves, moves, moves, 1.0)
    with pytest.raises(MixError, match="both mix and automation came"):
        mix_of_settings(0.5, moves)


def test_a_mix_a_little_out_of_range_is_told_with_all_its_digits():
    with pytest.raises(MixError, match="mix is 1.0000001: give"):
        mix_of_settings(1.0000001)


BY_REGISTER = {"hz": [200.0, 800.0], "mixes": [0.0, 0.5, 1.0], "places": [[0.0, 0.2, 1.0], [0.0, 0.8, 1.0]]}


def dial_scale(entry, **knows):
    return DialScale(dataclasses.replace(CARD, settings={"dial": entry}), **knows)


def test_a_dial_has_a_place_for_each_mix_and_pitch():
    scale = dial_scale(BY_REGISTER, knows_pitch=True)
    f0_hz = np.array([50.0, 200.0, 400.0, 800.0, 3000.0])
    np.testing.assert_allclose(scale.place(np.full(5, 0.5), f0_hz), [0.2, 0.2, 0.5, 0.8, 0.8], atol=1e-6)
    np.testing.assert_allclose(scale.place(np.full(5, 1.0), f0_hz), 1.0)
    assert dial_scale([[0.0, 0.0], [0.5, 0.7], [1.0, 1.0]]).place(np.array([0.25]))[0] == pytest.approx(0.35)


@pytest.mark.parametrize(
    "entry",
    [
        7,
        [[0.0, 0.0]],
        [[0.0, 0.0], [1.0, np.nan]],
        {**BY_REGISTER, "places": [[0.0, 0.2, 1.0]]},
        {**BY_REGISTER, "hz": [800.0, 200.0]},
        {**BY_REGISTER, "hz": [0.0, 200.0]},
        {"mixes": [0.0, 1.0]},
    ],
)
def test_a_damaged_dial_is_refused(entry):
    with pytest.raises(ValueError, match="its dial"):
        dial_scale(entry, knows_pitch=True)


def test_a_dial_by_pitch_is_none_where_the_pitch_is_not_known():
    with pytest.raises(ValueError, match="depends on the pitch"):
        dial_scale(BY_REGISTER)
