"""`Contender`: whatever the bench compares, be it a voice, a model family or a baseline.

All of them analyse a performance once and render it at any mix, in the recording's own length and
rate, so that no metric needs to know which of them it measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float32

from violute.audio.limiter import limit
from violute.audio.loudness import SILENCE_LUFS, LoudnessMeter
from violute.errors import InputError, MixError

CEILING_DB = -1.0
"""Highest true peak of a rendering, in dBTP; the same as for a voice."""

MAX_MAKE_UP_DB = 6.0
LOUDNESS_TOLERANCE_LU = 0.2
"""What the limiter may take from the loudness before the gain makes up for it, and how far that goes."""

References = Mapping[str, Sequence[tuple[Float[np.ndarray, "... sample"], int]]]
"""Recordings (audio, rate in Hz) of each end's instrument, by the end's name; the end of mix 0 first."""


class ContenderTake(Protocol):
    """One performance, analysed by one contender."""

    def render(self, mix: float = 0.5) -> Float[np.ndarray, "... sample"]:
        """Play the performance at `mix`, in the source's shape, rate and loudness.

        Raises:
            MixError: The mix is not a number from 0 to 1.
        """
        ...


class Contender(Protocol):
    """Something that plays a performance between two ends; every voice is one."""

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> ContenderTake:
        """Measure a performance: `(sample,)` or `(channel, sample)`, any rate.

        Raises:
            AudioError: The audio is empty, silent, or not finite.
        """
        ...


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


def as_loud_as(
    wanted_lufs: float, audio: Float[np.ndarray, "*channel sample"], sample_rate: int
) -> Float32[np.ndarray, "*channel sample"]:
    """Bring a rendering to a loudness, with true peaks below `CEILING_DB`.

    Args:
        wanted_lufs: Integrated loudness of the source, BS.1770-4.
        audio: The rendering; silence stays silence.
        sample_rate: In Hz.
    """
    channels = np.atleast_2d(audio).astype(np.float32)
    measured_lufs, peak_db = _measured(channels, sample_rate)
    if measured_lufs > SILENCE_LUFS:
        gain_db = wanted_lufs - measured_lufs
        finished = np.float32(10.0 ** (gain_db / 20.0)) * channels
        if peak_db + gain_db > CEILING_DB:
            finished = limit(finished, sample_rate, ceiling_db=CEILING_DB)
            most_db = gain_db + MAX_MAKE_UP_DB
            for _ in range(3):
                missing_lu = wanted_lufs - _measured(finished, sample_rate)[0]
                if missing_lu <= LOUDNESS_TOLERANCE_LU:
                    break
                gain_db = min(gain_db + missing_lu, most_db)
                louder = np.float32(10.0 ** (gain_db / 20.0)) * channels
                finished = limit(louder, sample_rate, ceiling_db=CEILING_DB)
        channels = finished
    return channels if audio.ndim == 2 else channels[0]


def _measured(channels: Float32[np.ndarray, "channel sample"], sample_rate: int) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP."""
    meter = LoudnessMeter(sample_rate, len(channels))
    meter.push(channels)
    return meter.integrated_lufs(), meter.true_peak_db()
