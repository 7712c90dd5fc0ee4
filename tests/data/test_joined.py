"""Arrays that stay on disk are read as if they were one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.data.joined import Joined

RNG = np.random.default_rng(0)
PARTS = [RNG.standard_normal((n, 3)).astype(np.float16) for n in (4, 0, 7, 1)]
OFFSET_DB = RNG.standard_normal(12).astype(np.float32)
WHOLE = np.concatenate(PARTS).astype(np.float32) - OFFSET_DB[:, None]


@given(st.slices(12))
def test_a_slice_is_that_of_the_whole(chosen: slice) -> None:
    if chosen.step is not None and chosen.step < 0:
        chosen = slice(chosen.start, chosen.stop, -chosen.step)
    np.testing.assert_array_equal(Joined(PARTS, OFFSET_DB)[chosen], WHOLE[chosen])


@pytest.mark.parametrize("frames", [np.array([11, 0, 4, 4]), np.arange(12).reshape(3, 4), WHOLE[:, 0] > 0])
def test_frames_by_number_are_those_of_the_whole(frames: np.ndarray) -> None:
    np.testing.assert_array_equal(Joined(PARTS, OFFSET_DB)[frames], WHOLE[frames])
    np.testing.assert_array_equal(Joined(PARTS)[frames], np.concatenate(PARTS).astype(np.float32)[frames])
