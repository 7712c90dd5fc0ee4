"""A cheap doubt: where may more than one note sound? It decides where the network that hears chords listens.

The tracker has found one fundamental. Where much of the power of the spectral peaks lies beside its harmonics
for a good part of a second, there may be a second note, and the network tells. What a hall keeps of earlier
notes is not counted: peaks on their harmonics that have fallen since. Where nothing is left, the network is
never asked, so one line costs what it did.

Source:
    Klapuri, Multiple fundamental frequency estimation by summing harmonic amplitudes (ISMIR 2006), for
    hearing the second note in what the first leaves over.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.pitch_range import HIGH
from violute.transforms.peaks import find_peaks
from violute.transforms.runs import count_near

EVERY_FRAMES = 5
"""One frame of `Controls` in so many is looked at: every 50 ms."""

HIGHEST_BIN = 280
"""Up to 6 kHz."""

PEAK_RANGE_DB = 30.0
TOLERANCE_HZ = 12.0
TOLERANCE_SHARE = 0.02
"""A peak as far as this from every harmonic, or as its own frequency times this, belongs to no harmonic."""

EARLIER_LOOKS = (1, 2, 3, 4, 6, 8, 10, 12)
"""Earlier notes, up to 0.6 s ago, whose harmonics may ring on."""

FALLEN = 0.6
"""A partial that rings has fallen to this share of its amplitude then, or below."""

FOREIGN_SHARE = 0.15
WINDOW_LOOKS = 20
"""One second."""

DOUBTFUL_SHARE = 0.3
MARGIN_LOOKS = 10
WHOLE_SHARE = 0.3
"""Where so much of a piece is doubtful, all of it is."""


def doubtful_frames(
    magnitudes: Float[np.ndarray, "frame bin"], f0_hz: Float[np.ndarray, " frame"]
) -> Bool[np.ndarray, " frame"]:
    """Tell the frames around which more than one note may sound, by spectra of the high range."""
    share = foreign_share(magnitudes[::EVERY_FRAMES], f0_hz[::EVERY_FRAMES])
    often = np.convolve(share > FOREIGN_SHARE, np.ones(WINDOW_LOOKS), mode="full")
    often = often[WINDOW_LOOKS // 2 : WINDOW_LOOKS // 2 + len(share)] >= DOUBTFUL_SHARE * WINDOW_LOOKS
    near = count_near(often, MARGIN_LOOKS) > 0.0
    near |= np.mean(near) >= WHOLE_SHARE
    return np.repeat(near, EVERY_FRAMES)[: len(f0_hz)]


def foreign_share(
    magnitudes: Float[np.ndarray, "look bin"], f0_hz: Float[np.ndarray, " look"]
) -> Float[np.ndarray, " look"]:
    """Share of the power of all spectral peaks of looks in a row that belongs to no harmonic, old or new."""
    used = magnitudes[:, :HIGHEST_BIN]
    look, column, place, log_magnitude = find_peaks(used, range_db=PEAK_RANGE_DB)
    frequency_hz = place * HIGH.windows[0].bin_hz
    f0_hz = np.maximum(f0_hz, HIGH.lowest_hz)

    def is_beside(fundamental_hz: Float[np.ndarray, " peak"]) -> Bool[np.ndarray, " peak"]:
        number = np.maximum(np.rint(frequency_hz / fundamental_hz), 1.0)
        distance_hz = np.abs(frequency_hz - number * fundamental_hz)
        return distance_hz > np.maximum(TOLERANCE_HZ, TOLERANCE_SHARE * frequency_hz)

    is_foreign = is_beside(f0_hz[look])
    for looks in EARLIER_LOOKS:
        earlier = np.maximum(look - looks, 0)
        is_falling = used[look, column] < FALLEN * used[earlier, column]
        is_foreign &= is_beside(f0_hz[earlier]) | ~is_falling
    power = np.exp(2.0 * log_magnitude)
    n_looks = len(magnitudes)
    foreign = np.bincount(look, power * is_foreign, n_looks)
    return foreign / np.maximum(np.bincount(look, power, n_looks), 1e-20)
