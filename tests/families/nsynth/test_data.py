"""Crops to teach a WaveNet with."""

from __future__ import annotations

import numpy as np
import soxr
import tones
from tones import tone

from violute.analysis.phase import cycles_played, partial_leads
from violute.families.nsynth.data import Wave, draw_crops, leads_of
from violute.families.nsynth.network import SAMPLE_RATE

HOP = 64


def wave_of(audio, f0_hz):
    """A recording of a known pitch."""
    cycles = cycles_played(audio, f0_hz, SAMPLE_RATE)
    leads = partial_leads(audio, f0_hz, cycles, 3, SAMPLE_RATE)
    return Wave("a", "a", 0, audio, f0_hz, np.full(len(f0_hz), -20.0, np.float32), cycles, leads)


def test_crops_keep_the_phase_when_they_are_transposed():
    f0_hz = np.full(100, 330.0, np.float32)
    pure = tone(330.0, 1.0, db_per_octave=-90.0)
    audio = soxr.resample(pure, tones.SAMPLE_RATE, SAMPLE_RATE).astype(np.float32)
    wave = wave_of(audio, f0_hz)
    crops = draw_crops([wave], 40, 6, np.random.default_rng(2), hop_length=HOP, augment=True)
    inside = slice(4 * HOP, -4 * HOP)
    for played, cycles in zip(crops.audio.numpy(), crops.cycles.numpy(), strict=True):
        sine = np.cos(2.0 * np.pi * cycles)
        assert np.corrcoef(played[inside], sine[inside])[0, 1] > 0.999
    assert len({float(f0) for f0 in crops.f0_hz[:, 0]}) == 6, "each crop has a transposition of its own"


def test_leads_turn_the_shorter_way_and_hold_where_a_partial_keeps_its_phase():
    rate = SAMPLE_RATE
    t = np.arange(rate) / rate
    audio = sum(
        0.2 * np.cos(2.0 * np.pi * (330.0 * k * t + lead)) for k, lead in ((1, 0.1), (2, 0.69), (3, 0.3))
    )
    wave = wave_of(np.asarray(audio, np.float32), np.full(100, 330.0, np.float32))
    crops = draw_crops([wave], 40, 4, np.random.default_rng(2), hop_length=HOP, augment=True)
    leads = leads_of(crops).numpy()[:, :, 320:-320]
    wanted = np.array([0.0, 0.69 - 0.2, 0.3 - 0.3])[None, :, None]
    assert np.abs((leads - wanted + 0.5) % 1.0 - 0.5).max() < 0.02


def test_what_is_told_follows_transposition_and_level():
    f0_hz = np.linspace(300.0, 400.0, 100, dtype=np.float32)
    audio = (0.3 * np.cos(2.0 * np.pi * np.cumsum(np.repeat(f0_hz, 160)) / SAMPLE_RATE)).astype(np.float32)
    wave = wave_of(audio, f0_hz)
    plain, changed = (
        draw_crops([wave], 40, 8, np.random.default_rng(3), hop_length=HOP, augment=augment)
        for augment in (False, True)
    )
    assert set(plain.loudness_db.flatten().tolist()) == {-20.0}
    rms_db = 20.0 * np.log10(changed.audio.numpy()[:, 640:-640].std(axis=1) / (0.3 / np.sqrt(2.0)))
    assert np.allclose(changed.loudness_db.numpy()[:, 20] + 20.0, rms_db, atol=0.2)
