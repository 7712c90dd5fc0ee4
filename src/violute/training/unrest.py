"""How much the partials of an instrument waver about what the network of a voice predicts for them.

The network learns the likeliest level of each partial; what real partials do beyond that within half a
second is measured here, from the recordings that it learned from, and played by `violute.voices.unrest`.
Noise in a partial's lobe makes it seem to waver too. It does the same to partials that the voice plays
without any unrest, so what is measured of those is taken off.

Source:
    Harman, Modern Factor Analysis (3rd ed. 1976), chapter 8: one common factor by principal axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.spectra import SAMPLE_RATE
from violute.data.harmonics import LOBE_BINS, LOBE_SUM, WINDOW_SECONDS, measure_partials
from violute.synthesis.noise import N_BANDS, noise_bands
from violute.training.noise_trim import gap_levels_db
from violute.training.rehearsal import ATTACK_FRAMES, Note
from violute.voices.unrest import HARMONICS

MOST_NOTES = 120
SLOW_FRAMES = 50
"""What changes over more than half a second is a note's own course."""

CLEAR_DB = 12.0
"""A partial this far above the noise in its own window is measured within 1.5 dB."""

FEWEST_FRAMES = 200
"""A harmonic that was clear for less takes over the unrest of the one below."""

MOST_DB = 6.0
N_ROUNDS = 30


def partial_unrest_db(notes: Sequence[Note]) -> tuple[list[float], list[float]]:
    """Measure how partials stray from their prediction, at `HARMONICS`, in dB.

    Args:
        notes: As recorded, and as played by the voice without any unrest.

    Returns:
        Standard deviation of what each partial does by itself, and how far each goes along with what all
        do together; as `violute.voices.unrest.wavering` takes them.
    """
    recorded, played = (np.zeros((len(HARMONICS), len(HARMONICS))) for _ in range(2))
    count = np.zeros_like(recorded)
    for note in notes[:: max(1, len(notes) // MOST_NOTES)]:
        chosen = np.array(HARMONICS) - 1
        played_db = _played_db(note)[:, chosen]
        predicted_db = note.predicted_db[:, chosen]
        recorded_db = note.recorded_db[:, chosen]
        floor_db = _clear_from_db(note)
        is_clear = (recorded_db > floor_db) & (played_db > floor_db)
        is_clear &= note.f0_hz[:, None] * HARMONICS < note.highest_hz
        moved = (_fast(level_db - predicted_db, is_clear) for level_db in (recorded_db, played_db))
        for total, deviation_db in zip((recorded, played), moved, strict=True):
            total += deviation_db.T @ deviation_db
        count += is_clear.T.astype(float) @ is_clear
    known = np.diag(count) >= FEWEST_FRAMES
    covariance = np.where(count >= FEWEST_FRAMES, (recorded - played) / np.maximum(count, 1.0), 0.0)
    covariance[~known] = 0.0
    covariance[:, ~known] = 0.0
    alone, common = one_common_factor(covariance)
    return _told(alone, known), _told(common, known)


def one_common_factor(
    covariance: Float[np.ndarray, "n n"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Explain a covariance by what each does alone and one movement of all.

    Returns:
        Standard deviations, and loadings whose sum is not negative.
    """
    variance = np.maximum(np.diag(covariance), 0.0)
    alone = 0.5 * variance
    common = np.zeros(len(covariance))
    for _ in range(N_ROUNDS):
        values, vectors = np.linalg.eigh(covariance - np.diag(np.diag(covariance)) + np.diag(variance - alone))
        common = vectors[:, -1] * np.sqrt(max(float(values[-1]), 0.0))
        common = np.clip(common, -np.sqrt(variance), np.sqrt(variance))
        alone = np.maximum(variance - np.square(common), 0.0)
    return np.sqrt(alone), common if common.sum() >= 0.0 else -common


def _told(levels: Float[np.ndarray, " n"], known: Bool[np.ndarray, " n"]) -> list[float]:
    told: list[float] = []
    for level, is_known in zip(levels, known, strict=True):
        value = round(float(np.clip(level, -MOST_DB, MOST_DB)), 2)
        told.append(value if is_known else (told[-1] if told else 0.0))
    return told


def _played_db(note: Note) -> Float[np.ndarray, "frame harmonic"]:
    """Measure what was played as the recording was measured, relative to the loudness."""
    f0_hz = np.pad(note.f0_hz, ATTACK_FRAMES, mode="edge")
    measured = measure_partials(note.played, f0_hz).harmonic_db[ATTACK_FRAMES:-ATTACK_FRAMES]
    return measured - note.loudness_db[:, None]


def _clear_from_db(note: Note) -> Float[np.ndarray, " harmonic"]:
    """Level, relative to the loudness, above which a partial is clear of the recording's noise."""
    gaps_db = gap_levels_db(note.recorded, note.f0_hz)
    told = np.isfinite(gaps_db).sum(axis=0) > 0
    if not told.any():
        return np.full(len(HARMONICS), np.inf)
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    noise_db = np.interp(
        float(np.median(note.f0_hz)) * np.array(HARMONICS),
        centres_hz[told],
        np.nanmean(gaps_db[:, told], axis=0),
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
