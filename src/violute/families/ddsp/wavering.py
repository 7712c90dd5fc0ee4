"""Partials that waver: no bow or breath holds a level still, and no body answers all frequencies alike.

A network that was taught levels answers with the likeliest one, so its partials stand stiller than any
recording's. What it left out was measured while the voice was made, and is given back here in two parts.

A body has resonances much finer than a network learns: as a vibrato moves a partial over them its level
rises and falls, each partial's in its own way and all in step with the vibrato. This ripple is a smooth
random curve over frequency, as steep as was measured. What is not in step with a vibrato is smooth noise,
one track a partial. Both depend on nothing but frequency and frame, so streaming, seeking and repeating give
the same sound, and both ends share them: a mix wavers as one instrument.

Source:
    Mathews & Kohut, Electronic simulation of violin resonances (JASA 53, 1973), and Weinreich, Directional
    tone color (JASA 101, 1997), for the ripple; Fletcher & Rossing, The Physics of Musical Instruments (2nd
    ed. 1998), section 10.6, for the rest; the measurement is in `violute.families.ddsp.calibration.wavering`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

HARMONICS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
"""Harmonics whose level variation a card holds; those between follow a straight line over log frequency."""

N_TRACK_FRAMES = 4096
"""Frames after which the tracks repeat: 41 s, too long to be noticed."""

N_TRACKS = 100
TRACKS_SEED = 20_261_123
SMOOTHING = (0.25, 0.75, 1.0, 0.75, 0.25)
"""Weights over five frames of 10 ms: neighbours correlate by 0.83, frames 40 ms apart hardly, as measured."""

WIDEST = 2.5
"""Standard deviations at which the tracks are clipped."""

RIPPLE_CENTS = 30.0
"""Distance over which the ripple of a body changes: the width of its Gaussian correlation."""

CENTS_PER_STEP = 5.0
N_RIPPLE_STEPS = 2048
"""Steps after which the ripple repeats: 8.5 octaves, more than any voice spans."""

LOWEST_RIPPLE_HZ = 50.0


def level_variation_curve(known_db: Sequence[float], n_harmonics: int) -> Float[np.ndarray, " harmonic"]:
    """Return the standard deviation of each harmonic's level in dB.

    Args:
        known_db: At `HARMONICS`; nothing for a voice that stands still.
        n_harmonics: Harmonics of the voice.
    """
    if not len(known_db):
        return np.zeros(n_harmonics, np.float32)
    numbers = np.arange(1, n_harmonics + 1)
    return np.interp(np.log2(numbers), np.log2(HARMONICS), known_db).astype(np.float32)


def wavering(
    frames: Int[np.ndarray, " point"],
    level_variation_db: Float[np.ndarray, " harmonic"],
) -> Float[np.ndarray, "point harmonic"]:
    """Return the factor on the square root of each amplitude; it leaves the mean power of a partial.

    Args:
        frames: Numbers of frames from the beginning of the performance.
        level_variation_db: Standard deviation of each level, in dB.
    """
    tracks = _tracks()[frames % N_TRACK_FRAMES, : len(level_variation_db)]
    # Power is the root to the fourth: exp(4 d g) with g of variance 1 has the mean exp(8 d^2).
    depth = level_variation_db * np.float32(np.log(10.0) / 40.0)
    return np.exp(depth * (tracks - 2.0 * depth))


def rippling(
    f0_hz: Float[np.ndarray, " point"], n_harmonics: int, ripple_db: float
) -> Float[np.ndarray, "point harmonic"]:
    """Return the factor on the square root of each amplitude that a body's fine resonances make.

    Args:
        f0_hz: Fundamental, above 0.
        n_harmonics: Harmonics of the voice.
        ripple_db: Standard deviation over frequency, in dB.
    """
    depth = np.float32(ripple_db * np.log(10.0) / 40.0)
    steps = np.log2(np.maximum(f0_hz, LOWEST_RIPPLE_HZ) / LOWEST_RIPPLE_HZ) * (1200.0 / CENTS_PER_STEP)
    position = steps[:, None].astype(np.float32) + _harmonic_steps()[:n_harmonics]
    curve = np.exp(depth * (_ripple() - 2.0 * depth))
    low = position.astype(np.int32)
    part = position - low
    low &= N_RIPPLE_STEPS - 1
    below = curve[low]
    return below + part * (np.append(curve, curve[0])[low + 1] - below)


@lru_cache(maxsize=1)
def _tracks() -> Float[np.ndarray, "frame harmonic"]:
    """Smooth noise of mean 0 and standard deviation 1, whose end joins its beginning."""
    white = np.random.default_rng(TRACKS_SEED).standard_normal((N_TRACK_FRAMES, N_TRACKS))
    smooth = sum(weight * np.roll(white, i, axis=0) for i, weight in enumerate(SMOOTHING))
    smooth = smooth / np.sqrt(np.square(SMOOTHING).sum())
    return np.clip(smooth, -WIDEST, WIDEST).astype(np.float32)


@lru_cache(maxsize=1)
def _ripple() -> Float[np.ndarray, " step"]:
    """A smooth random curve over log frequency of mean 0 and standard deviation 1, clipped, end to end."""
    white = np.random.default_rng(20_261_125).standard_normal(N_RIPPLE_STEPS)
    cycles = np.fft.rfftfreq(N_RIPPLE_STEPS, CENTS_PER_STEP)
    # The correlation exp(-x^2 / (2 L^2)) has a Gaussian spectrum; the filter is its root.
    smooth = np.fft.irfft(
        np.fft.rfft(white) * np.exp(-np.square(np.pi * cycles * RIPPLE_CENTS)), N_RIPPLE_STEPS
    )
    smooth = (smooth - smooth.mean()) / smooth.std()
    return np.clip(smooth, -WIDEST, WIDEST).astype(np.float32)


@lru_cache(maxsize=1)
def _harmonic_steps() -> Float[np.ndarray, " harmonic"]:
    """How far each harmonic lies above the fundamental on the ripple's scale."""
    return (np.log2(np.arange(1, N_TRACKS + 1)) * (1200.0 / CENTS_PER_STEP)).astype(np.float32)
