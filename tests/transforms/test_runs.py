"""Runs of frames, and what is near a frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from violute.transforms.runs import count_near


@given(is_there=st.lists(st.booleans(), min_size=1, max_size=60), reach=st.integers(0, 20))
def test_what_is_near_is_counted_on_both_sides(is_there, reach):
    frames = np.array(is_there)
    wanted = [frames[max(i - reach, 0) : i + reach + 1].sum() for i in range(len(frames))]
    np.testing.assert_array_equal(count_near(frames, reach), wanted)
