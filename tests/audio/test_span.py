"""Parts of a sound between two times."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.source import ArraySource
from violute.audio.span import WHOLE, Span, within
from violute.errors import AudioError, InputError

RATE = 1_000


def recording(n_samples=100):
    return ArraySource(np.ones(n_samples, np.float32), RATE, "solo.wav")


@given(
    start=st.integers(0, 99),
    n_samples=st.integers(1, 200),
    cuts=st.lists(st.integers(1, 99), max_size=5).map(lambda cuts: sorted(set(cuts))),
)
def test_a_part_is_the_samples_between_two_times_however_the_blocks_are_cut(start, n_samples, cuts):
    sound = np.arange(100, dtype=np.float32)[None]
    samples = Span(start / RATE, (start + n_samples) / RATE).samples(recording())
    part = np.concatenate(list(within(iter(np.split(sound, cuts, axis=1)), samples)), axis=1)
    np.testing.assert_array_equal(part, sound[:, start : start + n_samples])


def test_the_whole_is_all_of_it_and_needs_no_name():
    assert WHOLE.samples(recording()) == range(100)
    assert (WHOLE.label, Span(0.5).label, Span(0, 1.2345).label) == ("", "-0.50s-end", "-0.00s-1.2345s")


@pytest.mark.parametrize("times", [(2.0, 2.0), (3.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (0.0, math.nan)])
def test_an_end_comes_after_a_beginning(times):
    with pytest.raises(InputError, match=r"nothing lies between .* s: give seconds from 0"):
        Span(*times)


def test_a_part_beyond_the_end_is_refused_by_the_recordings_name():
    for span, where in (
        (Span(0.1), "from 0.1 s on"),
        (Span(1e306), r"from 1e\+306 s on"),
        (Span(2.0, 3.0), "between 2 and 3 s"),
    ):
        with pytest.raises(
            AudioError, match=rf"^solo.wav: nothing of it lies {where}: name another part, it has 0.10 s$"
        ):
            span.samples(recording())
