"""Sizes of the bank of `violute.dsp.pqmf`, for whoever needs them without torch."""

from __future__ import annotations

N_BANDS = 16
N_TAPS = 257
"""Of the prototype: reconstruction above 80 dB, other bands below -65 dB; odd, for a whole delay."""


def delay_samples() -> int:
    """Return how much later a sample leaves the synthesis than it entered the analysis, in samples."""
    return N_TAPS - N_BANDS
