"""Peaks of spectra: where they lie between the bins, and which harmonic series they make.

Source:
    Smith & Serra, PARSHL (ICMC 1987), section 5, for the parabola through the logarithms of a peak.
    Klapuri, Multiple fundamental frequency estimation by summing harmonic amplitudes (ISMIR 2006), for the
    salience of a fundamental.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

SALIENCE_COMPRESSION = 0.6
"""Power of the amplitudes in a salience, so that one strong partial is no series."""


class Peaks(NamedTuple):
    """Peaks of a run of spectra, frame by frame, lowest first.

    Attributes:
        frame: Of each peak.
        bin: The highest bin of each.
        place: Where its top lies, in bins, whole or not.
        log_magnitude: Natural logarithm of the magnitude of the highest bin.
    """

    frame: Int[np.ndarray, " peak"]
    bin: Int[np.ndarray, " peak"]
    place: Float[np.ndarray, " peak"]
    log_magnitude: Float[np.ndarray, " peak"]


def find_peaks(magnitudes: Float[np.ndarray, "frame bin"], *, range_db: float, least: float = 0.0) -> Peaks:
    """Find each frame's peaks above `least` and within `range_db` of its highest; magnitudes are linear."""
    below, here, above = magnitudes[:, :-2], magnitudes[:, 1:-1], magnitudes[:, 2:]
    floor = magnitudes.max(axis=1, keepdims=True) * magnitudes.dtype.type(10.0 ** (-range_db / 20.0))
    is_peak = (here > below) & (here >= above) & (here > floor) & (here > least)
    frame, column = np.nonzero(is_peak)
    low, middle, high = (np.log(np.maximum(part[frame, column], 1e-12)) for part in (below, here, above))
    return Peaks(frame, column + 1, column + 1 + peak_offset(low, middle, high), middle)


def peak_offset(
    left: Float[np.ndarray, "*peak"],
    top: Float[np.ndarray, "*peak"],
    right: Float[np.ndarray, "*peak"],
    *,
    least_bend: float = 1e-9,
) -> Float[np.ndarray, "*peak"]:
    """Return how many bins right of `top` the parabola through three neighbours is highest.

    Args:
        left: The bin before; of a magnitude, its logarithm.
        top: At least as high as both others, or the answer means nothing.
        right: The bin after.
        least_bend: A flatter parabola is taken to bend so much, that nothing is divided by 0.
    """
    return np.asarray(0.5 * (left - right) / np.minimum(left - 2.0 * top + right, -least_bend))


def harmonic_salience(
    levels: Float[np.ndarray, "frame step"],
    f0_hz: Float[np.ndarray, " candidate"],
    shifts: Iterable[int] | Int[np.ndarray, " harmonic"],
) -> Float[np.ndarray, "frame candidate"]:
    """Return how much the harmonics of each candidate hold, on a grid in log frequency.

    Args:
        levels: Amplitudes to the power of `SALIENCE_COMPRESSION`, of each step of the grid.
        f0_hz: Candidates, a step apart.
        shifts: Steps from the first candidate to each of its harmonics, from the first harmonic on.

    Source:
        Klapuri (ISMIR 2006), equation 1, with the weights of section 2.4.
    """
    salience = np.zeros((len(levels), len(f0_hz)))
    for number, shift in enumerate(shifts, start=1):
        weight = (f0_hz + 27.0) / (number * f0_hz + 320.0)
        salience += weight * levels[:, shift : shift + len(f0_hz)]
    return salience
