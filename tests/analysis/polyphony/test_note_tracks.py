"""Candidates into notes, notes into voices: beginnings, gaps, rings, leaps, and who goes where."""

import numpy as np
import pytest

from violute.analysis.polyphony.line_leading import lead_lines
from violute.analysis.polyphony.multipitch import N_CANDIDATES, Candidates, likely_pitches
from violute.analysis.polyphony.note_tracks import (
    GAP_FRAMES,
    SHORTEST_FRAMES,
    TrackedNote,
    follow_notes,
    without_faint,
    without_ringing,
)


def hz(midi):
    return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def candidates(n_frames, *notes):
    """Notes as (first frame, the one after the last, MIDI pitch, probability, power)."""
    probability, f0_hz, power = (np.zeros((n_frames, N_CANDIDATES), np.float32) for _ in range(3))
    for i, (start, stop, midi, sure, loud) in enumerate(notes):
        probability[start:stop, i], f0_hz[start:stop, i], power[start:stop, i] = sure, hz(midi), loud
    return Candidates(probability, f0_hz, power)


def played(start, n_frames, midi, *, power=1.0, probability=0.9):
    return TrackedNote(
        start,
        np.full(n_frames, hz(midi)),
        np.broadcast_to(power, n_frames) * 1.0,
        np.full(n_frames, probability),
    )


def test_a_note_begins_and_ends_where_its_candidates_do():
    (note,) = follow_notes(candidates(50, (10, 30, 62, 0.9, 1.0)))
    assert (note.start, note.stop) == (10, 30)
    np.testing.assert_allclose(note.f0_hz, hz(62), rtol=1e-6)


def test_a_note_does_not_grow_with_the_window_that_comes_upon_it():
    frames = candidates(50, (10, 30, 62, 0.9, 1.0))
    frames.power[10:13, 0] = 0.02, 0.2, 0.7
    frames.power[20:, 0] = 0.3
    (note,) = follow_notes(frames)
    np.testing.assert_allclose(note.power, [1.0] * 10 + [0.3] * 10, rtol=1e-6)


def test_gaps_are_bridged_as_long_as_they_are_short():
    for gap, n_notes in ((GAP_FRAMES, 1), (GAP_FRAMES + 1, 2)):
        first, second = (5, 15, 62, 0.9, 1.0), (15 + gap, 30 + gap, 62, 0.9, 2.0)
        assert len(follow_notes(candidates(60, first, second))) == n_notes


def test_what_is_short_or_never_sure_is_no_note():
    assert follow_notes(candidates(50, (10, 10 + SHORTEST_FRAMES - 1, 62, 0.9, 1.0))) == []
    assert follow_notes(candidates(50, (10, 40, 62, 0.55, 1.0))) == []
    assert follow_notes(candidates(50, (10, 40, 62, 0.2, 1.0))) == []


def test_a_leap_is_another_note_and_a_glide_is_not():
    leap = candidates(50, (5, 20, 62, 0.9, 1.0), (20, 40, 64, 0.9, 1.0))
    assert len(follow_notes(leap)) == 2
    glide = candidates(50, (5, 40, 62, 0.9, 1.0))
    glide.f0_hz[5:40, 0] = hz(62.0 + np.linspace(0.0, 5.0, 35))
    assert len(follow_notes(glide)) == 1


def test_candidates_may_change_places_from_frame_to_frame():
    frames = candidates(40, (5, 35, 62, 0.9, 1.0), (5, 35, 69, 0.9, 1.0))
    for name in ("probability", "f0_hz", "power"):
        getattr(frames, name)[::2, :2] = getattr(frames, name)[::2, 1::-1]
    notes = follow_notes(frames)
    assert [len(note.f0_hz) for note in notes] == [30, 30]
    for note, midi in zip(notes, (62, 69), strict=True):
        np.testing.assert_allclose(note.f0_hz, hz(midi), rtol=1e-6)


def test_a_note_that_only_rings_on_ends_where_the_next_begins():
    falling = np.concatenate([np.ones(20), 10.0 ** (-np.arange(20) / 10.0)])
    ringing = without_ringing([played(0, 40, 62, power=falling), played(20, 30, 66)])
    assert [note.stop for note in ringing] == [21, 50]
    bowed_on = without_ringing([played(0, 40, 62), played(20, 30, 66)])
    assert [note.stop for note in bowed_on] == [40, 50]


def test_notes_far_below_the_others_are_dropped():
    loud, soft, faint = played(0, 40, 62), played(0, 40, 69, power=0.02), played(5, 20, 93, power=0.001)
    assert without_faint([loud, soft, faint]) == [loud, soft]
    assert without_faint([faint]) == [faint]
    assert without_faint([]) == []


def test_voices_go_on_to_the_nearest_note_and_do_not_cross():
    notes = [played(0, 20, 60), played(0, 20, 72), played(20, 20, 74), played(21, 20, 59)]
    high, low = lead_lines(notes, 2, first_hz=hz(71))
    assert high == [notes[1], notes[2]]
    assert low == [notes[0], notes[3]]


def test_a_held_note_stays_and_the_others_move_about_it():
    held = played(0, 100, 62)
    moving = [played(20 * i, 20, 69 + i) for i in range(5)]
    voices = lead_lines(sorted([held, *moving], key=lambda note: note.start), 4)
    assert [held] in voices
    assert moving in voices
    assert voices.count([]) == 2


def test_too_many_notes_leave_out_the_least_likely():
    notes = [played(0, 20, 60 + 4 * i, probability=p) for i, p in enumerate((0.9, 0.5, 0.8))]
    led = [note for voice in lead_lines(notes, 2) for note in voice]
    assert sorted(note.f0_hz[0] for note in led) == pytest.approx([hz(60), hz(68)])


def test_the_peaks_of_an_answer_are_its_candidates_most_likely_first():
    answer = np.zeros((2, 144), np.float32)
    answer[0, [30, 31, 32]] = 0.3, 0.6, 0.5
    answer[0, [80, 81]] = 0.9, 0.2
    probability, place = likely_pitches(answer)
    np.testing.assert_allclose(probability[0], [0.9, 0.6, 0, 0, 0], atol=1e-6)
    assert 31.0 < place[0, 1] < 31.5
    assert (probability[1] == 0).all()
