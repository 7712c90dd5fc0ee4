"""Exact pitch and loudness of notes that sound together, from the partials of one spectrum.

Notes of a chord share partials: the third of the lower is the second of a fifth above it. A note's pitch is
read from the partials that are its own. A shared partial is divided as the notes' own partials beside it
predict; a note without any of its own, the upper of an octave, is left what the others' predictions leave.

Source:
    Klapuri, Multiple fundamental frequency estimation based on harmonicity and spectral smoothness (IEEE
    TSAP 11(6), 2003), for predicting shared partials from their neighbours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.loudness import a_weighting_db
from violute.analysis.polyphony.log_spectrum import N_FFTS
from violute.rates import SAMPLE_RATE
from violute.transforms.peaks import peak_offset

Spectra = Float[np.ndarray, "frame bin"]
Notes = Float[np.ndarray, "frame note"]
IsSounding = Bool[np.ndarray, "frame note"]
Partials = Float[np.ndarray, "frame note partial"]
IsPartial = Bool[np.ndarray, "frame note partial"]

BIN_HZ = SAMPLE_RATE / N_FFTS[0]
N_PARTIALS = 16
REFINING_PARTIALS = 8
REACH_SHARE = 0.02
"""How far from where a partial is expected it is looked for, as a share of its frequency: 34 cents."""

COLLISION_HZ = 2.0 * BIN_HZ
"""Partials closer than this stand under one lobe of the window."""

SHARED_WEIGHT = 0.02
LEAST_SHARE = 0.05
"""Of a shared partial's power, for a note that the others' predictions would leave nothing."""


def sharpened(magnitudes: Spectra, f0_hz: Notes, is_sounding: IsSounding) -> Notes:
    """Move each pitch onto the peaks of its lowest partials, above all of those that are its own.

    Args:
        magnitudes: Spectra of `N_FFTS[0]` samples.
        f0_hz: Fundamentals to within a third of a semitone; 0 is no note.
        is_sounding: Notes that may cover partials of the others.
    """
    number = np.arange(1, REFINING_PARTIALS + 1)
    centre = f0_hz[..., None] * number / BIN_HZ
    is_shared = _is_shared(f0_hz, is_sounding, REFINING_PARTIALS)
    reach = np.maximum(REACH_SHARE * centre, 1.0)
    furthest = int(np.ceil(min(reach.max(initial=1.0), 16.0)))
    steps = np.arange(-furthest, furthest + 1)
    bins = np.rint(centre).astype(np.int64)[..., None] + steps
    is_near = (np.abs(bins - centre[..., None]) <= reach[..., None]) & (bins < magnitudes.shape[1] - 1)
    bins = np.clip(bins, 1, magnitudes.shape[1] - 2)
    rows = np.arange(len(magnitudes)).reshape(-1, 1, 1)
    heights = np.where(is_near, magnitudes[rows[..., None], bins], -1.0)
    best = np.take_along_axis(bins, heights.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    left, top, right = (np.log(magnitudes[rows, best + i] + 1e-12) for i in (-1, 0, 1))
    is_peak = (np.maximum(left, right) <= top) & (np.minimum(left, right) < top)
    is_peak &= is_near.any(axis=-1) & (f0_hz > 0.0)[..., None]
    offset = peak_offset(left, top, right)
    weight = is_peak * np.where(is_shared, SHARED_WEIGHT, 1.0) * np.square(number * magnitudes[rows, best])
    heard_hz = (weight * (best + offset) * BIN_HZ / number).sum(axis=-1)
    total = weight.sum(axis=-1)
    return np.where(total > 1e-14, heard_hz / np.maximum(total, 1e-14), f0_hz)


def divide_partials(magnitudes: Spectra, f0_hz: Notes, is_sounding: IsSounding) -> Notes:
    """Return the A-weighted power of each note's partials, shared ones divided; see `sharpened`."""
    number = np.arange(1, N_PARTIALS + 1)
    frequency_hz = f0_hz[..., None] * number
    bins = np.clip(np.rint(frequency_hz / BIN_HZ).astype(np.int64), 1, magnitudes.shape[1] - 2)
    rows = np.arange(len(magnitudes)).reshape(-1, 1, 1)
    heard = np.square(np.maximum.reduce([magnitudes[rows, bins + i] for i in (-1, 0, 1)]).astype(np.float64))
    is_inside = (frequency_hz < (magnitudes.shape[1] - 2) * BIN_HZ) & (f0_hz > 0.0)[..., None]
    heard *= is_inside
    is_shared = _is_shared(f0_hz, is_sounding, N_PARTIALS)
    predicted = _predicted(heard, is_inside & ~is_shared)
    own = np.where(is_shared, _own_share(f0_hz, is_sounding, predicted, heard), heard)
    weight = 10.0 ** (a_weighting_db(np.maximum(frequency_hz, 20.0)) / 10.0)
    return (own * weight * is_inside).sum(axis=-1)


