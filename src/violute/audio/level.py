"""Bringing a sound to a loudness while its true peaks stay below a ceiling.

The limiter takes loudness away where it works, so the gain before it is raised until little is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float, Float32

from violute.audio.limiter import CEILING_DB, limit
from violute.audio.loudness import SILENCE_LUFS, LoudnessMeter

LOUDNESS_TOLERANCE_LU = 0.3
"""What the limiter may take from the loudness before the gain makes up for it."""

MAX_MAKE_UP_DB = 6.0


def gain_to_loudness_db(
    meter: LoudnessMeter,
    wanted_lufs: float,
    limited: Callable[[float], Iterable[Float32[np.ndarray, "channel _sample"]]],
    *,
    loudest_db: float = 0.0,
) -> float:
    """Find the gain before the limiter that makes a sound as loud as wanted behind it.

    Args:
        meter: Has heard the whole sound.
        wanted_lufs: Integrated loudness, BS.1770-4.
        limited: Returns the sound at a gain in dB, limited to `CEILING_DB`, in blocks.
        loudest_db: Gain that its loudest copy gets on top, such as a channel of a mono sound; that one is
            what the limiter sees.

    Returns:
        Gain in dB; 0 for silence.
    """
    measured_lufs = meter.integrated_lufs()
    if measured_lufs <= SILENCE_LUFS:
        return 0.0
    gain_db = wanted_lufs - measured_lufs
    if meter.true_peak_db() + gain_db + loudest_db <= CEILING_DB:
        return gain_db
    most_db = gain_db + MAX_MAKE_UP_DB
    for _ in range(3):
        limited_meter = LoudnessMeter(meter.sample_rate, meter.n_channels)
        for block in limited(gain_db + loudest_db):
            limited_meter.push(block)
        missing_lu = wanted_lufs - (limited_meter.integrated_lufs() - loudest_db)
        if missing_lu <= LOUDNESS_TOLERANCE_LU:
            break
        gain_db = min(gain_db + missing_lu, most_db)
    return gain_db


def bring_to_loudness(
    audio: Float[np.ndarray, "*channel sample"], wanted_lufs: float, sample_rate: int
) -> Float32[np.ndarray, "*channel sample"]:
    """Bring a sound to a loudness, with true peaks below `CEILING_DB`; silence stays silence."""
    channels = np.atleast_2d(audio).astype(np.float32)
    meter = LoudnessMeter(sample_rate, len(channels))
    meter.push(channels)

    def limited(gain_db: float) -> list[Float32[np.ndarray, "channel sample"]]:
        return [limit(db_to_gain(gain_db) * channels, sample_rate)]

    gain_db = gain_to_loudness_db(meter, wanted_lufs, limited)
    is_safe = meter.true_peak_db() + gain_db <= CEILING_DB
    finished = db_to_gain(gain_db) * channels if is_safe else limited(gain_db)[0]
    return finished if audio.ndim == 2 else finished[0]


def db_to_gain(level_db: float) -> np.float32:
    """Return the linear gain of a level in dB."""
    return np.float32(10.0 ** (level_db / 20.0))
