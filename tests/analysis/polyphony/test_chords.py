"""Notes that sound together: each is found to a few cents, keeps its voice and gets its share of loudness."""

import numpy as np
import pytest
import soxr
from chord_sounds import chord, hz, line, note, rest, sounding
from pitch_sequences import Sequence, kept_changes, slurred
from tones import SAMPLE_RATE, tone

from violute.analysis import analyser
from violute.analysis.analyser import analyse, analyse_blocks
from violute.analysis.polyphony import multipitch
from violute.analysis.polyphony.chords import chord_controls
from violute.analysis.polyphony.multipitch import Candidates
from violute.audio.read import read
from violute.errors import InputError
from violute.examples import example_paths
from violute.transforms.spectra import count_frames

FIELDS = ("f0_hz", "periodicity", "loudness_db", "onset_strength")

CHORDS = [(60, 67), (55, 62), (62, 71), (67, 76), (69, 73, 78), (57, 64, 73), (55, 62, 71, 79), (74, 79)]


def assert_same(one, other):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("pitches", CHORDS)
def test_the_notes_of_a_chord_are_found_within_ten_cents(pitches):
    controls = analyse(np.concatenate([rest(), chord(pitches), rest()]), lines=4)
    for seconds in (0.5, 0.7, 0.9):
        found = sounding(controls, seconds)
        assert len(found) == len(pitches), found
        np.testing.assert_allclose(found, pitches, atol=0.1)


@pytest.mark.parametrize("sample_rate", [22_050, 32_000, 48_000])
def test_recordings_of_other_rates_hold_the_same_notes(sample_rate):
    audio = soxr.resample(np.concatenate([rest(), chord((62, 69, 77)), rest()]), SAMPLE_RATE, sample_rate)
    controls = analyse(soxr.resample(audio, sample_rate, SAMPLE_RATE).astype(np.float32), lines=4)
    np.testing.assert_allclose(sounding(controls, 0.7), (62, 69, 77), atol=0.1)


def test_notes_between_two_keys_are_told_as_they_are():
    played = (62.3, 69.4)
    np.testing.assert_allclose(sounding(analyse(chord(played), lines=2), 0.5), played, atol=0.1)


def test_a_held_note_keeps_its_voice_while_another_moves():
    moving = np.concatenate([note(midi, 0.5) for midi in (69, 71, 73, 74)])
    controls = analyse(note(62, 2.0, seed=9) + moving, lines=4)
    inside = slice(15, 185)
    held = np.abs(69.0 + 12.0 * np.log2(controls.f0_hz / 440.0) - 62.0) < 0.3
    sounds = controls.periodicity > 0.0
    per_voice = (held & sounds)[:, inside].mean(axis=1)
    assert per_voice.max() > 0.97
    assert np.sort(per_voice)[-2] < 0.03


def test_loudness_is_divided_as_the_notes_were_played():
    """A fifth: every third partial of the lower is every second of the upper."""
    for louder in (0.0, 6.0, -6.0):
        audio = note(62, 1.0, level_db=-20.0 + louder) + note(69, 1.0, level_db=-20.0, seed=1)
        controls = analyse(audio, lines=2)
        alone = [analyse(note(62, 1.0, level_db=-20.0 + louder)), analyse(note(69, 1.0, level_db=-20.0))]
        wanted = np.array([c.loudness_db[0, 50] for c in alone])
        order = np.argsort(controls.f0_hz[:, 50])
        np.testing.assert_allclose(controls.loudness_db[order, 50], wanted, atol=2.0)


def test_the_voices_together_are_as_loud_as_the_line():
    audio = np.concatenate([line((60, 64)), chord((60, 67, 76)), chord((62, 69)), line((71,))])
    one, several = analyse(audio), analyse(audio, lines=4)
    power = np.sum(10.0 ** (several.loudness_db / 10.0), axis=0)
    np.testing.assert_allclose(10.0 * np.log10(power), one.loudness_db[0], atol=0.01)


