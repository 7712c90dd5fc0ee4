"""The kernel under the timbre distances: how alike the patches of recordings are, and what follows for sets.

Source:
    Gretton et al., A kernel two-sample test (JMLR 13, 2012).
    Bińkowski et al., Demystifying MMD GANs (ICLR 2018): the polynomial kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy.spatial.distance
from jaxtyping import Float, Int

from violute.errors import InputError, ShapeError

Kernel = Literal["gaussian", "polynomial"]
Patches = Float[np.ndarray, "_patch dimension"]


def median_bandwidth(samples: Float[np.ndarray, "sample dimension"]) -> float:
    """Return the median distance of all pairs of rows, the Gaussian kernel's usual width.

    Returns:
        1 where it would be 0, as for equal rows.

    Source:
        Gretton et al. (2012), section 8.
    """
    distances = scipy.spatial.distance.pdist(samples)
    median = float(np.median(distances)) if distances.size else 0.0
    return median if median > 0.0 else 1.0


def scaled_patches(
    recordings: Sequence[Patches], reference: Sequence[Patches]
) -> tuple[list[Patches], list[Patches], float]:
    """Return both sets in units of the reference's spread, without empty ones, and a bandwidth."""
    check_patches([*recordings, *reference])
    kept, real = ([patches for patches in side if len(patches)] for side in (recordings, reference))
    if not real:
        return kept, real, 1.0
    pooled = np.concatenate(real)
    spread = pooled.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    kept, real = ([(patches - pooled.mean(axis=0)) / spread for patches in side] for side in (kept, real))
    pooled = np.concatenate(real)
    # Every pair of an hour of patches would be tens of millions; evenly picked ones do for a median.
    return kept, real, median_bandwidth(pooled[:: max(1, len(pooled) // 2000)])


def check_patches(recordings: Sequence[Patches]) -> None:
    """Refuse recordings whose patches differ in dimension.

    Raises:
        ShapeError: They do.
    """
    shapes = {patches.shape[1:] for patches in recordings}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        raise ShapeError(
            f"embeddings of shapes {sorted(shapes)}: give (patch, dimension), all of one dimension"
        )


def similarities_of(
    recordings: Sequence[Patches], reference: Sequence[Patches], *, kernel: Kernel, bandwidth: float
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "m m"], Float[np.ndarray, "n m"]]:
    """Return the mean kernel of the patches of any two recordings: within both sets, and across."""
    if kernel not in ("gaussian", "polynomial"):
        raise InputError(f"{kernel!r} is no kernel: choose gaussian or polynomial")
    if not bandwidth > 0.0:
        raise InputError(f"bandwidth {bandwidth:g} is out of range: give a positive one")
    everything = [*recordings, *reference]
    n = len(recordings)
    means = np.zeros((len(everything), len(everything)))
    if everything:
        pooled = np.concatenate(everything)
        sizes = np.array([len(patches) for patches in everything])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        for i, patches in enumerate(everything):
            if kernel == "gaussian":
                squares = scipy.spatial.distance.cdist(patches, pooled, "sqeuclidean")
                values = np.exp(-squares / (2.0 * bandwidth**2))
            else:
                values = (patches @ pooled.T / pooled.shape[1] + 1.0) ** 3
            means[i] = np.add.reduceat(values.mean(axis=0), starts) / sizes
    return means[:n, :n], means[n:, n:], means[:n, n:]


def mean_discrepancy(
    within: Float[np.ndarray, "n n"],
    within_reference: Float[np.ndarray, "m m"],
    across: Float[np.ndarray, "n m"],
    drawn: Int[np.ndarray, " n"] | None = None,
    drawn_reference: Int[np.ndarray, " m"] | None = None,
) -> float:
    """Return the unbiased estimate for the recordings drawn; a recording is never paired with itself."""
    counts = [
        np.bincount(np.arange(size) if chosen is None else chosen, minlength=size).astype(np.float64)
        for size, chosen in zip(across.shape, (drawn, drawn_reference), strict=True)
    ]
    total = 0.0
    for similarity, count in zip((within, within_reference), counts, strict=True):
        n_pairs = np.sum(count) ** 2 - np.sum(np.square(count))
        if n_pairs <= 0.0:
            return math.nan
        pairs = count @ similarity @ count - np.sum(np.square(count) * np.diag(similarity))
        total += float(pairs / n_pairs)
    return total - 2.0 * float(counts[0] @ across @ counts[1] / (counts[0].sum() * counts[1].sum()))
