"""Partials that waver: no bow or breath holds a level still, and partials wander, alone and together.

A network that was taught levels answers with the likeliest one, so its partials stand stiller than any
recording's. What it left out was measured while the voice was made: how far the level of each partial
strays from the prediction, for each instrument: by itself, and together with the others, as when a bow
moves and high partials rise while the low ones fall. Here both are given back as smooth noise, one track
a partial and one for all. Tracks depend on nothing but the frame, so streaming, seeking and repeating give the same sound,
and both ends share them: a mix wavers as one instrument.

Source:
    Fletcher & Rossing, The Physics of Musical Instruments (2nd ed. 1998), section 10.6, for the
    fluctuations of bowed strings; the measurement is in `violute.training.unrest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

HARMONICS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Harmonics whose unrest a card tells; those between follow a straight line over log frequency."""

N_TRACK_FRAMES = 4096
"""Frames after which the tracks repeat: 41 s, too long to be noticed."""

N_TRACKS = 100
SMOOTHING = (0.25, 0.75, 1.0, 0.75, 0.25)
"""Weights over five frames of 10 ms: neighbours correlate by 0.83, frames 40 ms apart hardly, as measured."""

WIDEST = 2.5
"""Standard deviations at which the tracks are clipped."""


def unrest_curve(told_db: Sequence[float], n_harmonics: int) -> Float[np.ndarray, " harmonic"]:
    """Return the standard deviation of each harmonic's level in dB.

    Args:
        told_db: At `HARMONICS`; nothing for a voice that stands still.
        n_harmonics: Harmonics of the voice.
    """
    if not len(told_db):
        return np.zeros(n_harmonics, np.float32)
    numbers = np.arange(1, n_harmonics + 1)
    return np.interp(np.log2(numbers), np.log2(HARMONICS), told_db).astype(np.float32)


def wavering(
    frames: Int[np.ndarray, " point"],
    unrest_db: Float[np.ndarray, " harmonic"],
    common_db: Float[np.ndarray, " harmonic"],
) -> Float[np.ndarray, "point harmonic"]:
    """Return the factor on the square root of each amplitude; it leaves the mean power of a partial.

    Args:
        frames: Numbers of frames from the beginning of the performance.
        unrest_db: Standard deviation of what each level does by itself, in dB.
        common_db: How far each level goes along with the movement that all share, in dB at one standard
            deviation; those of opposite signs move against each other.
    """
    tracks = _tracks()[frames % N_TRACK_FRAMES]
    # Power is the root to the fourth: exp(4 d g) with g of variance 1 has the mean exp(8 d^2).
    depth, common = (np.float32(np.log(10.0) / 40.0) * level for level in (unrest_db, common_db))
    moved = depth * tracks[:, : len(unrest_db)] + common * tracks[:, -1:]
    return np.exp(moved - 2.0 * (np.square(depth) + np.square(common)))


@lru_cache(maxsize=1)
def _tracks() -> Float[np.ndarray, "frame track"]:
    """Smooth noise of mean 0 and standard deviation 1, whose end joins its beginning; the last is for all."""
    rng = np.random.default_rng(20_261_123)
    white = np.hstack([rng.standard_normal((N_TRACK_FRAMES, n)) for n in (N_TRACKS, 1)])
    smooth = sum(weight * np.roll(white, i, axis=0) for i, weight in enumerate(SMOOTHING))
    smooth = smooth / np.sqrt(np.square(SMOOTHING).sum())
    return np.clip(smooth, -WIDEST, WIDEST).astype(np.float32)
