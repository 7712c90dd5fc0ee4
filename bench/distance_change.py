"""By how much the timbre distance of the same recordings changed from one rendering to another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from violute.errors import ShapeError
from violute.evaluation.metrics.intervals import Interval, jackknife_interval
from violute.evaluation.metrics.timbre_distance import (
    Patches,
    mean_discrepancy,
    scaled_patches,
    similarities_of,
)


def kernel_audio_distance_change(
    before: Sequence[Patches],
    after: Sequence[Patches],
    reference: Sequence[Patches],
) -> Interval:
    """Estimate by how much a distance changed between two renderings of the same recordings.

    Both distances are taken without the same recordings in turn, so what those have in common cancels: the
    interval is that of the change, narrower than the two intervals beside each other suggest.

    Args:
        before: Patches of each recording, rendered one way; each has some.
        after: Of the same recordings in the same order, rendered the other way.
        reference: Real recordings.

    Returns:
        Below 0 where `after` is nearer to the reference; NaN with fewer than two recordings.

    Raises:
        ShapeError: The renderings are not of as many recordings, or differ in dimension.
    """
    sides = [scaled_patches(one, reference) for one in (before, after)]
    n, n_real = len(sides[0][0]), len(sides[0][1])
    if len(before) != len(after) or n != len(sides[1][0]):
        raise ShapeError(
            f"{n} recordings before and {len(sides[1][0])} after: give the same with sound in each"
        )
    if n < 2 or n_real < 2:
        return Interval(math.nan, math.nan, math.nan, n)
    first, second = (similarities_of(one, real, bandwidth=width) for one, real, width in sides)

    def change(left_out: tuple[int, int] | None = None) -> float:
        return mean_discrepancy(*second, left_out=left_out) - mean_discrepancy(*first, left_out=left_out)

    without = [np.array([change((side, i)) for i in range(size)]) for side, size in enumerate((n, n_real))]
    return jackknife_interval(change(), without, n=n)
