"""Products in tiles against products in one go."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.transforms.matrix_products import matrix_product


@given(
    n_rows=st.integers(0, 70),
    n_inner=st.sampled_from([1, 7, 513, 9000]),
    n_columns=st.integers(1, 70),
    seed=st.integers(0, 10_000),
)
def test_tiles_join_to_the_whole(n_rows, n_inner, n_columns, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((n_rows, n_inner)), rng.standard_normal((n_inner, n_columns))
    joined = matrix_product(left, right)
    assert joined.shape == (n_rows, n_columns)
    assert joined == pytest.approx(left @ right, abs=1e-12 * n_inner)


def test_single_precision_stays_single():
    ones = np.ones((3, 4), np.float32)
    assert matrix_product(ones, ones.T).dtype == np.float32


@pytest.mark.parametrize("n_inner", [40, 511, 513, 1025, 9000])
def test_a_row_does_not_depend_on_the_rows_beside_it(n_inner):
    """Analysis in blocks then equals analysis in one go, bit for bit."""
    rng = np.random.default_rng(0)
    left = rng.standard_normal((60, n_inner)).astype(np.float32)
    right = rng.standard_normal((n_inner, 222)).astype(np.float32)
    whole = matrix_product(left, right)
    for start in range(20):
        assert np.array_equal(whole[start : start + 23], matrix_product(left[start : start + 23], right))