def _collisions(
    f0_hz: Notes, is_sounding: IsSounding, n_partials: int
) -> tuple[np.ndarray, Bool[np.ndarray, "frame note partial other"]]:
    """Number of the other note's partial nearest to each partial, and whether both are in one place."""
    frequency_hz = (f0_hz[..., None] * np.arange(1, n_partials + 1))[..., None]
    others_hz = np.maximum(f0_hz, 1e-3)[:, None, None, :]
    nearest = np.maximum(np.rint(frequency_hz / others_hz), 1.0)
    is_met = np.abs(nearest * others_hz - frequency_hz) < COLLISION_HZ
    is_met &= (is_sounding & (f0_hz > 0.0))[:, None, None, :]
    note = np.arange(f0_hz.shape[1])
    is_met[:, note, :, note] = False
    return nearest, is_met


def _is_shared(f0_hz: Notes, is_sounding: IsSounding, n_partials: int) -> IsPartial:
    """Whether another sounding note has a partial in the same place."""
    return np.asarray(_collisions(f0_hz, is_sounding, n_partials)[1].any(axis=-1))


def _predicted(power: Partials, is_own: IsPartial) -> Partials:
    """Power that a note's own partials let expect of each; NaN where it has none of its own.

    Between its own partials the level moves in a straight line; beyond them it stays.
    """
    n_partials = power.shape[-1]
    place = np.arange(n_partials)
    level = np.log(np.maximum(power, 1e-20))
    last = np.maximum.accumulate(np.where(is_own, place, -1), axis=-1)
    following = np.minimum.accumulate(np.where(is_own, place, n_partials)[..., ::-1], axis=-1)[..., ::-1]
    has_last, has_next = last >= 0, following < n_partials
    low = np.take_along_axis(level, np.maximum(last, 0), axis=-1)
    high = np.take_along_axis(level, np.minimum(following, n_partials - 1), axis=-1)
    part = (place - last) / np.maximum(following - last, 1)
    between = np.where(has_last & has_next, low + part * (high - low), np.where(has_last, low, high))
    return np.where(has_last | has_next, np.exp(between), np.nan)


def _own_share(f0_hz: Notes, is_sounding: IsSounding, predicted: Partials, heard: Partials) -> Partials:
    """Divide each heard partial among the notes that meet there."""
    n_partials = predicted.shape[-1]
    nearest, is_met = _collisions(f0_hz, is_sounding, n_partials)
    frame = np.arange(len(f0_hz)).reshape(-1, 1, 1, 1)
    other = np.arange(f0_hz.shape[1])
    theirs = predicted[frame, other, np.minimum(nearest.astype(np.int64), n_partials) - 1]
    meets_unknown = (is_met & np.isnan(theirs)).any(axis=-1)
    theirs = np.where(is_met & (nearest <= n_partials), np.nan_to_num(theirs), 0.0).sum(axis=-1)
    left_over = np.maximum(heard - theirs, LEAST_SHARE * heard)
    expected = predicted + theirs
    # Beside a note of which nothing is known, the others take what is expected of them and no more.
    expected = np.where(meets_unknown, np.maximum(expected, heard), expected)
    return np.where(np.isnan(predicted), left_over, heard * predicted / np.maximum(expected, 1e-20))
