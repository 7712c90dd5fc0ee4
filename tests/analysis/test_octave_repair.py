"""Short slips are mended where the spectra allow it; short notes that sound stay where they are."""

import numpy as np
import pytest
from tones import SAMPLE_RATE, cents_apart, tone

from violute.analysis.analyser import analyse
from violute.analysis.octave_repair import is_undertone, widened, without_leaps, without_slips
from violute.analysis.pitch_range import HIGH
from violute.transforms.spectra import magnitude_frames


def wide_spectra(audio, n_frames):
    return widened(magnitude_frames(audio, HIGH.windows[0].n_fft, 0, n_frames)[:, : HIGH.windows[0].n_bins])


def edged(audio, attack=0.004, release=0.008):
    """Raised-cosine ends."""
    audio = audio.copy()
    for seconds, end in ((attack, slice(None)), (release, slice(None, None, -1))):
        n = round(seconds * SAMPLE_RATE)
        audio[end][:n] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    return audio


def silence(seconds):
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


@pytest.mark.parametrize("slip", [1 / 3, 1 / 2, 2.0, 3.0])
@pytest.mark.parametrize("at", [slice(40, 44), slice(0, 5), slice(95, 100)], ids=["middle", "first", "last"])
def test_a_short_slip_by_an_octave_is_mended(slip, at):
    true_hz = np.full(100, 440.0)
    path_hz = true_hz.copy()
    path_hz[at] *= slip
    mended = without_slips(wide_spectra(tone(440.0, 1.0), 100), np.log2(path_hz), HIGH)
    assert np.abs(cents_apart(2.0**mended, true_hz)).max() < 0.1


@pytest.mark.parametrize(
    ("ratio", "n_frames"),
    [(1 / 3, 8), (1 / 2, 8), (2.0, 8), (3.0, 8), (1.5, 8), (1.0595, 8), (2.0, 20), (0.5, 20)],
)
def test_a_short_note_that_sounds_stays_where_it_is(ratio, n_frames):
    audio = np.concatenate(
        [
            tone(f0_hz, n / 100)
            for f0_hz, n in ((660.0, 40), (660.0 * ratio, n_frames), (660.0, 80 - n_frames))
        ]
    )
    path_hz = np.full(120, 660.0)
    path_hz[40 : 40 + n_frames] *= ratio
    mended = without_slips(wide_spectra(audio, 120), np.log2(path_hz), HIGH)
    assert np.abs(cents_apart(2.0**mended, path_hz)).max() < 0.1


def test_a_slip_upwards_is_mended_though_the_odd_partials_are_weak():
    """The low notes of a flute, whose second partial is far stronger than the first, fade unevenly."""
    audio = tone(330.0, 1.0, harmonic_db=[-22.0, 0.0, -24.0, -6.0, -30.0, -14.0])
    path_hz = np.full(100, 330.0)
    path_hz[40:57] *= 2.0
    mended = without_slips(wide_spectra(audio, 100), np.log2(path_hz), HIGH)
    assert np.abs(cents_apart(2.0**mended, 330.0)).max() < 0.1


def test_nothing_is_mended_towards_a_hum():
    """A hum an octave below, 40 dB softer than the note that follows it."""
    low, high = tone(220.0, 0.5, level_db=-52.0), tone(440.0, 0.07, level_db=-12.0)
    controls = analyse(np.concatenate([low, edged(high), silence(0.3)]))
    assert np.abs(cents_apart(controls.f0_hz[0, 52:56], 440.0)).max() < 20


def test_an_undertone_lies_softly_below_its_note():
    octaves = np.log2(np.array([740.0] * 10 + [370.0] * 4 + [740.0] * 10))
    odd_db, even_db = np.full(24, -20.0), np.full(24, -25.0)
    odd_db[10:14], even_db[10:14] = -35.0, -32.0
    assert is_undertone(octaves, odd_db, even_db, even_db)[10:14].all()
    odd_db[10:14] = -20.0  # as loud as the notes: another note
    assert not is_undertone(octaves, odd_db, even_db, even_db).any()


def test_a_slip_upwards_does_not_spread_to_the_note_around_it():
    octaves = np.log2(np.array([370.0] * 10 + [740.0] * 3 + [370.0] * 10))
    odd_db, even_db = np.full(23, -35.0), np.full(23, -22.0)
    odd_db[10:13], even_db[10:13] = -22.0, -30.0
    assert not is_undertone(octaves, odd_db, even_db, even_db).any()


def test_a_note_grows_out_of_a_low_undertone():
    """Growth tells it: by its level alone the upper note could be the second partial of a violin's C4."""
    octaves = np.full(30, np.log2(262.0))
    odd_db = np.concatenate([np.full(6, -90.0), -20.0 - np.minimum(np.arange(24.0), 7.0)])
    even_db = np.concatenate([np.full(6, -90.0), np.minimum(-40.0 + 6.0 * np.arange(24.0), -12.0)])
    assert is_undertone(octaves, odd_db, even_db, even_db)[6:16].all()
    assert not is_undertone(
        octaves, np.full(30, -20.0), *[np.full(30, -12.0)] * 2
    ).any()  # a note that stands


def test_a_low_note_whose_fourth_partial_grows_is_no_undertone():
    """What grows out of an undertone grows with its own fundamental; a staccato F4 of a flute does not."""
    octaves = np.full(30, np.log2(350.0))
    odd_db = np.concatenate([np.full(6, -90.0), -30.0 - np.minimum(np.arange(24.0), 9.0)])
    even_db = np.concatenate([np.full(6, -90.0), np.minimum(-45.0 + 4.0 * np.arange(24.0), -26.0)])
    second_db = np.concatenate([np.full(6, -90.0), np.full(24, -36.0)])
    assert is_undertone(octaves, odd_db, even_db, even_db)[10:18].all()
    assert not is_undertone(octaves, odd_db, even_db, second_db).any()


