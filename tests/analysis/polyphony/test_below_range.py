"""Notes below the high range are told from chords, whose undertones lie there too."""

import numpy as np
import pytest
from tones import SAMPLE_RATE, tone

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import LOW
from violute.analysis.polyphony.below_range import BELOW_SHARE, frames_below
from violute.analysis.polyphony.log_spectrum import CONTROLS_FRAMES, N_FFTS
from violute.rates import HOP_LENGTH
from violute.transforms.spectra import magnitude_frames


def below(audio):
    """Share of the frames of a sound whose note lies below."""
    n_frames = len(audio) // (CONTROLS_FRAMES * HOP_LENGTH)
    long, short = (
        magnitude_frames(audio, n, 0, n_frames, hop_length=CONTROLS_FRAMES * HOP_LENGTH) for n in N_FFTS
    )
    return float(np.mean(frames_below(short, long)))


@pytest.mark.parametrize("f0_hz", [65.4, 98.0, 146.8])
def test_low_notes_are_below(f0_hz):
    assert below(tone(f0_hz, 2.0, noise_db=-60.0)) > 0.9


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 1760.0])
def test_notes_of_the_range_are_not(f0_hz):
    assert below(tone(f0_hz, 2.0, noise_db=-60.0)) == 0.0


@pytest.mark.parametrize("semitones", [3, 4, 5, 7, 8, 9, 12])
def test_chords_are_not_though_they_have_an_undertone(semitones):
    chord = tone(220.0, 2.0) + tone(220.0 * 2.0 ** (semitones / 12.0), 2.0, seed=1)
    assert below(chord) == 0.0


def test_a_low_line_is_one_line_and_its_share_is_told():
    notes = [tone(hz, 0.5, noise_db=-60.0) for hz in (98.0, 110.0, 130.8, 146.8, 98.0, 123.5)]
    low, high = np.concatenate(notes), np.concatenate([tone(f, 0.5, noise_db=-60.0) for f in (440.0, 523.3)])
    controls = analyse(np.concatenate([low, high]), lines="auto")
    assert controls.n_lines == 1
    assert controls.below_share == pytest.approx(len(low) / (len(low) + len(high)), abs=0.08)
    for lines in ("auto", 2):
        assert analyse(low, lines=lines, pitch_range=LOW).below_share == 0.0


def test_a_line_of_the_range_has_no_share_below():
    line = np.concatenate([tone(hz, 0.4, noise_db=-60.0) for hz in (196.0, 293.7, 440.0, 659.3)])
    assert analyse(line, lines="auto").below_share == 0.0
    assert analyse(np.zeros(SAMPLE_RATE, np.float32), lines="auto").below_share == 0.0


def test_pitches_that_are_found_there_count_without_any_doubt():
    controls = analyse(tone(170.0, 1.0, noise_db=-60.0))
    assert controls.below_share > 0.9 > BELOW_SHARE
