"""Crops to teach a WaveNet with."""

from __future__ import annotations

import numpy as np
import soxr
import tones
from tones import tone

from violute.analysis.phase import cycles_played
from violute.families.nsynth.data import Wave, draw_crops
from violute.families.nsynth.network import SAMPLE_RATE

HOP = 64


def test_crops_keep_the_phase_when_they_are_transposed():
    f0_hz = np.full(100, 330.0, np.float32)
    pure = tone(330.0, 1.0, db_per_octave=-90.0)
    audio = soxr.resample(pure, tones.SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
    wave = Wave("a", "a", 0, audio, f0_hz, np.ones(100, bool), cycles_played(audio, f0_hz, SAMPLE_RATE))
    crops = draw_crops([wave], 40, 6, np.random.default_rng(2), hop_length=HOP, augment=True)
    inside = slice(4 * HOP, -4 * HOP)
    for played, cycles in zip(crops.audio.numpy(), crops.cycles.numpy(), strict=True):
        sine = np.cos(2.0 * np.pi * cycles)
        assert np.corrcoef(played[inside], sine[inside])[0, 1] > 0.999
    assert len({float(f0) for f0 in crops.f0_hz[:, 0]}) == 6, "each crop has a transposition of its own"
