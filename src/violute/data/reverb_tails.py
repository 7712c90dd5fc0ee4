"""What a hall still sounds of earlier notes, where the noise of the present one is measured.

Between the harmonics of a note lies its breath or bow noise, and in a hall the reverberation of the
notes before it. A voice that took one for the other would hiss wherever notes are short. Here is what
the partials of the past would leave in the gaps of each frame, if the hall let them decay at a few
rates; how strongly a hall answers is left to training, which fits a level to each source of recordings.

Source:
    Moorer, About this reverberation business (Computer Music Journal 3(2), 1979): late reverberation
    is noise that decays exponentially.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from violute.data.harmonics import FLOOR_DB, bands_from_gaps
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.noise import N_BANDS

Frames = Float[np.ndarray, " frame"]

DECAY_SECONDS = (0.12, 0.5)
"""Time in which the energy of a tail falls to 1/e, for each tail; 0.5 s is a hall of RT60 = 3.5 s."""

DELAY_FRAMES = 4
"""What sounded less than 40 ms ago still shares the window with the note itself."""

GRID_HZ = 20.0
"""Width of the cells in which past power is kept, well below the gap of the lowest note."""

GAP_CENTRE = (0.3, 0.7)
"""Part of a gap in which the present note has no power of its own, from one harmonic to the next."""

BLOCK_FRAMES = 4096


def reverberation_tails(
    f0_hz: Frames, harmonic_db: Float[np.ndarray, "frame harmonic"]
) -> Float[np.ndarray, "frame tail band"]:
    """Return what past partials would leave between the present ones, whose fundamentals are above 0.

    Returns:
        Level in each noise band, in dB relative to white noise of RMS 1, for each of `DECAY_SECONDS`,
        of a hall whose reverberation has as much energy as the sound that excites it.
    """
    f0_hz = f0_hz.astype(np.float64)
    n_frames, n_cells = len(f0_hz), int(SAMPLE_RATE / 2 / GRID_HZ) + 2
    falls = [np.exp(-HOP_LENGTH / SAMPLE_RATE / seconds) for seconds in DECAY_SECONDS]
    states = [np.zeros((1, n_cells)) for _ in falls]
    blocks = [np.empty((0, len(falls), N_BANDS), np.float32)]
    for start in range(0, n_frames, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, n_frames)
        # Frames before the first have sounded nothing.
        past = np.arange(start, stop) - DELAY_FRAMES
        power = _power_on_grid(f0_hz[np.maximum(past, 0)], harmonic_db[np.maximum(past, 0)], n_cells)
        power[past < 0] = 0.0
        levels = []
        for i, fall in enumerate(falls):
            remaining, states[i] = lfilter([1.0 - fall], [1.0, -fall], power, axis=0, zi=states[i])
            gap_db = _gaps_db(remaining, f0_hz[start:stop], harmonic_db.shape[1])
            levels.append(bands_from_gaps(gap_db, f0_hz[start:stop]))
        blocks.append(np.stack(levels, axis=1))
    return np.concatenate(blocks)


def _power_on_grid(
    f0_hz: Frames, harmonic_db: Float[np.ndarray, "frame harmonic"], n_cells: int
) -> Float[np.ndarray, "frame cell"]:
    """Lay the power of each partial on the two cells nearest to it."""
    grid = np.zeros((len(f0_hz), n_cells))
    power = 0.5 * 10.0 ** (harmonic_db.astype(np.float64) / 10.0)
    rows = np.arange(len(f0_hz))
    for k in range(harmonic_db.shape[1]):
        position = (k + 1) * f0_hz / GRID_HZ
        is_inside = position < n_cells - 1
        row, cell = rows[is_inside], position[is_inside].astype(np.int64)
        part = position[is_inside] - cell
        grid[row, cell] += (1.0 - part) * power[row, k]
        grid[row, cell + 1] += part * power[row, k]
    return grid


def _gaps_db(
    power: Float[np.ndarray, "frame cell"], f0_hz: Frames, n_gaps: int
) -> Float[np.ndarray, "frame gap"]:
    """Level in the middle of each gap as that of the white noise that is as dense there."""
    sums = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))
    rows = np.arange(len(f0_hz))

    def below(frequency_hz: Frames) -> Frames:
        # Cell i reaches half a cell to either side of i * GRID_HZ.
        position = np.clip(frequency_hz / GRID_HZ + 0.5, 0.0, power.shape[1] - 1e-6)
        cell = position.astype(np.int64)
        return sums[rows, cell] + (position - cell) * (sums[rows, cell + 1] - sums[rows, cell])

    gap_db = np.full((len(f0_hz), n_gaps), FLOOR_DB)
    for gap in range(n_gaps):
        low_hz, high_hz = ((gap + share) * f0_hz for share in GAP_CENTRE)
        density = (below(high_hz) - below(low_hz)) / (high_hz - low_hz)
        level_db = 10.0 * np.log10(np.maximum(density * SAMPLE_RATE / 2, 10.0 ** (FLOOR_DB / 10.0)))
        # As in a measurement, the floor stands for what lies above Nyquist, and for nothing else.
        gap_db[:, gap] = np.where(high_hz < SAMPLE_RATE / 2, np.maximum(level_db, FLOOR_DB + 1.0), FLOOR_DB)
    return gap_db
