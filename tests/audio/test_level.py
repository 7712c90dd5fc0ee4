"""Brought to a loudness: exactly where there is room, nearly where the limiter works."""

import numpy as np
import pyloudnorm
import pytest
from tones import SAMPLE_RATE, tone

from violute.audio.level import MAX_MAKE_UP_DB, bring_to_loudness
from violute.audio.true_peak import TruePeakMeter


@pytest.fixture(scope="module")
def clicks():
    """A soft tone with clicks, so that its peaks stand far above its loudness."""
    audio = tone(440.0, 3.0, level_db=-30.0)
    audio[::4_410] = 0.5
    return audio


def true_peak_db(audio):
    meter = TruePeakMeter(len(np.atleast_2d(audio)))
    meter.push(np.atleast_2d(audio))
    return 20.0 * np.log10(meter.peak())


def lufs(audio):
    return pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(audio.T.astype(np.float64))


@pytest.mark.parametrize("wanted_lufs", [-50.0, -40.0])
def test_with_room_for_its_peaks_a_sound_is_as_loud_as_wanted(clicks, wanted_lufs):
    assert lufs(bring_to_loudness(clicks, wanted_lufs, SAMPLE_RATE)) == pytest.approx(wanted_lufs, abs=0.05)


def test_what_the_limiter_takes_is_made_up_for(clicks):
    stereo = np.stack([clicks, clicks])
    finished = bring_to_loudness(stereo, -14.0, SAMPLE_RATE)
    assert finished.shape == stereo.shape
    assert lufs(finished) == pytest.approx(-14.0, abs=0.35)
    assert true_peak_db(finished) <= -1.0


def test_no_more_is_made_up_for_than_makes_sense(clicks):
    finished = bring_to_loudness(clicks, 5.0, SAMPLE_RATE)
    assert true_peak_db(finished) <= -1.0
    assert np.abs(finished).max() <= np.abs(clicks).max() * 10 ** ((5.0 - lufs(clicks) + MAX_MAKE_UP_DB) / 20)


def test_silence_stays_silence():
    assert not bring_to_loudness(np.zeros((2, SAMPLE_RATE), np.float32), -20.0, SAMPLE_RATE).any()
