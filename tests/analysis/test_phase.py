"""Cycles counted as a recording plays them."""

from __future__ import annotations

import numpy as np
import pytest

from violute.analysis.phase import cycles_played, partial_leads


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_cycles_played_follow_the_recording_where_the_tracker_errs(rate):
    t = np.arange(rate) / rate
    audio = 0.5 * np.cos(2.0 * np.pi * 440.0 * t + 1.0) + 0.3 * np.cos(2.0 * np.pi * 880.0 * t + 2.0)
    cycles = cycles_played(audio.astype(np.float32), np.full(100, 437.0, np.float32), rate)
    wanted = 440.0 * np.arange(100) / 100.0 + 1.0 / (2.0 * np.pi)
    off = (cycles - wanted + 0.5) % 1.0 - 0.5
    assert np.abs(off[3:-3]).max() < 0.002


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_partials_lead_as_they_were_made_to(rate):
    leads = (0.0, 0.3, -0.4, 0.05)
    t = np.arange(rate) / rate
    audio = sum(0.2 * np.cos(2.0 * np.pi * (440.0 * (k + 1) * t + lead)) for k, lead in enumerate(leads))
    f0_hz = np.full(100, 439.0, np.float32)
    audio = np.asarray(audio, np.float32)
    found = partial_leads(audio, f0_hz, cycles_played(audio, f0_hz, rate), 60, rate)
    off = (found[3:-3, :4] - np.array(leads) + 0.5) % 1.0 - 0.5
    assert np.abs(off).max() < 0.01
    assert not found[:, int(0.5 * rate / 439.0) :].any(), "above Nyquist nothing is measured"
