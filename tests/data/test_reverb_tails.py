"""Reverberation beneath a note: what a simulated hall leaves is what was foretold, and decays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from violute.data import reverb_tails as tails
from violute.data.harmonics import bands_from_gaps, measure_partials
from violute.data.reverb_tails import DECAY_SECONDS, DELAY_FRAMES, reverberation_tails
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.harmonics import harmonic_synth
from violute.synthesis.noise import noise_bands

LEVEL_DB = -30.0
GLIDE_FRAMES = 30
NOTE_FRAMES = 25
CENTRES_HZ = noise_bands(sample_rate=SAMPLE_RATE)
HEARD = np.flatnonzero((CENTRES_HZ > 1000.0) & (CENTRES_HZ < 6000.0))


def notes(*f0_hz, n_frames=60, n_harmonics=40):
    """Steady notes without a gap, of equal harmonics below 8 kHz."""
    track = np.repeat(np.array(f0_hz, np.float64), n_frames)
    level_db = np.full((len(track), n_harmonics), -140.0)
    level_db[track[:, None] * np.arange(1, n_harmonics + 1) < 8000.0] = LEVEL_DB
    return track, level_db


def test_a_note_leaves_nothing_in_its_own_gaps():
    tail_db = reverberation_tails(*notes(440.0))
    assert tail_db.max() < LEVEL_DB - 60.0


def glides_and_notes(n_times):
    """A low glide, whose harmonics leave no gap of the note after it empty, and that note, by turns."""
    glide_hz = np.geomspace(200.0, 400.0, GLIDE_FRAMES)
    track = np.tile(np.concatenate([glide_hz, np.full(NOTE_FRAMES, 900.0)]), n_times)
    return track, notes(*track, n_frames=1)[1]


def test_an_earlier_note_is_found_after_a_leap_and_decays_at_the_rate_of_its_tail():
    tail_db = reverberation_tails(*glides_and_notes(1))
    after = tail_db[GLIDE_FRAMES + DELAY_FRAMES :, :, HEARD]
    assert (after > LEVEL_DB).all()
    per_frame = 10.0 * np.log10(np.e) * HOP_LENGTH / SAMPLE_RATE / np.array(DECAY_SECONDS)
    fall = -np.diff(after, axis=0)
    np.testing.assert_allclose(fall, np.broadcast_to(per_frame[:, None], fall.shape), atol=0.01)


@pytest.mark.parametrize("tail", range(len(DECAY_SECONDS)))
def test_a_simulated_hall_leaves_what_was_foretold(tail):
    """The oracle is a convolution with decaying noise, measured by the microphone's own method."""
    rng = np.random.default_rng(3)
    wet_db = -10.0
    f0_hz, level_db = glides_and_notes(4)
    dry = harmonic_synth(f0_hz, 10.0 ** (level_db / 20.0))
    seconds = np.arange(int(3 * SAMPLE_RATE * DECAY_SECONDS[tail])) / SAMPLE_RATE
    # Energy falls to 1/e in the given time, so the amplitude takes twice as long.
    room = rng.standard_normal(len(seconds)) * np.exp(-0.5 * seconds / DECAY_SECONDS[tail])
    room *= 10.0 ** (wet_db / 20.0) / np.sqrt(np.square(room).sum())
    n_fft = len(dry) + len(room)
    wet = np.fft.irfft(np.fft.rfft(dry, n_fft) * np.fft.rfft(room, n_fft), n_fft)[: len(dry)]
    measured = measure_partials((dry + wet).astype(np.float32), f0_hz, n_refinements=0)
    measured_db = bands_from_gaps(measured.noise_db, measured.f0_hz)
    foretold_db = reverberation_tails(f0_hz, level_db)[:, tail] + wet_db
    age = np.arange(len(f0_hz)) % (GLIDE_FRAMES + NOTE_FRAMES) - GLIDE_FRAMES
    inside = (age > DELAY_FRAMES) & (age < NOTE_FRAMES - 2)
    error_db = np.median((measured_db - foretold_db)[inside][:, HEARD], axis=0)
    # Where the gap is still uneven, a median over its bins hears less than the mean power.
    assert -2.5 < np.median(error_db) < 1.0
    assert np.abs(error_db).max() < 6.0


@settings(max_examples=10, deadline=None)
@given(gain_db=st.floats(-30.0, 30.0))
def test_tails_are_as_loud_as_what_excites_them(gain_db):
    f0_hz, level_db = glides_and_notes(1)
    before, after = (reverberation_tails(f0_hz, level) for level in (level_db, level_db + gain_db))
    heard = (slice(GLIDE_FRAMES + DELAY_FRAMES, None), slice(None), HEARD)
    np.testing.assert_allclose(after[heard], before[heard] + gain_db, atol=0.01)


def test_nothing_depends_on_the_blocks(monkeypatch):
    f0_hz, level_db = notes(330.0, 500.0, 250.0, n_frames=30)
    whole = reverberation_tails(f0_hz, level_db)
    monkeypatch.setattr(tails, "BLOCK_FRAMES", 7)
    np.testing.assert_allclose(reverberation_tails(f0_hz, level_db), whole, atol=1e-4)


def test_no_frames_have_no_tails():
    assert reverberation_tails(np.zeros(0), np.zeros((0, 40))).shape == (0, len(DECAY_SECONDS), 64)