def test_broken_octaves_keep_every_note():
    parts = [edged(tone((440.0, 880.0)[i % 2], 0.1, db_per_octave=-12.0)) for i in range(12)]
    controls = analyse(np.concatenate([silence(0.3), *parts, silence(0.2)]))
    for i in range(12):
        inside = slice(30 + 10 * i + 2, 30 + 10 * (i + 1) - 1)
        assert np.abs(cents_apart(controls.f0_hz[0, inside], (440.0, 880.0)[i % 2])).max() < 30, f"note {i}"
        assert (controls.periodicity[0, inside] > 0).all()


@pytest.mark.parametrize("ratio", [2.0, 0.5])
def test_an_octave_grace_note_is_kept(ratio):
    grace = edged(tone(700.0 * ratio, 0.06))
    controls = analyse(np.concatenate([silence(0.2), grace, edged(tone(700.0, 0.5)), silence(0.2)]))
    assert np.abs(cents_apart(controls.f0_hz[0, 22:25], 700.0 * ratio)).max() < 30
    assert np.abs(cents_apart(controls.f0_hz[0, 30:70], 700.0)).max() < 10


@pytest.mark.parametrize("rate_hz", [8.0, 9.0, 10.0])
@pytest.mark.parametrize("semitones", [1, 2])
@pytest.mark.parametrize("low_hz", [220.0, 587.3, 1318.5, 2093.0])
def test_a_quick_trill_keeps_its_changes(rate_hz, semitones, low_hz):
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    is_high = (t > 0.3) & (t < 1.7) & ((t - 0.3) * 2.0 * rate_hz % 2.0 < 1.0)
    controls = analyse(tone(low_hz * 2.0 ** (semitones * is_high / 12.0), db_per_octave=-12.0))
    voiced = controls.periodicity[0] > 0
    pitch = cents_apart(controls.f0_hz[0][voiced], low_hz) / (100.0 * semitones)
    states = pitch[np.abs(pitch - np.round(pitch)) < 0.4].round()
    true_changes = np.abs(np.diff(is_high.astype(int))).sum()
    assert np.abs(np.diff(states)).sum() >= 0.9 * true_changes


def test_an_undertone_at_the_attack_is_not_the_pitch():
    """Staccato of a flute: the breath sounds an octave below for some hundredths of a second."""
    notes_midi = (78, 79, 77, 78, 76, 77)
    parts = [silence(0.3)]
    for midi in notes_midi:
        f0_hz = 440.0 * 2.0 ** ((midi - 69) / 12)
        note = edged(tone(f0_hz, 0.1, harmonic_db=[-12.0, -18.0, -22.0, -31.0]), attack=0.04)
        t = np.arange(len(note)) / SAMPLE_RATE
        fading = (10.0 ** (-10.0 / 20.0) * np.exp(-t / 0.025) + 10.0 ** (-19.0 / 20.0)).astype(np.float32)
        under = tone(f0_hz / 2.0, 0.1, harmonic_db=[-12.0, -200.0, -13.0, -200.0, -18.0], seed=midi)
        parts += [note + edged(fading * under), silence(0.05)]
    controls = analyse(np.concatenate([*parts, silence(0.2)]))
    for i, midi in enumerate(notes_midi):
        inside = slice(30 + 15 * i + 1, 30 + 15 * i + 10)
        cents = cents_apart(controls.f0_hz[0, inside], 440.0 * 2.0 ** ((midi - 69) / 12))
        assert np.abs(cents).max() < 50, f"note {i}"


@pytest.mark.parametrize(("odd_db", "expected_hz"), [(-11.0, 1109.0), (-30.0, 2218.0)])
def test_a_leap_there_and_back_is_the_octave_below_where_that_has_partials(odd_db, expected_hz):
    """The c sharp of a sampled violin in a quick run, and a violin that leaps across its strings and back."""
    odd_and_even = [odd_db, 0.0, odd_db - 8.0, -10.0]
    audio = np.concatenate(
        [tone(1319.0, 0.4), tone(1109.0, 0.13, harmonic_db=odd_and_even), tone(1245.0, 0.4)]
    )
    path_hz = np.repeat([1319.0, 2218.0, 1245.0], [40, 13, 40])
    mended = without_leaps(wide_spectra(audio, 93), np.log2(path_hz), HIGH)
    expected = np.repeat([1319.0, expected_hz, 1245.0], [40, 13, 40])
    assert np.abs(cents_apart(2.0**mended, expected)).max() < 0.1


def test_a_leap_of_an_octave_over_a_note_that_rings_on_is_kept():
    below = tone(554.5, 1.0)
    audio = below.copy()
    audio[round(0.4 * SAMPLE_RATE) : round(0.53 * SAMPLE_RATE)] *= 0.2
    audio += np.pad(tone(1109.0, 0.13), (round(0.4 * SAMPLE_RATE), len(audio)))[: len(audio)]
    path_hz = np.repeat([554.5, 1109.0, 554.5], [40, 13, 47])
    mended = without_leaps(wide_spectra(audio, 100), np.log2(path_hz), HIGH)
    assert np.abs(cents_apart(2.0**mended, path_hz)).max() < 0.1
