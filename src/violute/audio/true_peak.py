"""Peaks between the samples: four times oversampled, as BS.1770 asks.

A converter or an encoder draws the curve through the samples, and the curve can rise above all of them.
The interpolator is a windowed sinc, longer than the Recommendation's example (24 taps a phase, not 12),
so that it reads tones up to 0.85 of Nyquist within 0.05 dB of their value at the four points.

Most of a recording is far below its peak. The interpolated points of a tile can't exceed its largest
sample by more than a constant times its largest step, so tiles that can't matter are never filtered.

Source: ITU-R BS.1770-4, annex 2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

CONTEXT_SAMPLES = 12
"""Samples on each side that the interpolator reads beyond a stretch."""

_OVERSAMPLING = 4
_ROW_SAMPLES = 32
"""Samples whose points one row of the matrix product gives."""

_TILE_SAMPLES = 1_024
"""Small enough for a BLAS to stay on one core: waking another costs more than the product."""


def _interpolator() -> Float32[np.ndarray, "3 24"]:
    """Taps for the points a quarter, a half and three quarters after sample `CONTEXT_SAMPLES - 1`."""
    taps = np.arange(2 * CONTEXT_SAMPLES) - (CONTEXT_SAMPLES - 1)
    offsets = np.arange(1, _OVERSAMPLING)[:, None] / _OVERSAMPLING - taps
    window = np.i0(6.0 * np.sqrt(1 - (offsets / CONTEXT_SAMPLES) ** 2))
    kernel = np.sinc(offsets) * window
    # Each phase passes a constant unchanged, which the bound below relies on.
    return (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


_KERNEL = _interpolator()
_LARGEST_GAIN = float(np.abs(_KERNEL).sum(axis=1).max())


def _step_gain() -> float:
    """Most by which an interpolated point exceeds its neighbour, for steps of at most 1.

    A phase minus the neighbouring sample sums to zero, so it is a filter of the differences: its
    running sum.
    """
    residual = _KERNEL.astype(np.float64)
    residual[:, CONTEXT_SAMPLES - 1] -= 1
    return float(np.abs(residual.cumsum(axis=1)).sum(axis=1).max())


_STEP_GAIN = _step_gain()


def _row_matrix() -> Float32[np.ndarray, "55 96"]:
    """Matrix from the samples around a row of `_ROW_SAMPLES` to the three points after each of them."""
    matrix = np.zeros((_ROW_SAMPLES + 2 * CONTEXT_SAMPLES - 1, _OVERSAMPLING - 1, _ROW_SAMPLES), np.float32)
    for i in range(_ROW_SAMPLES):
        matrix[i : i + 2 * CONTEXT_SAMPLES, :, i] = _KERNEL.T
    return matrix.reshape(len(matrix), -1)


_ROW_MATRIX = _row_matrix()


def interpolated_peaks(
    padded: Float32[np.ndarray, "channel padded"], threshold: float = 0.0
) -> Float32[np.ndarray, " sample"]:
    """Measure the curve through the samples: the larger of each sample and the three points after it.

    Args:
        padded: The stretch with `CONTEXT_SAMPLES` more on each side, zeros where there are none.
        threshold: Tiles whose curve can't exceed this level are left at the level of their samples.

    Returns:
        Largest magnitude over the channels, linear, for the stretch without its context.
    """
    n_samples = padded.shape[1] - 2 * CONTEXT_SAMPLES
    tiles = _Tiles(padded)
    peaks = tiles.magnitude[CONTEXT_SAMPLES : CONTEXT_SAMPLES + n_samples].copy()
    for tile in np.flatnonzero(tiles.bounds > threshold).tolist():
        reached = peaks[tile * _TILE_SAMPLES : (tile + 1) * _TILE_SAMPLES]
        np.maximum(reached, tiles.points(tile)[: len(reached)], out=reached)
    return peaks


def largest_peak(padded: Float32[np.ndarray, "channel padded"], at_least: float = 0.0) -> float:
    """Return the largest of `interpolated_peaks`, or `at_least` where that is more.

    The tile that can reach furthest comes first, so that hardly any other has to follow.
    """
    n_samples = padded.shape[1] - 2 * CONTEXT_SAMPLES
    tiles = _Tiles(padded)
    samples = tiles.magnitude[CONTEXT_SAMPLES : CONTEXT_SAMPLES + n_samples]
    largest = float(samples.max(initial=at_least))
    for tile in np.argsort(-tiles.bounds).tolist():
        if tiles.bounds[tile] <= largest:
            break
        n_inside = n_samples - tile * _TILE_SAMPLES
        largest = max(largest, float(tiles.points(tile)[:n_inside].max()))
    return largest


class _Tiles:
    """A stretch in tiles, each with a bound on what its curve can reach; padded as for `interpolated_peaks`.

    Attributes:
        magnitude: Of each padded sample, the largest over the channels.
        bounds: Level that no point between the samples of a tile exceeds.
    """

    def __init__(self, padded: Float32[np.ndarray, "channel padded"]) -> None:
        n_tiles = -(-(padded.shape[1] - 2 * CONTEXT_SAMPLES) // _TILE_SAMPLES)
        self.magnitude = np.abs(padded).max(axis=0)
        steps = np.abs(np.diff(padded, axis=1, append=padded[:, -1:])).max(axis=0)
        missing = n_tiles * _TILE_SAMPLES + 2 * CONTEXT_SAMPLES - padded.shape[1]
        largest = _tile_maxima(self.magnitude, n_tiles, missing)
        bounds = np.minimum(
            _LARGEST_GAIN * largest, largest + _STEP_GAIN * _tile_maxima(steps, n_tiles, missing)
        )
        self.bounds = bounds.astype(np.float64)
        self._padded = np.pad(padded, ((0, 0), (0, missing)))

    def points(self, tile: int) -> Float32[np.ndarray, " sample"]:
        """Return the largest of the three points after each sample of a tile, over the channels."""
        start = tile * _TILE_SAMPLES
        points = np.zeros(_TILE_SAMPLES, np.float32)
        # The points after sample n read n - 11 to n + 12: the context's first sample is one too early.
        for channel in self._padded[:, start + 1 : start + _TILE_SAMPLES + 2 * CONTEXT_SAMPLES]:
            rows = np.lib.stride_tricks.sliding_window_view(channel, len(_ROW_MATRIX))[::_ROW_SAMPLES]
            between = np.abs(rows @ _ROW_MATRIX).reshape(len(rows), -1, _ROW_SAMPLES).max(axis=1)
            np.maximum(points, between.ravel(), out=points)
        return points


def _tile_maxima(
    levels: Float32[np.ndarray, " padded"], n_tiles: int, missing: int
) -> Float32[np.ndarray, " tile"]:
    """Return the largest level of each tile and its context."""
    levels = np.pad(levels, (0, missing))
    n_whole = n_tiles * _TILE_SAMPLES
    own = levels[:n_whole].reshape(n_tiles, _TILE_SAMPLES).max(axis=1)
    starts = np.arange(1, n_tiles + 1)[:, None] * _TILE_SAMPLES
    return np.maximum(own, levels[starts + np.arange(2 * CONTEXT_SAMPLES)].max(axis=1))


class TruePeakMeter:
    """Measure the true peak of a recording that comes in blocks."""

    def __init__(self, n_channels: int) -> None:
        self._n_channels = n_channels
        self._context = np.zeros((n_channels, 2 * CONTEXT_SAMPLES), dtype=np.float32)
        self._peak = 0.0

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> None:
        """Measure the next block."""
        padded = np.concatenate([self._context, block], axis=1)
        self._peak = largest_peak(padded, self._peak)
        self._context = padded[:, -2 * CONTEXT_SAMPLES :]

    def peak(self) -> float:
        """Return the largest magnitude so far, linear, silence assumed to follow; 0 without samples."""
        silence = np.zeros((self._n_channels, 2 * CONTEXT_SAMPLES), dtype=np.float32)
        return largest_peak(np.concatenate([self._context, silence], axis=1), self._peak)