@pytest.mark.parametrize("voices", ["auto", 4])
def test_the_cut_into_blocks_does_not_matter(voices):
    audio = np.concatenate(
        [line((60, 64, 67)), *[chord((60 + i, 67 + i), 0.6) for i in range(8)], line((72, 71))]
    )
    audio = np.tile(audio, 3)
    whole = analyse(audio, lines=voices)
    assert whole.n_lines > 1
    rng = np.random.default_rng(0)
    assert_same(
        analyse_blocks(np.split(audio, np.sort(rng.integers(0, len(audio), 20))), lines=voices), whole
    )


def test_joints_of_the_analysers_own_blocks_leave_no_mark(monkeypatch):
    audio = np.concatenate([chord((60 + i, 67 + i), 0.7) for i in range(10)] * 2)
    whole = analyse(audio, lines=4)
    monkeypatch.setattr(analyser, "BLOCK_FRAMES", 370)
    cut = analyse(audio, lines=4)
    assert cut.n_lines == whole.n_lines
    differ = np.abs(np.log2(cut.f0_hz / whole.f0_hz)) > 1.0 / 120.0
    assert np.mean(differ & (whole.periodicity > 0.0)) < 0.01


def test_one_line_costs_no_thought_and_comes_out_the_same(monkeypatch):
    """Where nothing is in doubt the network is not even woken."""
    audio = line((60, 64, 67, 72, 71, 69, 67, 65, 64, 62))
    one = analyse(audio)
    monkeypatch.setattr(multipitch, "_network", lambda: pytest.fail("the network was asked"))
    assert_same(analyse(audio, lines="auto"), one)


@pytest.mark.parametrize("name", ["flute", "violin"])
def test_the_example_pieces_are_one_line(name):
    audio, sample_rate = read(example_paths()[name])
    assert sample_rate == SAMPLE_RATE
    assert_same(analyse(audio[0], lines="auto"), analyse(audio[0]))


def test_a_line_in_a_hall_stays_one_line():
    rng = np.random.default_rng(0)
    dry = line((62, 66, 69, 74, 73, 69, 64, 66, 67, 64, 62, 61) * 2, 0.25)
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hall = rng.standard_normal(len(seconds)) * np.exp(-6.9 * seconds / 1.8)
    hall *= 0.7 / np.sqrt(np.sum(np.square(hall)))
    n_fft = 1 << 20
    wet = np.fft.irfft(np.fft.rfft(dry, n_fft) * np.fft.rfft(hall, n_fft), n_fft)[: len(dry)]
    audio = (dry + wet).astype(np.float32)
    assert_same(analyse(audio, lines="auto"), analyse(audio))


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("midi", [64, 76, 88])
def test_a_quick_trill_stays_one_line(midi, step):
    """Both notes lie in one spectrum, where the network that hears chords finds them at once."""
    notes, audio = slurred(
        "violin", [midi + step * (i % 2) for i in range(36)], [1.0 / 18.0] * 36, np.random.default_rng(midi)
    )
    one, found = analyse(audio), analyse(audio, lines="auto")
    assert_same(found, one)
    changes = kept_changes(Sequence("", "", audio, notes), found.f0_hz[0], found.periodicity[0] > 0.0)
    assert changes.mean() > 0.9


def test_a_trill_beside_a_chord_leaves_it_a_chord():
    _, trill = slurred(
        "violin", [76 + 2 * (i % 2) for i in range(36)], [1 / 18] * 36, np.random.default_rng(0)
    )
    piece = np.concatenate([rest(), chord((62, 69, 77)), rest(), trill, rest(), chord((60, 67)), rest()])
    found = analyse(piece, lines="auto")
    n_sounding = (found.periodicity > 0.0).sum(axis=0)
    start = count_frames(len(rest()) * 2 + len(chord((62, 69, 77))))
    stop = start + count_frames(len(trill))
    assert n_sounding[:start].max() == 3
    assert n_sounding[start + 20 : stop - 40].max() == 1
    assert n_sounding[stop:].max() == 2


