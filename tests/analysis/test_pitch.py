"""Pitch of tones that are known to the sample: exact, no octave off, whatever the harmonics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import at_frames, cents_apart, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.pitch import candidate_grid_hz
from violute.analysis.pitch_range import HIGH, LOW, N_REGISTERS, RANGES, range_of

SINE = -np.inf
EDGE = 4
"""Frames whose window reaches past the end of the sound."""

PITCHES_HZ = np.geomspace(190.0, 3600.0, 41)


def measured(audio, pitch_range=HIGH):
    """Pitch of the frames that lie wholly inside, and whether they count as pitched."""
    controls = analyse(audio, pitch_range=pitch_range)
    return controls.f0_hz[0, EDGE:-EDGE], controls.periodicity[0, EDGE:-EDGE] > 0


@pytest.mark.parametrize("db_per_octave", [SINE, -24.0, -18.0, -12.0, -6.0, -3.0])
def test_tones_are_found_within_10_cents(db_per_octave):
    for true_hz in PITCHES_HZ:
        f0_hz, is_pitched = measured(tone(true_hz, 0.3, db_per_octave=db_per_octave))
        assert is_pitched.all(), f"{true_hz:.0f} Hz is not heard throughout"
        assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10, f"{true_hz:.0f} Hz"


@settings(max_examples=60)
@given(
    true_hz=st.floats(190.0, 3600.0),
    db_per_octave=st.one_of(st.just(SINE), st.floats(-30.0, 0.0)),
    seed=st.integers(0, 2**16),
)
def test_any_pitch_any_slope_any_phases(true_hz, db_per_octave, seed):
    f0_hz, is_pitched = measured(tone(true_hz, 0.2, db_per_octave=db_per_octave, seed=seed))
    assert is_pitched.all()
    assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


@pytest.mark.parametrize("db_per_octave", [-18.0, -12.0, -6.0])
def test_breath_14_db_below_moves_the_pitch_by_cents(db_per_octave):
    for true_hz in PITCHES_HZ[::2]:
        audio = tone(true_hz, 0.4, db_per_octave=db_per_octave, noise_db=-26.0)
        f0_hz, is_pitched = measured(audio)
        assert is_pitched.mean() > 0.9, f"{true_hz:.0f} Hz"
        assert np.abs(cents_apart(f0_hz[is_pitched], true_hz)).max() < 20, f"{true_hz:.0f} Hz"


@pytest.mark.parametrize("missing_db", [-20.0, -40.0, -200.0], ids=["weak", "faint", "missing"])
@pytest.mark.parametrize("true_hz", [196.0, 247.0, 300.0, 440.0, 660.0, 880.0, 1500.0, 2500.0])
def test_a_weak_or_missing_fundamental_is_still_the_pitch(true_hz, missing_db):
    levels_db = -6.0 * np.log2(np.arange(1, int(20_000 / true_hz) + 1))
    levels_db[0] += missing_db
    f0_hz, is_pitched = measured(tone(true_hz, 0.3, harmonic_db=levels_db))
    assert is_pitched.all()
    assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


@pytest.mark.parametrize("true_hz", [196.0, 262.0, 330.0, 440.0, 600.0, 880.0])
def test_a_strong_octave_partial_is_not_the_pitch(true_hz):
    """An overblown flute: the second harmonic 10 dB above the first, the rest falling."""
    levels_db = -6.0 * np.arange(8.0)
    levels_db[1] = 10.0
    f0_hz, _ = measured(tone(true_hz, 0.3, harmonic_db=levels_db, level_db=-22.0))
    assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


@pytest.mark.parametrize("true_hz", [262.0, 523.0, 1047.0])
def test_odd_harmonics_alone_keep_their_pitch(true_hz):
    levels_db = np.where(np.arange(1, 16) % 2 == 1, -6.0 * np.log2(np.arange(1, 16)), -200.0)
    f0_hz, _ = measured(tone(true_hz, 0.3, harmonic_db=levels_db))
    assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


@pytest.mark.parametrize("centre_hz", [200.0, 294.0, 440.0, 700.0, 1200.0, 2000.0, 3100.0])
@pytest.mark.parametrize(("cents", "rate_hz"), [(15.0, 5.0), (50.0, 6.5), (80.0, 6.0)])
def test_vibrato_is_followed(centre_hz, cents, rate_hz):
    true_hz = vibrato(centre_hz, cents, rate_hz, 0.8)
    controls = analyse(tone(true_hz))
    error = cents_apart(controls.f0_hz[0], at_frames(true_hz, controls.n_frames))[EDGE:-EDGE]
    assert (controls.periodicity[0, EDGE:-EDGE] > 0).all()
    assert np.abs(error).max() < 10


def test_a_slide_over_three_octaves_is_followed():
    t = np.linspace(0.0, 1.0, 3 * 44_100)
    true_hz = 220.0 * 2.0 ** (3.0 * t)
    controls = analyse(tone(true_hz, db_per_octave=-12.0))
    error = cents_apart(controls.f0_hz[0], at_frames(true_hz, controls.n_frames))[EDGE:-EDGE]
    assert np.abs(error).max() < 10


def test_notes_follow_one_another_within_30_ms():
    notes_hz = [392.0, 784.0, 587.3, 1174.7, 440.0, 659.3]
    controls = analyse(np.concatenate([tone(f0_hz, 0.2, db_per_octave=-9.0) for f0_hz in notes_hz]))
    for i, true_hz in enumerate(notes_hz):
        inside = controls.f0_hz[0, 20 * i + 3 : 20 * (i + 1) - 2]
        assert np.abs(cents_apart(inside, true_hz)).max() < 20, f"note {i}"


@given(
    true_hz=st.sampled_from([196.0, 440.0, 987.8, 2093.0, 3520.0]),
    gain_db=st.floats(-60.0, 12.0),
)
def test_pitch_does_not_depend_on_gain(true_hz, gain_db):
    audio = tone(true_hz, 0.15, db_per_octave=-12.0, noise_db=-50.0)
    f0_hz, is_pitched = measured(audio)
    louder_hz, is_pitched_louder = measured((audio * 10.0 ** (gain_db / 20.0)).astype(np.float32))
    assert is_pitched.all()
    np.testing.assert_array_equal(is_pitched, is_pitched_louder)
    assert np.abs(cents_apart(louder_hz, f0_hz)).max() < 0.5


def test_noise_has_no_pitch():
    rng = np.random.default_rng(0)
    controls = analyse((0.1 * rng.standard_normal(4 * 44_100)).astype(np.float32))
    assert (controls.periodicity > 0).mean() < 0.02


def test_candidates_cover_violin_and_flute():
    (window,) = HIGH.windows
    grid_hz = candidate_grid_hz(window)
    assert grid_hz[0] == HIGH.lowest_hz < 190.0
    assert 3600.0 < grid_hz[-1] <= HIGH.highest_hz
    np.testing.assert_allclose(np.diff(np.log2(grid_hz)), 1 / 48)


@pytest.mark.parametrize("db_per_octave", [-12.0, -6.0, -3.0])
def test_the_low_range_finds_tones_from_55_hz_to_4_khz(db_per_octave):
    for true_hz in np.geomspace(55.0, 4000.0, 31):
        f0_hz, is_pitched = measured(tone(true_hz, 0.4, db_per_octave=db_per_octave), LOW)
        assert is_pitched.all(), f"{true_hz:.0f} Hz is not heard throughout"
        assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10, f"{true_hz:.0f} Hz"


@pytest.mark.parametrize("true_hz", [65.4, 73.4, 98.0, 130.8, 174.6])
@pytest.mark.parametrize("weak_db", [10.0, 25.0])
def test_the_low_range_hears_a_cello_by_its_upper_partials(true_hz, weak_db):
    """The body hardly sounds at the fundamental; the third partial may be the strongest."""
    levels_db = -4.0 * np.arange(14.0)
    levels_db[0], levels_db[2] = -weak_db, 4.0
    f0_hz, _ = measured(tone(true_hz, 0.4, harmonic_db=levels_db), LOW)
    assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


@pytest.mark.parametrize("true_hz", [146.8, 233.1, 440.0, 830.6, 1480.0])
def test_the_low_range_hears_a_clarinet_with_weak_even_or_odd_partials(true_hz):
    """Low notes lack the even partials; high ones may have a second one far above the first."""
    numbers = np.arange(1, 12)
    odd_db = np.where(numbers % 2 == 1, -6.0 * np.log2(numbers), -30.0 - 6.0 * np.log2(numbers))
    second_db = np.array([-14.0, 0.0, -22.0, -30.0, -40.0])
    for levels_db in (odd_db, second_db):
        f0_hz, _ = measured(tone(true_hz, 0.4, harmonic_db=levels_db), LOW)
        assert np.abs(cents_apart(f0_hz, true_hz)).max() < 10


def test_quick_notes_cross_the_split_of_the_low_range():
    notes_hz = [130.8, 392.0, 98.0, 196.0, 220.0, 587.3]
    audio = np.concatenate([tone(f0_hz, 0.25, db_per_octave=-9.0) for f0_hz in notes_hz])
    controls = analyse(audio, pitch_range=LOW)
    for i, true_hz in enumerate(notes_hz):
        inside = controls.f0_hz[0, 25 * i + 6 : 25 * (i + 1) - 5]
        assert np.abs(cents_apart(inside, true_hz)).max() < 20, f"note {i}"


def test_registers_cover_the_range_of_their_instruments():
    for one, lowest_midi, highest_midi in ((HIGH, 55, 103), (LOW, 36, 93)):
        registers = np.array(one.registers_midi)
        assert len(registers) == N_REGISTERS
        assert registers[0] <= lowest_midi
        assert registers[-1] >= highest_midi
    assert range_of({}) is HIGH
    assert [range_of({"pitch_range": name}) for name in RANGES] == [HIGH, LOW]
    with pytest.raises(KeyError):
        range_of({"pitch_range": "none"})
