"""Notes below the high range: where the search there has found a multiple of what sounds.

A cello's note of 130 Hz is found at 260 Hz or higher, and every other of its partials then lies beside the
harmonics, as those of a second note would. Where a second note is doubted, the search in the low range is
asked as well. Two notes of a chord have a common undertone, which it may find: its own partials are missing,
those that are no multiples of 2, 3 and 5.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.pitch import track_pitch
from violute.analysis.pitch_range import LOW
from violute.analysis.polyphony.log_spectrum import N_FFTS
from violute.rates import SAMPLE_RATE
from violute.transforms.runs import count_near

BELOW_HZ = 185.0
"""A semitone below the violin's open G string."""

BELOW_SHARE = 0.05
"""A recording with so large a share of its sounding frames below is one of a lower instrument."""

CLEAR_PERIODICITY = 0.7
OWN_PARTIALS = (1, 7, 11)
N_PARTIALS = 12
OWN_SHARE = 0.02
"""Share of the power of the first partials that a note's own have, at least."""

WINDOW_FRAMES = 25
"""Half a second, in which most frames are a low note's, or none is."""


def frames_below(
    short: Float[np.ndarray, "frame short_bin"], long: Float[np.ndarray, "frame long_bin"]
) -> Bool[np.ndarray, " frame"]:
    """Tell the frames in which a note below `BELOW_HZ` sounds, by spectra as `find_candidates` takes them."""
    f0_hz, periodicity = track_pitch([short, long], LOW)
    bin_hz = SAMPLE_RATE / N_FFTS[0]
    bins = np.rint(f0_hz[:, None] * np.arange(1, N_PARTIALS + 1) / bin_hz).astype(np.int64)
    bins = np.clip(bins, 1, long.shape[1] - 2)
    rows = np.arange(len(long))[:, None]
    power = np.square(np.maximum.reduce([long[rows, bins + i] for i in (-1, 0, 1)]))
    own = power[:, [number - 1 for number in OWN_PARTIALS]].sum(axis=1)
    is_low = (f0_hz < BELOW_HZ) & (periodicity > CLEAR_PERIODICITY) & (own > OWN_SHARE * power.sum(axis=1))
    return np.asarray(2.0 * count_near(is_low, WINDOW_FRAMES) > 2 * WINDOW_FRAMES + 1)
