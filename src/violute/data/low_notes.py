"""How much of what an instrument plays lies below the high range of the analysis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import HIGH, LOW
from violute.data.recordings import Recording, read_recording
from violute.errors import SilentError
from violute.rates import SAMPLE_RATE

MOST_RECORDINGS = 24
"""Listened to, evenly picked."""

LONGEST_SECONDS = 20
"""Of each, from its beginning."""


def low_share(recordings: Sequence[Recording]) -> float:
    """Return the share of the pitched frames of some recordings that lies below `HIGH`.

    Raises:
        AudioError: A recording cannot be read.
    """
    n_low = n_pitched = 0
    for recording in recordings[:: -(-len(recordings) // MOST_RECORDINGS)]:
        try:
            audio = read_recording(recording, SAMPLE_RATE)[: LONGEST_SECONDS * SAMPLE_RATE]
        except SilentError:
            continue
        controls = analyse(audio, pitch_range=LOW)
        pitched_hz = controls.f0_hz[controls.periodicity > 0.0]
        n_pitched += len(pitched_hz)
        n_low += int(np.sum(pitched_hz < HIGH.lowest_hz))
    return n_low / max(n_pitched, 1)
