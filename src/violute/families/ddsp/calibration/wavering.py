"""How much the partials of an instrument waver about what the network of a voice predicts for them.

The network learns the likeliest level of each partial; what real partials do beyond that within half a
second is measured here, from the recordings that it learned from, and played by `families.ddsp.wavering`.
Noise in a partial's lobe makes it seem to waver too. It does the same to partials that the voice plays
without any wavering, so what is measured of those is taken off. What goes in step with the vibrato is kept
apart: it is the ripple of the body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from violute.data.harmonics import LOBE_BINS, LOBE_SUM, WINDOW_SECONDS, measure_partials
from violute.families.ddsp.calibration.noise_level import gap_levels_db
from violute.families.ddsp.calibration.resynthesis import ATTACK_FRAMES, Note
from violute.families.ddsp.wavering import HARMONICS, RIPPLE_CENTS
from violute.rates import SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, noise_bands

MOST_NOTES = 120
SLOW_FRAMES = 50
"""What changes over more than half a second is a note's own course."""

CLEAR_DB = 12.0
"""A partial this far above the noise in its own window is measured within 1.5 dB."""

FEWEST_FRAMES = 200
"""A harmonic that was clear for less takes over the wavering of the one below."""

MOST_DB = 6.0
FEWEST_VIBRATO_FRAMES = 60
LEAST_VIBRATO_CENTS = 4.0
"""Effective value from which on a vibrato shows how steep the ripple is."""

OTHER_RATES = (0.7, 1.4)
CLEAR_SHARE = 0.9
FEWEST_SLOPES = 50


def ripple_db(notes: Sequence[Note]) -> float:
    """Measure how deep the ripple of the body is, from how steeply partials follow a vibrato, in dB.

    Args:
        notes: As recorded, and as predicted without ripple.

    Returns:
        Standard deviation over frequency; 0 where too few notes have a vibrato.
    """
    slopes: list[float] = []
    chance: list[float] = []
    for note in notes:
        cents = _fast((1200.0 * np.log2(note.f0_hz))[:, None], np.ones((len(note.f0_hz), 1), bool))[:, 0]
        if len(cents) < FEWEST_VIBRATO_FRAMES or cents.std() < LEAST_VIBRATO_CENTS:
            continue
        chosen = np.array(HARMONICS) - 1
        recorded_db = note.recorded_db[:, chosen]
        is_clear = (recorded_db > _clear_from_db(note)) & (note.f0_hz[:, None] * HARMONICS < note.highest_hz)
        moved_db = _fast(recorded_db - note.predicted_db[:, chosen], is_clear)[
            :, is_clear.mean(axis=0) > CLEAR_SHARE
        ]
        # A vibrato of other rates shows how steep a slope chance makes.
        frames = np.arange(len(cents))
        others = [np.interp(frames * rate % (len(cents) - 1), frames, cents) for rate in OTHER_RATES]
        for found, course in ((slopes, cents), *((chance, other) for other in others)):
            movement = np.column_stack([course, np.gradient(course)])
            found.extend(np.linalg.lstsq(movement, moved_db, rcond=None)[0][0])
    if len(slopes) < FEWEST_SLOPES:
        return 0.0
    # Medians, for a few notes slide; 0.455 is the median of the square of a normal number.
    steepness = np.median(np.square(slopes)) - np.median(np.square(chance))
    db_per_cent = float(np.sqrt(max(steepness, 0.0) / 0.455))
    # A Gaussian correlation of width L makes the slope's deviation that of the curve over L.
    return round(min(db_per_cent * RIPPLE_CENTS, MOST_DB), 2)


def partial_variation_db(notes: Sequence[Note]) -> list[float]:
    """Measure the standard deviation of partials about their prediction, at `HARMONICS`, in dB.

    Args:
        notes: As recorded, and as played by the voice without any wavering but with its ripple.
    """
    recorded, played, count = (np.zeros(len(HARMONICS)) for _ in range(3))
    for note in notes[:: max(1, len(notes) // MOST_NOTES)]:
        chosen = np.array(HARMONICS) - 1
        played_db = _played_db(note)[:, chosen]
        predicted_db = note.predicted_db[:, chosen]
        recorded_db = note.recorded_db[:, chosen]
        clear_db = _clear_from_db(note)
        is_clear = (recorded_db > clear_db) & (played_db > clear_db)
        is_clear &= note.f0_hz[:, None] * HARMONICS < note.highest_hz
        for total, level_db in ((recorded, recorded_db), (played, played_db)):
            total += np.square(_fast(level_db - predicted_db, is_clear)).sum(axis=0)
        count += is_clear.sum(axis=0)
    found_db: list[float] = []
    for square, n_frames in zip(recorded - played, count, strict=True):
        known = (
            min(float(np.sqrt(max(square, 0.0) / n_frames)), MOST_DB) if n_frames >= FEWEST_FRAMES else None
        )
        found_db.append(round(known, 2) if known is not None else (found_db[-1] if found_db else 0.0))
    return found_db


def _played_db(note: Note) -> Float[np.ndarray, "frame harmonic"]:
    """Measure what was played as the recording was measured, relative to the loudness."""
    f0_hz = np.pad(note.f0_hz, ATTACK_FRAMES, mode="edge")
    measured = measure_partials(note.played, f0_hz).harmonic_db[ATTACK_FRAMES:-ATTACK_FRAMES]
    return measured - note.loudness_db[:, None]


def _clear_from_db(note: Note) -> Float[np.ndarray, " harmonic"]:
    """Level, relative to the loudness, above which a partial is clear of the recording's noise."""
    gaps_db = gap_levels_db(note.recorded, note.f0_hz)
    is_known = np.isfinite(gaps_db).sum(axis=0) > 0
    if not is_known.any():
        return np.full(len(HARMONICS), np.inf)
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    noise_db = np.interp(
        float(np.median(note.f0_hz)) * np.array(HARMONICS),
        centres_hz[is_known],
        np.nanmean(gaps_db[:, is_known], axis=0),
    )
    # What white noise of that level leaves in the lobe of a harmonic; see `violute.data.harmonics`.
    in_lobe_db = noise_db + 10.0 * np.log10(6.0 / (SAMPLE_RATE * WINDOW_SECONDS) * LOBE_BINS / LOBE_SUM)
    return in_lobe_db + CLEAR_DB - float(np.median(note.loudness_db))


def _fast(
    deviation_db: Float[np.ndarray, "frame harmonic"], is_clear: Bool[np.ndarray, "frame harmonic"]
) -> Float[np.ndarray, "frame harmonic"]:
    """Take the slow course off, over frames that are clear; 0 elsewhere."""
    window = np.hanning(SLOW_FRAMES + 2)[1:-1]
    fast = np.where(is_clear, deviation_db, 0.0)
    for k in range(fast.shape[1]):
        weight = np.convolve(is_clear[:, k].astype(float), window)[SLOW_FRAMES // 2 :][: len(fast)]
        course = np.convolve(fast[:, k], window)[SLOW_FRAMES // 2 :][: len(fast)]
        fast[:, k] -= course / np.maximum(weight, 1e-6)
    return np.where(is_clear, fast, 0.0)