def test_a_piece_that_is_partly_chords_keeps_its_lines_to_the_last_bit():
    """Twelve seconds of line on either side of four of chords; the notes next to the chords may join them."""
    tune = line((60, 64, 67, 72, 71, 69) * 5)
    chords = np.concatenate([chord((60 + i, 67 + i, 76 + i), 0.8) for i in (0, 2, 4, 5, 2)])
    audio = np.concatenate([tune, chords, tune])
    one, several = analyse(audio), analyse(audio, lines="auto")
    assert several.n_lines == 3
    middle = slice(len(tune) // 441, (len(tune) + len(chords)) // 441)
    assert (several.periodicity[:, middle] > 0.0).sum(axis=0).mean() > 2.5
    outside = np.ones(one.n_frames, bool)
    outside[middle.start - 60 : middle.stop + 90] = False
    np.testing.assert_array_equal(several.f0_hz[0, outside], one.f0_hz[0, outside])
    np.testing.assert_array_equal(several.loudness_db[0, outside], one.loudness_db[0, outside])
    assert (several.periodicity[1:, outside] == 0.0).all()


def test_no_more_voices_than_were_asked_for():
    audio = chord((55, 62, 71, 79))
    assert analyse(audio, lines=1).n_lines == 1
    for most in (2, 3, 4):
        controls = analyse(audio, lines=most)
        assert controls.n_lines == most
        assert (controls.periodicity[:, 50] > 0.0).sum() == most


@pytest.mark.unchecked
@pytest.mark.parametrize("voices", [0, 5, -1, "many", None, 2.0, True])
def test_other_numbers_of_voices_are_refused(voices):
    with pytest.raises(InputError, match="the number of notes at once is .*: give auto, or 1 to 4"):
        analyse(note(60, 0.2), lines=voices)


@pytest.mark.parametrize("gain_db", [-12.0, -30.0])
def test_the_gain_of_a_recording_changes_nothing(gain_db):
    audio = np.concatenate([line((60, 64)), chord((60, 67, 76)), chord((62, 69))])
    loud, soft = (analyse(np.float32(gain) * audio, lines=4) for gain in (1.0, 10.0 ** (gain_db / 20.0)))
    assert soft.n_lines == loud.n_lines
    assert np.mean((soft.periodicity > 0.0) != (loud.periodicity > 0.0)) < 0.02


def test_a_strong_partial_makes_no_chord_but_is_a_note_where_it_was_asked_for():
    """An octave may be one note, so it does not decide that there are chords."""
    audio = chord((74, 86), 4.0)
    assert_same(analyse(audio, lines="auto"), analyse(audio))
    assert analyse(audio, lines=2).n_lines == 2


def test_noise_silence_and_sines_are_no_chords():
    rng = np.random.default_rng(0)
    for audio in (
        np.zeros(SAMPLE_RATE * 2, np.float32),
        (0.1 * rng.standard_normal(SAMPLE_RATE * 4)).astype(np.float32),
        tone(523.0, 4.0, db_per_octave=-np.inf),
    ):
        assert analyse(audio, lines="auto").n_lines == 1


def test_the_shortest_sounds_are_heard_without_complaint():
    for n_samples in (0, 1, 441, 3_000):
        assert analyse(np.zeros(n_samples, np.float32), lines=4).n_lines == 1
        controls = analyse(chord((60, 67, 76), 0.5)[:n_samples], lines=4)
        assert controls.n_frames == count_frames(n_samples)
        assert np.isfinite(controls.loudness_db).all()


def test_without_candidates_the_line_is_returned_itself():
    one = analyse(line((60, 64)))
    assert chord_controls(one, Candidates.none(one.n_frames // 2 + 1), "auto") is one


def test_the_pitches_of_the_helpers_are_right():
    assert hz(69) == pytest.approx(440.0)
