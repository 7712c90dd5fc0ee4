"""Calibrating the dial: how far apart the steps of a mix sound, and a scale that evens them out.

The distance travelled is measured on specific loudness, band by band, and the dial is scaled so
that equal steps travel equally far.

Source:
    Zwicker & Fastl, Psychoacoustics (3rd ed. 2007), chapter 8, for loudness as a power of
    intensity in critical bands.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from violute.families.ddsp.levels import level_of, mixed, root_of
from violute.rates import SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, noise_bands

N_ERB_BANDS = 38
LOUDNESS_EXPONENT = 0.23
N_STEPS = 41
N_POINTS = 11


def dial_points(
    harmonic_db: Float[np.ndarray, "2 frame harmonic"],
    noise_db: Float[np.ndarray, "2 frame band"],
    f0_hz: Float[np.ndarray, " frame"],
) -> list[list[float]]:
    """Find the weights on the second end that lie equally far apart to the ear.

    Args:
        harmonic_db: Levels of both ends for a sample of frames, in dB relative to the frame.
        noise_db: Likewise.
        f0_hz: Fundamental of the frames.

    Returns:
        Pairs of (mix, weight), both rising from 0 to 1.
    """
    harmonic_root, noise_root = root_of(harmonic_db), root_of(noise_db)
    weights = np.linspace(0.0, 1.0, N_STEPS, dtype=np.float32)
    previous = None
    travelled = [0.0]
    for weight in weights:
        column = np.full((len(f0_hz), 1), weight)
        loudness = specific_loudness(
            level_of(mixed(harmonic_root[0], harmonic_root[1], column)),
            level_of(mixed(noise_root[0], noise_root[1], column)),
            f0_hz,
        )
        if previous is not None:
            travelled.append(travelled[-1] + float(np.abs(loudness - previous).sum(axis=1).mean()))
        previous = loudness
    share = np.asarray(travelled) / max(travelled[-1], 1e-9)
    mixes = np.linspace(0.0, 1.0, N_POINTS)
    points = np.interp(mixes, share, weights)
    return [
        [round(float(mix), 4), round(float(weight), 4)] for mix, weight in zip(mixes, points, strict=True)
    ]


def specific_loudness(
    harmonic_db: Float[np.ndarray, "frame harmonic"],
    noise_db: Float[np.ndarray, "frame band"],
    f0_hz: Float[np.ndarray, " frame"],
) -> Float[np.ndarray, "frame erb"]:
    """Loudness in each band of one ERB, of frames brought to one power."""
    power = np.zeros((len(f0_hz), N_ERB_BANDS))
    frequency_hz = f0_hz[:, None] * np.arange(1, harmonic_db.shape[1] + 1)
    band = np.clip(_hz_to_erb(frequency_hz).astype(int), 0, N_ERB_BANDS - 1)
    heard = 10.0 ** (harmonic_db / 10.0) * (frequency_hz < SAMPLE_RATE / 2)
    rows = np.broadcast_to(np.arange(len(f0_hz))[:, None], band.shape)
    np.add.at(power, (rows, band), heard)
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    share = 2.0 * np.gradient(centres_hz) / (SAMPLE_RATE / 2)
    noise_band = np.clip(_hz_to_erb(centres_hz).astype(int), 0, N_ERB_BANDS - 1)
    for i in range(N_BANDS):
        power[:, noise_band[i]] += share[i] * 10.0 ** (noise_db[:, i] / 10.0)
    power /= power.sum(axis=1, keepdims=True)
    return np.maximum(power, 1e-7) ** LOUDNESS_EXPONENT


def _hz_to_erb(frequency_hz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Number of ERBs below a frequency.

    Source:
        Glasberg & Moore, Derivation of auditory filter shapes from notched-noise data (Hearing
        Research 47, 1990), equation 4.
    """
    return 21.4 * np.log10(1.0 + 0.00437 * frequency_hz)
