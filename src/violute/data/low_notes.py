"""How much of what an instrument plays lies below the high range of the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import HIGH, LOW
from violute.data.measured import measured
from violute.data.recordings import Recording, read_recording
from violute.rates import SAMPLE_RATE
from violute.worklist.engine import HERE, Engine

LOW_NOTES_VERSION = 1
"""Part of the cache's key: raised when what is counted changes."""

MOST_RECORDINGS = 24
"""Listened to, evenly picked."""

LONGEST_SECONDS = 20
"""Of each, from its beginning."""


def low_share(recordings: Sequence[Recording], cache: Path, engine: Engine = HERE) -> float:
    """Return the share of the pitched frames of some recordings that lies below `HIGH`.

    A few of them are listened to; `cache` keeps what was heard, so that the next start need not listen again.

    Raises:
        AudioError: A recording cannot be read.
    """
    some = recordings[:: -(-len(recordings) // MOST_RECORDINGS)]
    heard = measured(some, cache, _frames, version=f"low notes {LOW_NOTES_VERSION}", engine=engine)
    n_low, n_pitched = (sum(int(arrays[name]) for _, arrays in heard) for name in ("low", "pitched"))
    return n_low / max(n_pitched, 1)


def _frames(recording: Recording) -> dict[str, np.ndarray]:
    """Count pitched frames, and the low ones among them."""
    audio = read_recording(recording, SAMPLE_RATE)[: LONGEST_SECONDS * SAMPLE_RATE]
    controls = analyse(audio, pitch_range=LOW)
    pitched_hz = controls.f0_hz[controls.periodicity > 0.0]
    n_low = np.count_nonzero(pitched_hz < HIGH.lowest_hz)
    return {"low": np.array(n_low), "pitched": np.array(len(pitched_hz))}
