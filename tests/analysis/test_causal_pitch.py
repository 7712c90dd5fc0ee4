"""Pitch while it is played: the note at once, whatever breath or note came before, and not its octave."""

import numpy as np
import pytest
from pitch_sequences import after_hum, slurred
from tones import SAMPLE_RATE, cents_apart, tone

from violute.analysis import causal_pitch as causal
from violute.analysis.pitch import compressed_spectra, salience_kernels
from violute.analysis.pitch_range import HIGH
from violute.rates import HOP_LENGTH
from violute.transforms.spectra import magnitude_frames


def followed(audio, weights=None):
    """Pitch and periodicity of each frame, known `HOP_LENGTH` after its centre."""
    follower = causal.CausalPitch(weights)
    padded = np.pad(audio.astype(np.float32), (causal.N_FFT - HOP_LENGTH, HOP_LENGTH))
    starts = range(0, len(audio) - HOP_LENGTH, HOP_LENGTH)
    return np.array([follower.push(padded[start : start + causal.N_FFT]) for start in starts])


def right(f0_hz, notes, *, after_seconds):
    """Whether each frame of the notes, but for their beginnings, is within 50 cents."""
    found = []
    for note in notes:
        frames = np.arange(
            int(np.ceil((note.start + after_seconds) * SAMPLE_RATE / HOP_LENGTH)),
            int((note.stop - 0.005) * SAMPLE_RATE / HOP_LENGTH),
        )
        hz = np.full(len(frames), 440.0 * 2.0 ** ((note.midi - 69.0) / 12.0))
        found.append(np.abs(cents_apart(f0_hz[frames], hz)) < 50.0)
    return np.concatenate(found)


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 987.8, 3520.0])
@pytest.mark.parametrize("slope", [-3.0, -9.0])
def test_a_steady_tone_is_voiced_and_in_tune(f0_hz, slope):
    found = followed(tone(f0_hz, 0.4, db_per_octave=slope))[8:]
    assert found[:, 1].min() > 0.9
    assert np.abs(cents_apart(found[:, 0], np.full(len(found), f0_hz))).max() < 5.0


@pytest.mark.parametrize("instrument", ["violin", "flute"])
@pytest.mark.parametrize("step", [1, 7, 12])
def test_a_slurred_note_is_heard_within_two_frames(instrument, step):
    shares = []
    for midi in (63, 76):
        pitches = [midi, midi + step] * 3
        notes, audio = slurred(instrument, pitches, [0.12] * 6, np.random.default_rng([midi, step]))
        shares.append(right(followed(audio)[:, 0], notes, after_seconds=0.02).mean())
    assert np.mean(shares) > 0.9


def test_a_hum_before_a_note_is_forgotten_as_it_begins():
    notes, audio = after_hum("flute", 86, 12, 0.15, np.random.default_rng(0))
    assert right(followed(audio)[:, 0], notes, after_seconds=0.02).mean() > 0.9


def test_noise_and_silence_have_no_pitch():
    noise = 0.05 * np.random.default_rng(1).standard_normal(SAMPLE_RATE)
    assert np.mean(followed(noise)[:, 1] > 0.45) < 0.02
    assert followed(np.zeros(SAMPLE_RATE // 4))[:, 1].max() < 0.1


def test_nothing_depends_on_how_loud_a_recording_is():
    audio = tone(523.3, 0.3, noise_db=-60.0)
    loud, soft = followed(audio), followed(0.01 * audio)
    np.testing.assert_allclose(soft[:, 0], loud[:, 0], rtol=1e-4)


def test_the_belief_is_a_distribution_that_glides():
    follower = causal.CausalPitch()
    audio = np.pad(tone(440.0, 0.2), (causal.N_FFT, 0))
    for start in range(0, len(audio) - causal.N_FFT, HOP_LENGTH):
        follower.push(audio[start : start + causal.N_FFT])
        assert follower.belief.sum() == pytest.approx(1.0, abs=1e-4)
    near = np.abs(1200.0 * np.log2(causal.candidates_hz() / 440.0)) < 50.0
    assert follower.belief[near].sum() > 0.95


def test_the_table_points_at_the_partials():
    below, above = causal.partial_table()
    candidate = 70
    first = sum(len(multiples) for row, multiples in causal.MULTIPLES.items() if row < causal.MIDDLE)
    place = (
        below[first : first + len(causal.PARTIALS), candidate]
        + above[first : first + len(causal.PARTIALS), candidate]
    )
    hz = (place - causal.MIDDLE * (causal.N_BINS + 2)) * causal.BIN_HZ
    np.testing.assert_allclose(hz, causal.candidates_hz()[candidate] * np.array(causal.PARTIALS), rtol=1e-5)


@pytest.mark.parametrize("f0_hz", [196.0, 523.3, 2093.0])
def test_saliences_are_those_of_the_search(f0_hz):
    audio = tone(f0_hz, 0.1)[: causal.N_FFT]
    (window,) = HIGH.windows
    searched = compressed_spectra(
        magnitude_frames(audio, window.n_fft, window.n_fft // 2, 1)[:, : window.n_bins]
    )
    found = causal.saliences(causal.window_levels_db(audio)[list(causal.TELLING)])
    np.testing.assert_allclose(found[1], (searched @ salience_kernels(window))[0], atol=2e-3)
    heard_hz = causal.candidates_hz()[found.argmax(axis=1)]
    assert np.abs(1200.0 * np.log2(heard_hz / f0_hz)).max() < 30.0


def test_where_the_network_has_no_opinion_the_salience_decides():
    mute = {**causal.weights(), "last": np.zeros_like(causal.weights()["last"])}
    found_hz = followed(tone(659.3, 0.3), mute)[8:, 0]
    assert np.abs(cents_apart(found_hz, np.full(len(found_hz), 659.3))).max() < 5.0
    deaf = {**mute, "salience": np.zeros_like(mute["salience"])}
    assert np.abs(np.log2(followed(tone(659.3, 0.3), deaf)[8:, 0] / 659.3)).min() > 0.5


@pytest.mark.parametrize("f0_hz", [233.1, 701.3, 1864.7])
def test_refining_finds_a_pitch_between_two_candidates(f0_hz):
    levels_db = causal.window_levels_db(tone(f0_hz, 0.1)[: causal.N_FFT])[causal.MIDDLE]
    nearest = causal.candidates_hz()[np.abs(np.log2(causal.candidates_hz() / f0_hz)).argmin()]
    assert abs(1200.0 * np.log2(causal.refined_hz(levels_db, nearest) / f0_hz)) < 3.0
