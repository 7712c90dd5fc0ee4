"""The dial's middle lies where both instruments are heard, and its steps bend evenly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from set_dial import PLACES, dial_through, middle_place


def turn(place, steepness=20.0):
    return 1.0 / (1.0 + np.exp(-steepness * (PLACES - place)))


def test_the_middle_is_where_the_medians_of_both_instruments_meet_a_half():
    heard = [turn(0.6), turn(0.6), turn(0.95), turn(0.7), turn(0.7)]
    assert middle_place(heard, ["flute"] * 3 + ["violin"] * 2) == pytest.approx(0.65, abs=0.02)


def test_a_dial_that_never_turns_keeps_some_way_on_both_sides():
    assert middle_place([0.0 * PLACES, 0.0 * PLACES], ["flute", "violin"]) == pytest.approx(0.9)
    assert middle_place([0.0 * PLACES + 1.0] * 2, ["flute", "violin"]) == pytest.approx(0.1)


@given(middle=st.floats(0.1, 0.9))
def test_the_dial_rises_from_end_to_end_through_its_middle(middle):
    mixes, places = np.array(dial_through(middle)).T
    assert (np.diff(places) >= 0.0).all()
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert np.interp(0.5, mixes, places) == pytest.approx(middle, abs=1e-3)
