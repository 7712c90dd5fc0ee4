"""The grid of pitches, the doubt that costs little, and partials that two notes share."""

import numpy as np
import pytest
from chord_sounds import chord, hz, line, note
from tones import SAMPLE_RATE, tone

from violute.analysis import pitch
from violute.analysis.loudness import a_weighting_db
from violute.analysis.pitch_range import HIGH
from violute.analysis.polyphony.log_spectrum import (
    BINS_PER_SEMITONE,
    LOWEST_MIDI,
    N_BINS,
    N_FFTS,
    bin_hz,
    hz_bin,
    log_spectra,
)
from violute.analysis.polyphony.second_notes import doubtful_frames, foreign_share
from violute.analysis.polyphony.shared_partials import divide_partials, sharpened
from violute.transforms.spectra import count_frames, magnitude_frames


def spectra(audio):
    n_frames = (count_frames(len(audio)) + 1) // 2
    return [magnitude_frames(audio, n_fft, 0, n_frames, hop_length=882) for n_fft in N_FFTS]


def test_places_on_the_grid_and_frequencies_are_each_others_inverse():
    places = np.linspace(0.0, N_BINS - 1.0, 50)
    np.testing.assert_allclose(hz_bin(bin_hz(places)), places, atol=1e-9)
    assert bin_hz(BINS_PER_SEMITONE * (69.0 - LOWEST_MIDI)) == pytest.approx(440.0)


@pytest.mark.parametrize("midi", [55, 62.33, 74, 88, 96])
def test_a_sine_stands_in_its_own_bin(midi):
    levels = log_spectra(*spectra(tone(float(hz(midi)), 1.0, db_per_octave=-np.inf)), loudest=0.35)
    for window in (0, 1):
        assert abs(levels[25, :, window].argmax() - hz_bin(hz(midi))) <= (1.0, 2.5)[window]
    assert levels.max() == 1.0
    assert levels.min() >= 0.0


def test_the_gain_of_a_recording_is_not_heard():
    audio = chord((60, 67), 0.6)
    loud, soft = (log_spectra(*spectra(np.float32(gain) * audio), loudest=gain * 0.1) for gain in (1.0, 0.05))
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_silence_is_nothing_on_the_grid():
    assert not log_spectra(*spectra(np.zeros(SAMPLE_RATE // 2, np.float32)), loudest=0.0).any()


@pytest.mark.parametrize("pair", [(62.0, 69.0), (60.0, 64.0), (67.1, 76.2), (57.0, 69.0)])
def test_pitches_are_sharpened_to_a_few_cents(pair):
    """From the nearest third of a semitone, fifths and octaves with their shared partials included."""
    long, _ = spectra(chord(pair, 0.6))
    rough = np.tile(bin_hz(np.rint(hz_bin(hz(pair)))), (len(long), 1))
    exact = sharpened(long, rough, np.ones(rough.shape, bool))
    cents = 1200.0 * np.log2(exact[10:-10] / hz(pair))
    assert np.abs(cents).max() < 5.0


@pytest.mark.parametrize(
    ("pair", "tolerance_db"), [((62, 69), 1.5), ((60, 64), 1.0), ((60, 69), 1.5), ((57, 69), 4.0)]
)
@pytest.mark.parametrize("louder_db", [-6.0, 0.0, 6.0])
def test_shared_partials_are_divided_as_they_were_played(pair, tolerance_db, louder_db):
    """An octave is the hardest: all of the upper note's partials are the lower one's too."""
    parts = [note(pair[0], 1.0, level_db=-20.0 + louder_db, seed=3), note(pair[1], 1.0, seed=4)]
    f0_hz = np.tile(hz(pair), (len(spectra(parts[0])[0]), 1))
    both = divide_partials(spectra(parts[0] + parts[1])[0], f0_hz, np.ones(f0_hz.shape, bool))
    for i, part in enumerate(parts):
        alone = divide_partials(spectra(part)[0], f0_hz[:, i : i + 1], np.ones((len(f0_hz), 1), bool))
        gained_db = 10.0 * np.log10(np.median(both[10:-10, i]) / np.median(alone[10:-10, 0]))
        assert abs(gained_db) < tolerance_db


def test_the_power_of_one_note_is_its_a_weighted_power():
    audio = tone(1000.0, 0.5, harmonic_db=[0.0], level_db=-20.0)
    f0_hz = np.full((len(spectra(audio)[0]), 1), 1000.0)
    power = divide_partials(spectra(audio)[0], f0_hz, np.ones(f0_hz.shape, bool))
    wanted_db = -20.0 + float(a_weighting_db(np.array(1000.0)))
    assert 10.0 * np.log10(power[12, 0]) == pytest.approx(wanted_db, abs=0.2)


def test_no_note_has_no_power_and_no_pitch():
    long, _ = spectra(chord((60, 67), 0.3))
    nothing = np.zeros((len(long), 3))
    assert not divide_partials(long, nothing, nothing > 0.0).any()
    assert not sharpened(long, nothing, nothing > 0.0).any()


def doubts(audio):
    wide = magnitude_frames(audio, HIGH.windows[0].n_fft, 0, count_frames(len(audio)))
    return doubtful_frames(wide, pitch.track_pitch([wide])[0])


def test_one_line_raises_no_doubt_and_chords_do():
    assert not doubts(line((60, 64, 67, 72, 69, 65) * 2)).any()
    assert doubts(chord((60, 64), 3.0)).mean() > 0.9
    assert doubts(np.concatenate([chord((62 + i, 71 + i), 0.5) for i in range(6)])).mean() > 0.9


def test_what_falls_on_the_harmonics_of_an_earlier_note_is_not_foreign():
    """A note of 440 Hz rings on under one of 587 Hz, or is bowed on under it."""
    f0_hz = np.array([440.0] * 4 + [587.33] * 8)
    for decay, is_foreign in ((0.5, False), (1.0, True)):
        magnitudes = np.zeros((12, 1025), np.float32)
        for number in (1, 2, 3):
            for i, hertz in enumerate(f0_hz):
                _put(magnitudes[i], number * hertz, 1.0 / number)
                if i >= 4:
                    _put(magnitudes[i], number * 440.0, decay ** (i - 3) / number)
        share = foreign_share(magnitudes, f0_hz)
        assert (share[6:8] > 0.2).all() == is_foreign


def _put(spectrum, hertz, amplitude):
    place = hertz / HIGH.windows[0].bin_hz
    near = np.arange(int(place) - 1, int(place) + 3)
    spectrum[near] = np.maximum(spectrum[near], amplitude * np.maximum(1.0 - np.abs(near - place) / 2.0, 0.0))
