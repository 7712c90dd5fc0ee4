"""Matrix products that stay on the core that asks for them.

Analysis runs one block a core. A BLAS that splits each product over all cores as well makes them wait for one
another, and its idle threads spin: on two busy cores that doubled the time of an analysis.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

LARGEST_PRODUCT = 1 << 18
"""Multiply-adds up to which OpenBLAS, the one in NumPy's wheels, uses one core."""

TILE_COLUMNS = 32

MOST_TILE_ROWS = 8
"""Rows are tiled by a power of two up to this: more or others are summed in another order from row to row."""


def matrix_product(
    left: Float[np.ndarray, "row inner"], right: Float[np.ndarray, "inner column"]
) -> Float[np.ndarray, "row column"]:
    """Return `left @ right`, worked out in tiles of at most `LARGEST_PRODUCT` multiply-adds."""
    n_rows, n_inner = left.shape
    n_columns = right.shape[1]
    tile_columns = min(TILE_COLUMNS, n_columns)
    most_rows = max(LARGEST_PRODUCT // (n_inner * tile_columns), 1)
    tile_rows = min(1 << (most_rows.bit_length() - 1), MOST_TILE_ROWS)
    padded_rows = np.pad(left, ((0, -n_rows % tile_rows), (0, 0)))
    padded_columns = np.pad(right, ((0, 0), (0, -n_columns % tile_columns)))
    tiles = np.matmul(
        padded_rows.reshape(len(padded_rows) // tile_rows, 1, tile_rows, n_inner),
        padded_columns.reshape(n_inner, -1, tile_columns).transpose(1, 0, 2)[None],
    )
    joined = tiles.transpose(0, 2, 1, 3).reshape(len(padded_rows), padded_columns.shape[1])
    return np.ascontiguousarray(joined[:n_rows, :n_columns])
