"""Tones of known pitch and harmonics, made sample by sample: what pitch and levels are judged by."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 44_100
HOP_LENGTH = 441
TOP_HZ = 20_000.0


def tone(
    f0_hz: float | np.ndarray,
    seconds: float = 1.0,
    *,
    db_per_octave: float = -6.0,
    harmonic_db: list[float] | np.ndarray | None = None,
    level_db: float = -12.0,
    noise_db: float | None = None,
    seed: int = 0,
) -> np.ndarray:
    """A harmonic tone with random phases, at full level from its first sample to its last.

    Args:
        f0_hz: Fundamental, or one for every sample.
        seconds: Length, where the fundamental stands still.
        db_per_octave: Slope of the harmonics; -6 is a sawtooth, minus infinity a sine.
        harmonic_db: Levels of the harmonics instead of a slope, before `level_db`.
        level_db: RMS of the harmonics, relative to full scale; with `harmonic_db`, a plain gain.
        noise_db: RMS of white noise, relative to full scale.
        seed: Of phases and noise.
    """
    f0_hz = np.full(round(seconds * SAMPLE_RATE), float(f0_hz)) if np.isscalar(f0_hz) else np.asarray(f0_hz)
    rng = np.random.default_rng(seed)
    phase = 2.0 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    if harmonic_db is None:
        n_harmonics = 1 if np.isneginf(db_per_octave) else int(TOP_HZ / f0_hz.max())
        levels_db = np.log2(np.arange(1, n_harmonics + 1)) * db_per_octave if n_harmonics > 1 else np.zeros(1)
    else:
        levels_db = np.asarray(harmonic_db, dtype=float)
    audio = np.zeros(len(f0_hz))
    for number, amplitude in enumerate(10.0 ** (levels_db / 20.0), start=1):
        audio += amplitude * np.sin(number * phase + rng.uniform(0.0, 2.0 * np.pi))
    if harmonic_db is None:
        audio /= np.sqrt(np.sum(10.0 ** (levels_db / 10.0)) / 2.0)
    audio *= 10.0 ** (level_db / 20.0)
    if noise_db is not None:
        audio += 10.0 ** (noise_db / 20.0) * rng.standard_normal(len(audio))
    return audio.astype(np.float32)


def vibrato(f0_hz: float, cents: float, rate_hz: float, seconds: float) -> np.ndarray:
    """A fundamental for every sample, swinging by `cents` either way."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return f0_hz * 2.0 ** (cents / 1200.0 * np.sin(2.0 * np.pi * rate_hz * t))


def at_frames(f0_hz: np.ndarray, n_frames: int) -> np.ndarray:
    """Read a course that has a value for every sample at the centres of the frames."""
    return f0_hz[np.minimum(np.arange(n_frames) * HOP_LENGTH, len(f0_hz) - 1)]


def cents_apart(measured_hz: np.ndarray, true_hz: float | np.ndarray) -> np.ndarray:
    """Signed distance in cents; a pitch of 0 lies far away."""
    return 1200.0 * np.log2(np.maximum(measured_hz, 1e-3) / true_hz)
