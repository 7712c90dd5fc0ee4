"""Spectra on a grid of pitches: what the network that hears chords is given.

A third of a semitone a bin, so that the partials of every note are the same steps apart. Two windows see
each moment: a long one, which parts the partials of notes a third apart, and a short one, which tells when
they begin. Levels stand relative to the loudest partial of the last and the next 0.3 s, or to a floor below
the loudest of all, whichever is higher: neither the gain of a recording nor its slow dynamics are heard, and
rests stay silent.

Frames lie 20 ms apart: frame `i` is centred on second `i / FRAME_RATE_HZ`, and is frame `2 i` of `Controls`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Num

from violute.analysis.conditioning import hz_to_midi
from violute.analysis.controls import FRAME_RATE_HZ as CONTROLS_RATE_HZ
from violute.rates import SAMPLE_RATE
from violute.transforms.matrix_products import matrix_product

CONTROLS_FRAMES = 2
"""Frames of `Controls` in each of these."""

FRAME_RATE_HZ = CONTROLS_RATE_HZ / CONTROLS_FRAMES
N_FFTS = (4096, 2048)
"""Windows in samples at `SAMPLE_RATE`: 93 and 46 ms."""

BINS_PER_SEMITONE = 3
LOWEST_MIDI = 54.0
"""First bin: F sharp below the violin's open G string."""

N_BINS = 216
"""Up to 11.8 kHz."""

RANGE_DB = 60.0
FLOOR_BELOW_DB = 12.0
"""How far below the loudest partial of a piece a note may be before it is shown as soft."""

SILENT_AMPLITUDE = 1e-4
"""Where no partial is louder than this, there is silence."""

REACH_FRAMES = 15


def bin_hz(index: float | Num[np.ndarray, " *axes"]) -> Float[np.ndarray, " *axes"]:
    """Frequency of a bin, whole or not, in Hz."""
    return np.asarray(440.0 * 2.0 ** ((LOWEST_MIDI + np.asarray(index) / BINS_PER_SEMITONE - 69.0) / 12.0))


def hz_bin(frequency_hz: float | Float[np.ndarray, " *axes"]) -> Float[np.ndarray, " *axes"]:
    """Place of a frequency on the grid, in bins; the inverse of `bin_hz`."""
    return np.asarray((hz_to_midi(np.asarray(frequency_hz)) - LOWEST_MIDI) * BINS_PER_SEMITONE)


def log_spectra(
    long_magnitudes: Float[np.ndarray, "frame long_bin"],
    short_magnitudes: Float[np.ndarray, "frame short_bin"],
    *,
    loudest: float,
) -> Float32[np.ndarray, "frame bin 2"]:
    """Lay spectra out on the grid of pitches.

    Args:
        long_magnitudes: Of windows of `N_FFTS[0]` samples, every 20 ms, as `magnitude_frames` gives them.
        short_magnitudes: Of `N_FFTS[1]` samples, at the same moments; bins above the grid may be cut off.
        loudest: Amplitude of the loudest partial of the piece that the spectra are from.

    Returns:
        Level in each bin, 1 at the loudest partial nearby and 0 at `RANGE_DB` below it.
    """
    power = []
    for magnitudes, n_fft in zip((long_magnitudes, short_magnitudes), N_FFTS, strict=True):
        weights = _grid_weights(n_fft)
        power.append(matrix_product(np.square(magnitudes[:, : len(weights)]), weights))
    levels_db = (10.0 * np.log10(np.maximum(np.stack(power, axis=2), np.float32(1e-12)))).astype(np.float32)
    floor_db = 20.0 * np.log10(max(loudest, SILENT_AMPLITUDE)) - FLOOR_BELOW_DB
    return relative_levels(levels_db, floor_db if loudest > SILENT_AMPLITUDE else 0.0)


def relative_levels(
    levels_db: Float[np.ndarray, "frame bin 2"], floor_db: float
) -> Float32[np.ndarray, "frame bin 2"]:
    """Refer levels to the loudest partial within `REACH_FRAMES`, or to the floor, window by window."""
    loudest_db = levels_db.max(axis=1)
    padded = np.pad(loudest_db, ((REACH_FRAMES, REACH_FRAMES), (0, 0)), mode="edge")
    nearby = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH_FRAMES + 1, axis=0).max(axis=-1)
    nearby = np.maximum(nearby, floor_db)
    return np.clip((levels_db - nearby[:, None]) / RANGE_DB + 1.0, 0.0, 1.0).astype(np.float32)


@lru_cache(maxsize=2)
def _grid_weights(n_fft: int) -> Float[np.ndarray, "fft_bin bin"]:
    """Triangles a bin of the grid or a bin of the FFT wide, whichever is wider."""
    centres_hz = bin_hz(np.arange(N_BINS))
    half_hz = np.maximum(centres_hz * (2.0 ** (1.0 / (12.0 * BINS_PER_SEMITONE)) - 1.0), SAMPLE_RATE / n_fft)
    n_used = int((centres_hz[-1] + half_hz[-1]) / (SAMPLE_RATE / n_fft)) + 1
    fft_hz = np.arange(n_used)[:, None] * (SAMPLE_RATE / n_fft)
    return np.maximum(1.0 - np.abs(fft_hz - centres_hz) / half_hz, 0.0).astype(np.float32)
