"""What the baselines of the bench are given: recordings of both instruments, and a mix.

They answer the contract of `violute.voices.contract.Player`, as voices do, so that no metric needs to know
which of them it measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from violute.errors import InputError, MixError

References = Mapping[str, Sequence[tuple[Float[np.ndarray, "... sample"], int]]]
"""Recordings (audio, rate in Hz) of each end's instrument, by the end's name; the end of mix 0 first."""


def check_references(references: References) -> tuple[str, str]:
    """Return the names of both ends, that of mix 0 first.

    Raises:
        InputError: There are not two ends, or one is without recordings.
    """
    if len(references) != 2:
        raise InputError(f"references for {list(references)} came: give recordings of two instruments")
    for end, recordings in references.items():
        if not recordings:
            raise InputError(f"there are no reference recordings of {end}: give at least one")
    first, second = references
    return first, second


def check_mix(mix: float) -> float:
    """Return a mix that is a number from 0 to 1.

    Raises:
        MixError: It is not.
    """
    if not (math.isfinite(mix) and 0.0 <= mix <= 1.0):
        raise MixError(f"a mix of {mix} came: a baseline takes one number from 0 to 1")
    return float(mix)
