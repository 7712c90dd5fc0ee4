"""A limiter that looks ahead: true peaks stay below a ceiling, everything else stays as it is.

Each sample asks for the gain that would bring the curve behind it under the ceiling. The gain applied is
the smallest asked for within 10 ms on either side, smoothed by a triangle that is just narrower: at a peak
and at its neighbours every value under the triangle is at most what the peak asked for, so the smooth gain
is too. Nothing is recursive, so blocks of any length give what the whole recording gives, and a stretch
that asks for nothing is passed on bit for bit.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from violute.audio.true_peak import CONTEXT_SAMPLES, interpolated_peaks

CEILING_DB = -1.0
"""Highest true peak: what streaming services and lossy encoders ask for, in dBTP."""

_LOOK_AHEAD_SECONDS = 0.01

_THRESHOLD_DB = 0.1
"""Peaks count as too high from this far below the ceiling: four points a sample miss the top of a curve."""

_MARGIN_DB = 0.3
"""Peaks that are too high end this far below the ceiling: a gain that moves bends the curve a little."""

_THRESHOLD, _TARGET = (10 ** ((CEILING_DB - below_db) / 20) for below_db in (_THRESHOLD_DB, _MARGIN_DB))

_TILE_SAMPLES = 8_192
"""Gains are worked out for so many samples at a time, and only where one is needed."""


class Limiter:
    """Limit a recording that comes in blocks; the joined output is as long as the input.

    All channels get the same gain, so that the balance holds.

    Attributes:
        latency_samples: How far the output runs behind the input, about 20 ms.
    """

    def __init__(self, sample_rate: int, n_channels: int) -> None:
        self._n_channels = n_channels
        self._reach = max(CONTEXT_SAMPLES, round(_LOOK_AHEAD_SECONDS * sample_rate))
        self._context = 2 * self._reach
        self.latency_samples = self._context + CONTEXT_SAMPLES
        self._recent = np.zeros((n_channels, 2 * CONTEXT_SAMPLES), dtype=np.float32)
        self._waiting = np.zeros((n_channels, 0), dtype=np.float32)
        # From `_context` before the first waiting sample on: what its gain depends on. The interpolator
        # runs behind by its own context, so its first answers are about the silence before the start.
        self._asked = np.ones(self._context - CONTEXT_SAMPLES)

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> Float32[np.ndarray, "channel limited"]:
        """Take the next block and return what is ready, which can be nothing."""
        padded = np.concatenate([self._recent, block], axis=1)
        self._recent = padded[:, -2 * CONTEXT_SAMPLES :]
        peaks = interpolated_peaks(padded, _THRESHOLD).astype(np.float64)
        asked = np.where(peaks > _THRESHOLD, _TARGET / np.maximum(peaks, _THRESHOLD), 1.0)
        self._asked = np.concatenate([self._asked, asked])
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        n_ready = max(0, self._asked.size - 2 * self._context)
        ready = self._waiting[:, :n_ready].copy()
        self._waiting = self._waiting[:, n_ready:]
        for start in range(0, n_ready, _TILE_SAMPLES):
            tile = ready[:, start : start + _TILE_SAMPLES]
            needed = self._asked[start : start + tile.shape[1] + 2 * self._context]
            if float(needed.min()) < 1:
                tile *= _smooth_gain(needed, self._reach).astype(np.float32)
        self._asked = self._asked[n_ready:]
        return ready

    def flush(self) -> Float32[np.ndarray, "channel limited"]:
        """Return what is left; nothing may be pushed afterwards."""
        return self.push(np.zeros((self._n_channels, self.latency_samples), dtype=np.float32))


def limit(
    audio: Float32[np.ndarray, "*channel sample"], sample_rate: int
) -> Float32[np.ndarray, "*channel sample"]:
    """Limit a whole recording to true peaks of `CEILING_DB`.

    The shape stays, and every sample where no peak within 20 ms comes within 0.1 dB of the ceiling.
    """
    channels = np.atleast_2d(audio)
    limiter = Limiter(sample_rate, channels.shape[0])
    limited = np.concatenate([limiter.push(channels), limiter.flush()], axis=1)
    return limited if audio.ndim == 2 else limited[0]


def _smooth_gain(asked: Float[np.ndarray, " padded"], reach: int) -> Float[np.ndarray, " sample"]:
    """Hold the smallest gain for `reach` either side, then smooth it; `2 * reach` shorter at each end."""
    held = _running_minimum(asked, 2 * reach + 1)[1:-1]
    # What is taken away rather than what is left: exactly 0 where nothing is asked for.
    return 1 - _running_mean(_running_mean(1 - held, reach), reach)


def _running_minimum(values: Float[np.ndarray, " padded"], width: int) -> Float[np.ndarray, " sample"]:
    """Smallest of each `width` neighbours, by windows that double; `width - 1` shorter."""
    reached = 1
    while reached < width:
        step = min(reached, width - reached)
        values = np.minimum(values[:-step], values[step:])
        reached += step
    return values


def _running_mean(values: Float[np.ndarray, " padded"], width: int) -> Float[np.ndarray, " sample"]:
    """Mean of each `width` neighbours; `width - 1` shorter."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return (total[width:] - total[:-width]) / width
