"""The dial's middle lies where all instruments are heard, register by register, and its steps bend evenly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from set_dial import PLACES, Hearing, dial_through, middle_place, register_shares


def heard(instrument, place, f0_hz=440.0, steepness=20.0):
    return Hearing(instrument, f0_hz, 1.0 / (1.0 + np.exp(-steepness * (PLACES - place))))


def test_the_middle_is_where_the_medians_of_both_instruments_meet_a_half():
    flutes = [heard("flute", 0.6), heard("flute", 0.6), heard("flute", 0.95)]
    assert middle_place([*flutes, *[heard("violin", 0.7)] * 2]) == pytest.approx(0.65, abs=0.02)


def test_a_dial_that_never_turns_keeps_some_way_on_both_sides():
    assert middle_place([heard("flute", 9.0), heard("violin", 9.0)]) == pytest.approx(0.9)
    assert middle_place([heard("flute", -9.0)] * 2) == pytest.approx(0.1)


def test_a_register_counts_what_is_near_it_alone():
    registers_hz = [200.0, 800.0]
    low_and_high = [heard("flute", 0.3, 150.0), heard("violin", 0.3, 200.0), heard("flute", 0.7, 900.0)]
    shares = np.array([register_shares(one.f0_hz, registers_hz) for one in low_and_high])
    np.testing.assert_allclose(shares, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert [middle_place(low_and_high, counts) for counts in shares.T] == pytest.approx([0.3, 0.7], abs=0.02)
    np.testing.assert_allclose(register_shares(400.0, registers_hz), [0.5, 0.5])
    np.testing.assert_allclose(register_shares(400.0, []), [1.0])


@given(middle=st.floats(0.1, 0.9), far_end=st.floats(1.0, 1.5))
def test_the_dial_rises_from_end_to_end_through_its_middle(middle, far_end):
    mixes, places = np.array(dial_through(middle, far_end)).T
    assert (np.diff(places) > 0.0).all()
    assert (places[0], places[-1]) == (0.0, pytest.approx(far_end, abs=1e-4))
    assert np.interp(0.5, mixes, places) == pytest.approx(middle, abs=1e-3)
