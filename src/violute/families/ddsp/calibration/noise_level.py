"""How far a voice's noise stands from that of the recordings it learned from, by register and band.

The network learns noise from the gaps between partials. For high notes these are wide, and the colour
that bow and breath take from the body and the bore, much narrower than a gap, is lost; and what halls add
stays in. Here the power between partials is measured at the resolution of the synthesiser's bands, in
recordings and in what the voice makes of them, and the difference is put right in the voice file.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from violute.analysis.conditioning import hz_to_midi
from violute.analysis.pitch_range import N_REGISTERS, PitchRange
from violute.families.ddsp.calibration.resynthesis import ATTACK_FRAMES, Note
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, band_weights, noise_bands

N_FFT = 4096
EVERY_FRAMES = 3
CLEAR_HZ = 44.0
"""The main lobe of the window: nearer to a partial there is no noise to be measured."""

LEAST_CLEAR_SHARE = 0.25
"""A band of which less is clear of partials says nothing."""

WIDEST_GLIDE = 1.08
"""Windows in which the pitch moves further, highest over lowest, are left out."""

REGISTER_SEMITONES = 3.0
FEWEST_NOTES = 5.0
"""A register of which fewer notes say anything takes over what is known of its neighbours."""

MOST_DB = 12.0
LOWEST_HZ = 180.0
HIGHEST_HZ = 12_000.0
"""Below lies the rumble of rooms, above it what codecs left: neither is the instrument's."""


def noise_trim_db(notes: Sequence[Note], pitch_range: PitchRange) -> Float[np.ndarray, "register band"]:
    """Measure what to add to the noise of one end, in dB.

    Args:
        notes: As recorded and as played.
        pitch_range: Gives the registers.

    Returns:
        A row for each register; zeros where there are too few notes.
    """
    midi, differences = [], []
    for note in notes:
        recorded_db = gap_levels_db(note.recorded, note.f0_hz)
        played_db = gap_levels_db(note.played, note.f0_hz)
        if len(recorded_db) == 0:
            continue
        with warnings.catch_warnings():
            # Bands that partials fill throughout are all NaN, and stay so.
            warnings.simplefilter("ignore", RuntimeWarning)
            difference = np.nanmedian(recorded_db - played_db, axis=0)
        difference[noise_bands(N_BANDS) > note.highest_hz - 500.0] = np.nan
        differences.append(difference)
        midi.append(float(np.median(hz_to_midi(note.f0_hz))))
    trim = np.zeros((N_REGISTERS, N_BANDS))
    if len(midi) < FEWEST_NOTES:
        return trim
    pitches, table = np.array(midi), np.array(differences)
    known = np.clip(pitch_range.registers_midi, *np.percentile(pitches, (3, 97)))
    for i, centre in enumerate(known):
        weight = np.exp(-0.5 * np.square((pitches - centre) / REGISTER_SEMITONES))
        for band in range(N_BANDS):
            is_known = np.isfinite(table[:, band])
            near = weight[is_known].sum() >= FEWEST_NOTES
            if is_known.any():
                trim[i, band] = weighted_median(
                    table[is_known, band], weight[is_known] if near else np.ones(int(is_known.sum()))
                )
    centres_hz = noise_bands(N_BANDS)
    last = int(np.searchsorted(centres_hz, HIGHEST_HZ))
    trim[:, last:] = trim[:, last - 1 : last]
    trim[:, centres_hz < LOWEST_HZ] = 0.0
    return np.clip(trim, -MOST_DB, MOST_DB)


def gap_levels_db(
    audio: Float[np.ndarray, " sample"], f0_hz: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, "window band"]:
    """Mean level of each noise band where no partial is near, in dB relative to white noise of RMS 1.

    Bands without such places are NaN.

    Args:
        audio: With `ATTACK_FRAMES` before the first frame of `f0_hz`.
        f0_hz: Fundamental of each frame.
    """
    weights = band_weights(noise_bands(N_BANDS), n_fft=N_FFT)
    whole = weights.sum(axis=1)
    bins_hz = np.fft.rfftfreq(N_FFT, 1.0 / SAMPLE_RATE)
    window = np.hanning(N_FFT)
    energy = np.square(window).sum()
    reach = N_FFT // 2 // HOP_LENGTH + 1
    rows = []
    for i in range(0, len(f0_hz), EVERY_FRAMES):
        around = f0_hz[max(i - reach, 0) : i + reach + 1]
        lowest, highest = float(around.min()), float(around.max())
        start = (i + ATTACK_FRAMES) * HOP_LENGTH - N_FFT // 2
        if lowest <= 0.0 or highest / lowest > WIDEST_GLIDE or start < 0 or start + N_FFT > len(audio):
            continue
        number = np.round(bins_hz / f0_hz[i])
        spread_hz = number * max(highest - f0_hz[i], f0_hz[i] - lowest)
        is_clear = np.abs(bins_hz - number * f0_hz[i]) > CLEAR_HZ + spread_hz
        # Below the first partial there is no other.
        is_clear |= (number == 0) & (bins_hz < f0_hz[i] - CLEAR_HZ)
        power = np.square(np.abs(np.fft.rfft(audio[start : start + N_FFT] * window))) / energy
        clear = weights * is_clear
        share = clear.sum(axis=1)
        level = (clear @ power) / np.maximum(share, 1e-9)
        rows.append(
            np.where(share > LEAST_CLEAR_SHARE * whole, 10.0 * np.log10(np.maximum(level, 1e-12)), np.nan)
        )
    return np.array(rows).reshape(len(rows), N_BANDS)


def weighted_median(values: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"]) -> float:
    """Return the value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])
