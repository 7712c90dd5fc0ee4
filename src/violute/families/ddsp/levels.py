"""Levels of partials and noise: how those of two instruments are mixed, and how loud the mix is.

The ear takes a partial's loudness to grow about as the square root of its amplitude. Mixing in that
measure moves every partial's loudness in a straight line from one instrument to the other: partials
that only one of them has come in early enough to be heard, and none of the path is spent on changes
far below hearing, as it would be in decibels.

Source:
    Zwicker & Fastl, Psychoacoustics (3rd ed. 2007), chapter 8: specific loudness grows as
    intensity to the power of 0.23, which is amplitude to the power of 0.46.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from violute.analysis.loudness import a_weighting_db
from violute.rates import SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, noise_bands

LOWEST_LEVEL_DB = -110.0
HIGHEST_LEVEL_DB = 20.0
HIGHEST_HEARD_HZ = 0.94 * SAMPLE_RATE / 2
"""Harmonics fade out around here, on their way to Nyquist."""

TABLE_STEP_HZ = 5.0
"""Resolution at which the A curve is looked up rather than computed."""


def root_of(level_db: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Square root of the amplitude that a level in dB stands for."""
    bounded = np.clip(level_db, LOWEST_LEVEL_DB, HIGHEST_LEVEL_DB)
    return np.exp(bounded * np.float32(np.log(10.0) / 40.0))


def level_of(root: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    """Level in dB of an amplitude whose square root is given."""
    return np.float32(40.0) * np.log10(root)


@dataclass(frozen=True)
class EndLevels:
    """Levels of both ends for the same notes.

    Attributes:
        harmonic_root: Square roots of peak amplitudes.
        noise_root: Square roots of band amplitudes, relative to white noise of RMS 1.
        harmonic_weight: Of the harmonics, from `harmonic_weights`.
    """

    harmonic_root: Float[np.ndarray, "end frame harmonic"]
    noise_root: Float[np.ndarray, "end frame band"]
    harmonic_weight: Float[np.ndarray, "frame harmonic"]

    def as_type(self, dtype: type[np.floating]) -> EndLevels:
        """Return the same levels in another precision."""
        return EndLevels(*(getattr(self, field.name).astype(dtype) for field in fields(self)))


def mixed(
    first: Float[np.ndarray, "frame level"],
    second: Float[np.ndarray, "frame level"],
    weight: Float[np.ndarray, "frame 1"],
) -> Float[np.ndarray, "frame level"]:
    """Move each root from `first` to `second` by a weight from 0 to 1."""
    return first + weight * (second - first)


def heard_power(
    harmonic_root: Float[np.ndarray, "frame harmonic"],
    noise_root: Float[np.ndarray, "frame band"],
    harmonic_weight: Float[np.ndarray, "frame harmonic"],
) -> Float[np.ndarray, " frame"]:
    """A-weighted power of harmonics and noise together; a full-scale 1 kHz sine has 1.

    Args:
        harmonic_root: Square roots of peak amplitudes.
        noise_root: Square roots of band amplitudes, relative to white noise of RMS 1.
        harmonic_weight: From `harmonic_weights`.
    """
    harmonics = np.einsum("ij,ij->i", np.square(np.square(harmonic_root)), harmonic_weight)
    return harmonics + np.einsum("ij,j->i", np.square(np.square(noise_root)), noise_weights())


def at_loudness(
    harmonic_root: Float[np.ndarray, "frame harmonic"],
    noise_root: Float[np.ndarray, "frame band"],
    power: Float[np.ndarray, " frame"],
    wanted_db: Float[np.ndarray, " frame"],
    gate: Float[np.ndarray, " frame"],
) -> tuple[Float[np.ndarray, "frame harmonic"], Float[np.ndarray, "frame band"]]:
    """Bring levels to a loudness.

    Args:
        harmonic_root: Square roots of peak amplitudes.
        noise_root: Square roots of band amplitudes.
        power: That they have, from `heard_power`.
        wanted_db: Loudness that they get, A-weighted.
        gate: Gain of the harmonics on top.

    Returns:
        Peak amplitudes of the harmonics, and levels of the noise bands in dB.
    """
    gain = (10.0 ** (wanted_db / 20.0) / np.sqrt(np.maximum(power, 1e-14)))[:, None].astype(np.float32)
    return np.square(harmonic_root) * (gain * gate[:, None]), level_of(
        noise_root * np.sqrt(np.maximum(gain, 1e-9))
    )


def power_terms(
    roots: Float[np.ndarray, "2 frame level"],
    weight: Float[np.ndarray, "frame level"] | Float[np.ndarray, " level"],
) -> Float[np.ndarray, "frame 5"]:
    """Terms t_0 ... t_4 from which the heard power of `mixed` roots follows at any weight.

    The power at weight w is sum_j C(4, j) (1 - w)^(4 - j) w^j t_j.

    Args:
        roots: Square roots of the amplitudes of both ends.
        weight: Gain of the A curve on the power of each level.
    """
    low, high = np.square(roots)
    between = roots[0] * roots[1]
    level_products = (low * low, low * between, low * high, between * high, high * high)
    return np.stack([(product * weight).sum(axis=1) for product in level_products], axis=1)


def harmonic_weights(
    f0_hz: Float[np.ndarray, " frame"], n_harmonics: int
) -> Float[np.ndarray, "frame harmonic"]:
    """Gain of the A curve on the power of each harmonic; 0 where it will not sound."""
    frequency_hz = f0_hz[:, None] * np.arange(1, n_harmonics + 1, dtype=np.float32)
    index = np.minimum(frequency_hz * np.float32(1.0 / TABLE_STEP_HZ), len(_a_table()) - 1)
    return _a_table()[index.astype(np.int32)]


@lru_cache(maxsize=1)
def _a_table() -> Float[np.ndarray, " step"]:
    frequency_hz = np.arange(0.0, HIGHEST_HEARD_HZ, TABLE_STEP_HZ) + TABLE_STEP_HZ / 2
    gains = 10.0 ** (a_weighting_db(frequency_hz) / 10.0)
    return np.append(gains, 0.0).astype(np.float32)


@lru_cache(maxsize=1)
def noise_weights() -> Float[np.ndarray, " band"]:
    """Gain of the A curve on the power of each noise band, and the band's share of white noise."""
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    share = np.gradient(centres_hz) / (SAMPLE_RATE / 2)
    # White noise of RMS 1 has twice the power of a sine of amplitude 1.
    return (2.0 * share * 10.0 ** (a_weighting_db(centres_hz) / 10.0)).astype(np.float32)
