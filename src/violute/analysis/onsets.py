"""Where notes begin: a spectral flux that listens to rises, band by band."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from violute.transforms.matrix_products import matrix_product

N_BANDS = 40
LAG_FRAMES = 3
"""A rise is measured over this time: 30 ms."""

FRAMES_PER_GROUP = 4096
FLOOR_DB = -80.0
RANGE_DB = 60.0
CLEAR_RISE_DB = 9.0
"""Mean rise over the bands that counts as onset strength 1."""

THRESHOLD = 0.25
"""Strength that an onset exceeds."""

GAP_FRAMES = 6
"""Peaks this close to a stronger one, or closer, are no onsets."""


@lru_cache(maxsize=4)
def _band_weights(n_bins: int, sample_rate: int) -> Float[np.ndarray, "bin band"]:
    """Triangles on the mel scale, 150 Hz to 12 kHz."""
    edges_mel = np.linspace(1127.0 * np.log1p(150 / 700), 1127.0 * np.log1p(12_000 / 700), N_BANDS + 2)
    edges_hz = 700.0 * np.expm1(edges_mel / 1127.0)
    bins_hz = np.linspace(0.0, sample_rate / 2, n_bins)[:, None]
    rising = (bins_hz - edges_hz[:-2]) / (edges_hz[1:-1] - edges_hz[:-2])
    falling = (edges_hz[2:] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])
    return np.maximum(np.minimum(rising, falling), 0.0).astype(np.float32)


def band_levels_db(
    magnitudes: Float[np.ndarray, "frame bin"], sample_rate: int
) -> Float[np.ndarray, "frame band"]:
    """Level of each band in dB, not below `FLOOR_DB`."""
    power = matrix_product(np.square(magnitudes), _band_weights(magnitudes.shape[1], sample_rate))
    return np.maximum(10.0 * np.log10(np.maximum(power, 1e-20)), FLOOR_DB).astype(np.float32)


def onset_strength(levels_db: Float[np.ndarray, "frame band"]) -> Float[np.ndarray, " frame"]:
    """Mean rise of the bands over 30 ms, 1 at a clear attack.

    Bands more than `RANGE_DB` below the piece's loudest count as silent, so that hiss and reverb
    tails do not read as notes.

    Source:
        Böck & Widmer, Maximum filter vibrato suppression for onset detection (DAFx 2013): the
        earlier frame is widened by a band on either side, so that vibrato is no rise.
    """
    silent_db = levels_db.max(initial=FLOOR_DB) - RANGE_DB
    strength = np.zeros(len(levels_db), np.float32)
    # A piece at a time: an hour of levels is large enough without several copies of it.
    for start in range(0, len(levels_db), FRAMES_PER_GROUP):
        first = max(start - LAG_FRAMES, 0)
        levels = np.maximum(levels_db[first : start + FRAMES_PER_GROUP], silent_db)
        now = levels[start - first :]
        n_missing = LAG_FRAMES - (start - first)
        padded = np.pad(levels, ((n_missing, 0), (1, 1)), mode="edge")[: len(now)]
        earlier = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        rise_db = np.maximum(now - earlier, 0.0).mean(axis=1)
        strength[start : start + len(now)] = rise_db / CLEAR_RISE_DB
    return strength


def pick_onsets(strength: Float[np.ndarray, " frame"]) -> Int[np.ndarray, " onset"]:
    """Frames at which notes begin: peaks of the strength above `THRESHOLD`, more than `GAP_FRAMES` apart."""
    if len(strength) == 0:
        return np.zeros(0, dtype=np.int64)
    padded = np.pad(strength, GAP_FRAMES, constant_values=-1.0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * GAP_FRAMES + 1)
    is_peak = (strength >= windows.max(axis=1)) & (strength > THRESHOLD)
    # Of a plateau, the first frame alone is the peak.
    is_peak &= np.diff(strength, prepend=-1.0) > 0.0
    return np.flatnonzero(is_peak)
