"""How loud a performance is, while it is being played: quantiles of what was heard so far.

A voice adapts loudness by quantiles of the whole piece, which a stream does not have. It begins with what is
common, and what is heard soon outweighs it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from violute.families.ddsp.adaptation import QUANTILES

LOWEST_DB, HIGHEST_DB, STEP_DB = -100.0, 10.0, 0.5
FIRST_REFERENCE_DB = -18.0
"""Loudness of the loud notes where nothing is known: of a recording at a usual level."""

FIRST_WEIGHT_FRAMES = 100.0
"""What is assumed counts as much as one second that was heard."""

LOUD_SHARE = 0.95


class RunningLoudness:
    """Counts voiced loudness in steps of half a decibel.

    Args:
        usual: Quantiles relative to the loud notes, which the first second of a stream is taken to have.
    """

    def __init__(self, usual: Float[np.ndarray, " quantile"]) -> None:
        edges_db = np.arange(LOWEST_DB, HIGHEST_DB + STEP_DB, STEP_DB)
        self._centres_db = edges_db[:-1] + STEP_DB / 2.0
        assumed = np.interp(edges_db - FIRST_REFERENCE_DB, usual + np.arange(len(usual)) * 1e-6, QUANTILES)
        self._counts = FIRST_WEIGHT_FRAMES * np.diff(assumed)

    def add(self, loudness_db: float) -> None:
        """Count a voiced frame."""
        index = int((loudness_db - LOWEST_DB) / STEP_DB)
        self._counts[min(max(index, 0), len(self._counts) - 1)] += 1.0

    def quantiles_db(self, probabilities: Float[np.ndarray, " quantile"]) -> Float[np.ndarray, " quantile"]:
        """Return the loudness below which these shares of the frames lie, in dB."""
        heard = self._counts > 0.0  # a step that nothing fell into is no loudness that the performance has
        below = np.cumsum(self._counts) - 0.5 * self._counts
        return np.interp(probabilities, below[heard] / self._counts.sum(), self._centres_db[heard])

    def reference_db(self) -> float:
        """Return the loudness of the loud notes, as `reference_loudness_db` does for a whole piece."""
        return float(self.quantiles_db(np.array([LOUD_SHARE]))[0])
