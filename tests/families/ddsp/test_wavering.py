"""Wavering partials: smooth, repeatable, of the width that was asked for, and measured as it was made."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from violute.families.ddsp.calibration.resynthesis import ATTACK_FRAMES, Note
from violute.families.ddsp.calibration.wavering import MOST_DB, partial_variation_db, ripple_db
from violute.families.ddsp.wavering import (
    HARMONICS,
    N_TRACK_FRAMES,
    N_TRACKS,
    WIDEST,
    level_variation_curve,
    rippling,
    wavering,
)
from violute.synthesis.harmonics import harmonic_synth


def levels_db(frames, level_variation_db):
    """What the factors do to the levels of amplitudes."""
    return 40.0 * np.log10(wavering(frames, np.full(N_TRACKS, level_variation_db, np.float32)))


def test_tracks_have_the_width_that_was_asked_for_keep_the_power_and_wander_apart():
    moved_db = levels_db(np.arange(N_TRACK_FRAMES), 2.0)
    # Clipping takes a hundredth.
    assert moved_db.std() == pytest.approx(2.0, rel=0.03)
    assert np.mean(10.0 ** (moved_db / 10.0)) == pytest.approx(1.0, rel=0.03)
    assert np.abs(moved_db - moved_db.mean()).max() <= 2.0 * WIDEST + 0.02
    between = np.corrcoef(moved_db.T)[np.triu_indices(N_TRACKS, 1)]
    assert np.abs(between).mean() < 0.06


def test_tracks_are_smooth_over_the_seam_too():
    moved_db = levels_db(np.arange(N_TRACK_FRAMES + 100), 1.0)
    moved_db -= moved_db.mean()
    step_db = np.diff(moved_db, axis=0)
    assert np.mean(moved_db[1:] * moved_db[:-1]) == pytest.approx(0.83, abs=0.03)
    assert np.abs(step_db[N_TRACK_FRAMES - 1]).max() <= np.abs(step_db[: N_TRACK_FRAMES - 1]).max()
    np.testing.assert_array_equal(moved_db[N_TRACK_FRAMES:], moved_db[:100])


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 20_000), cut=st.integers(1, 49))
def test_a_frame_wavers_alike_in_any_block(start, cut):
    frames, level_variation_db = np.arange(start, start + 50), np.full(30, 3.0, np.float32)
    whole = wavering(frames, level_variation_db)
    pieces = [wavering(frames[part], level_variation_db) for part in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_voice_that_tells_nothing_stands_still():
    curve = level_variation_curve((), 20)
    np.testing.assert_array_equal(wavering(np.arange(10), curve), 1.0)


def test_a_curve_goes_through_what_was_told_and_holds_above():
    known_db = [1.0 + i for i in range(len(HARMONICS))]
    curve = level_variation_curve(known_db, 100)
    np.testing.assert_allclose(curve[np.array(HARMONICS) - 1], known_db)
    assert (np.diff(curve) >= 0.0).all()
    np.testing.assert_array_equal(curve[HARMONICS[-1] :], known_db[-1])


def test_a_ripple_has_its_depth_keeps_the_power_and_is_smooth():
    f0_hz = (100.0 * 2.0 ** (np.arange(9600) / 1200.0)).astype(np.float32)
    moved_db = 40.0 * np.log10(rippling(f0_hz, 1, 3.0)[:, 0])
    assert moved_db.std() == pytest.approx(3.0, rel=0.1)
    assert np.mean(10.0 ** (moved_db / 10.0)) == pytest.approx(1.0, rel=0.1)
    level_db = moved_db - moved_db.mean()
    correlation = np.mean(level_db[30:] * level_db[:-30]) / np.var(level_db)
    # One width away the correlation is exp(-1/2).
    assert correlation == pytest.approx(np.exp(-0.5), abs=0.1)


def test_harmonics_meet_the_ripple_of_their_own_frequency():
    low, high = rippling(np.float32([300.0, 900.0]), 30, 2.0)
    np.testing.assert_allclose(high[:10], low[2::3], atol=2e-3)


def test_a_vibrato_over_the_ripple_moves_partials_at_its_own_rate():
    swing = np.sin(2.0 * np.pi * 5.0 * np.arange(400) / 100.0)
    f0_hz = (440.0 * 2.0 ** (20.0 * swing / 1200.0)).astype(np.float32)
    moved_db = 40.0 * np.log10(rippling(f0_hz, 40, 3.0))
    assert np.median(moved_db.std(axis=0)) > 0.5
    np.testing.assert_allclose(moved_db[20:], moved_db[:-20], atol=0.05)


def still_note(seed, n_frames=180, cents=0.0, harmonic_db=None):
    """A note whose partials stand still, as recorded and as played."""
    rng = np.random.default_rng(seed)
    swing = np.sin(2.0 * np.pi * 5.0 * np.arange(n_frames) / 100.0)
    f0_hz = (300.0 * 2.0 ** (rng.uniform(0.0, 12.0) / 12.0 + cents * swing / 1200.0)).astype(np.float32)
    level_db = np.repeat(-6.0 * np.log2(np.arange(1, 101.0))[None], n_frames, axis=0) - 10.0
    padded = np.pad(f0_hz, ATTACK_FRAMES, mode="edge")
    played = harmonic_synth(padded, (10.0 ** (np.pad(level_db, ((10, 10), (0, 0)), mode="edge") / 20.0)))
    hiss = 1e-5 * rng.standard_normal(len(played)).astype(np.float32)
    loudness_db = np.full(n_frames, 0.0, np.float32)
    return Note(f0_hz, played + hiss, played + hiss, loudness_db, level_db, level_db, 20_000.0)


@pytest.mark.parametrize("level_variation_db", [0.0, 1.0, 3.0])
def test_unrest_is_measured_as_it_was_made(level_variation_db):
    notes = []
    for seed in range(12):
        note = still_note(seed)
        moved_db = levels_db(300 * seed + np.arange(len(note.f0_hz)), level_variation_db)
        notes.append(replace(note, recorded_db=note.recorded_db + moved_db))
    known_db = partial_variation_db(notes)
    # An eighth lasts longer than half a second and is taken for the note's own course; one in three
    # notes is too short for a steady figure.
    np.testing.assert_allclose(known_db, 0.85 * level_variation_db, rtol=0.15, atol=0.05)


def test_what_the_synthesis_does_by_itself_is_no_unrest():
    notes = []
    for seed in range(6):
        note = still_note(seed)
        # The network's own levels wander, in the recording and in what is played alike.
        moved_db = levels_db(300 * seed + np.arange(len(note.f0_hz)), 2.0)
        predicted_db = note.predicted_db - moved_db
        notes.append(replace(note, predicted_db=predicted_db))
    assert max(partial_variation_db(notes)) < 0.3


def test_what_no_recording_told_clearly_is_bounded_and_borrowed():
    loud = [
        replace(n, recorded_db=n.recorded_db + levels_db(np.arange(len(n.f0_hz)), 20.0))
        for n in (still_note(seed) for seed in range(4))
    ]
    assert max(partial_variation_db(loud)) <= MOST_DB
    assert partial_variation_db([]) == [0.0] * len(HARMONICS)
    dull = [replace(n, highest_hz=2500.0) for n in loud]
    known_db = partial_variation_db(dull)
    assert known_db[-1] == known_db[-2] > 0.0


@pytest.mark.parametrize("depth_db", [0.0, 1.5, 3.0])
def test_a_ripple_is_measured_as_it_was_made(depth_db):
    notes = []
    for seed in range(40):
        note = still_note(seed, cents=15.0)
        ripple_moved_db = 40.0 * np.log10(rippling(note.f0_hz, 100, depth_db)) if depth_db else 0.0
        wander_db = levels_db(150 * seed + np.arange(len(note.f0_hz)), 1.0)
        notes.append(replace(note, recorded_db=note.recorded_db + ripple_moved_db + wander_db))
    assert ripple_db(notes) == pytest.approx(depth_db, rel=0.3, abs=0.5)


def test_without_vibrato_there_is_no_ripple_to_be_measured():
    assert ripple_db([still_note(seed) for seed in range(3)]) == 0.0
