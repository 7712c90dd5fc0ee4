"""Chords of known pitches and levels: what hearing several notes is judged by."""

import numpy as np
from tones import SAMPLE_RATE, tone

LEVELS_DB = -2.2 * np.arange(20.0)
"""Of the harmonics: about those of a bowed string."""


def hz(midi):
    return 440.0 * 2.0 ** ((np.asarray(midi, dtype=float) - 69.0) / 12.0)


def note(midi, seconds=1.0, *, level_db=-20.0, seed=0):
    """One bowed note, with 20 ms at either end in which it comes and goes."""
    audio = tone(
        float(hz(midi)), seconds, harmonic_db=LEVELS_DB, level_db=level_db, noise_db=-75.0, seed=seed
    )
    edge = np.linspace(0.0, 1.0, SAMPLE_RATE // 50, dtype=np.float32)
    audio[: len(edge)] *= edge
    audio[-len(edge) :] *= edge[::-1]
    return audio


def chord(pitches, seconds=1.0, **settings):
    return np.sum([note(midi, seconds, seed=i, **settings) for i, midi in enumerate(pitches)], axis=0)


def line(pitches, seconds=0.4):
    return np.concatenate([note(midi, seconds) for midi in pitches])


def rest(seconds=0.2):
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def sounding(controls, at_seconds):
    """MIDI pitches of the voices that sound at a moment, rising."""
    frame = round(at_seconds * controls.frame_rate_hz)
    f0_hz = controls.f0_hz[controls.periodicity[:, frame] > 0.0, frame]
    return np.sort(69.0 + 12.0 * np.log2(f0_hz / 440.0))
