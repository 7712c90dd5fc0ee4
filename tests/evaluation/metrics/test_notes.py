"""Notes: melodies and chords that are known, counted by hand and by mir_eval's definition."""

from itertools import pairwise

import numpy as np
import pytest
from chords_bench import lag_seconds
from hypothesis import given
from hypothesis import strategies as st
from librosa import midi_to_hz
from tones import SAMPLE_RATE, tone, vibrato

from violute.analysis.notes import Note, segment_notes
from violute.errors import AudioError, InputError
from violute.evaluation.metrics.loudness import frame_loudness_db, sounding_frames
from violute.evaluation.metrics.notes import chord_notes, note_f1
from violute.evaluation.metrics.onsets import attack_times
from violute.evaluation.metrics.pitch import judge_f0


def played(score: list[Note], *, swing_cents: float = 0.0) -> np.ndarray:
    """Every note of a score, with a soft beginning and end, over a little noise."""
    audio = 1e-5 * np.random.default_rng(0).standard_normal(
        round((max(note.offset_seconds for note in score) + 0.2) * SAMPLE_RATE)
    )
    for i, note in enumerate(score):
        seconds = note.offset_seconds - note.onset_seconds
        sound = tone(
            vibrato(note.f0_hz, swing_cents, 6.0, seconds), level_db=-20.0, seed=i, db_per_octave=-9.0
        )
        time = np.arange(len(sound)) / SAMPLE_RATE
        first = round(note.onset_seconds * SAMPLE_RATE)
        audio[first : first + len(sound)] += sound * np.minimum(1, np.minimum(time, seconds - time) / 0.012)
    return audio


def line_notes(audio: np.ndarray, sample_rate: int) -> list[Note]:
    """Notes of one line, as the bench hears them but by attacks of spectral flux."""
    sounding, f0_hz = sounding_frames(frame_loudness_db(audio, sample_rate)), judge_f0(audio, sample_rate)
    n_frames = min(len(f0_hz), len(sounding))
    track = np.where(sounding[:n_frames], f0_hz[:n_frames], 0.0)
    return segment_notes(track, attack_times(audio, sample_rate))


def line(keys: list[int], *, seconds: float = 0.3, rest: float = 0.0) -> list[Note]:
    starts = 0.1 + np.arange(len(keys)) * (seconds + rest)
    return [Note(s, s + seconds, midi_to_hz(key)) for s, key in zip(starts, keys, strict=True)]


MELODY = line([67, 69, 71, 72, 74, 60, 62])
CHORDS = [
    Note(start, start + 0.5, midi_to_hz(key))
    for start, keys in ((0.1, (62, 69)), (0.6, (67, 71)), (1.1, (64, 73)), (1.6, (60,)))
    for key in keys
]


@pytest.mark.parametrize("swing_cents", [0.0, 35.0])
@pytest.mark.parametrize("rest", [0.0, 0.1])
def test_a_line_is_heard_as_it_is_played(swing_cents: float, rest: float) -> None:
    score = line([67, 69, 71, 71, 74, 60, 62], rest=rest)
    heard = line_notes(played(score, swing_cents=swing_cents), SAMPLE_RATE)
    assert note_f1(score, heard) > 0.9
    assert note_f1(score, heard, offset_ratio=0.5) > 0.8


def test_a_repeated_note_is_two_notes() -> None:
    score = line([69, 69, 69], seconds=0.4)
    assert len(line_notes(played(score), SAMPLE_RATE)) == 3
    held = [Note(0.1, 1.3, 440.0)]
    assert len(line_notes(played(held, swing_cents=35.0), SAMPLE_RATE)) == 1


def test_chords_are_heard_note_by_note() -> None:
    heard = chord_notes(played(CHORDS), SAMPLE_RATE)
    assert note_f1(CHORDS, heard) > 0.9
    single = line_notes(played(CHORDS), SAMPLE_RATE)
    assert note_f1(CHORDS, single) < 0.75


def test_a_line_is_a_chord_of_one() -> None:
    assert note_f1(MELODY, chord_notes(played(MELODY), SAMPLE_RATE)) > 0.9


def moved(score: list[Note], *, cents: float = 0.0, late: float = 0.0) -> list[Note]:
    return [
        Note(n.onset_seconds + late, n.offset_seconds + late, n.f0_hz * 2 ** (cents / 1200)) for n in score
    ]


def test_larger_errors_of_the_performance_match_fewer_notes() -> None:
    source = line_notes(played(MELODY), SAMPLE_RATE)
    uneven = np.linspace(0.2, 1.0, len(MELODY))

    def figure(*, cents: float = 0.0, late: float = 0.0) -> float:
        output = [
            moved([note], cents=cents * share, late=late * share)[0]
            for note, share in zip(MELODY, uneven, strict=True)
        ]
        return note_f1(source, line_notes(played(output), SAMPLE_RATE))

    detuned = [figure(cents=cents) for cents in (0.0, 100.0, 400.0)]
    late = [figure(late=seconds) for seconds in (0.0, 0.1, 0.27)]
    for figures in (detuned, late):
        assert figures[0] == 1.0
        assert all(better >= worse for better, worse in pairwise(figures)), figures
        assert figures[-1] < 0.4


notes = st.builds(
    lambda onset, length, key: Note(onset, onset + length, midi_to_hz(key)),
    st.floats(0.0, 30.0),
    st.floats(0.05, 3.0),
    st.integers(55, 100),
)


@given(score=st.lists(notes, min_size=1, max_size=20), seed=st.integers(0, 99))
def test_identity_is_one_in_any_order(score: list[Note], seed: int) -> None:
    shuffled = [score[i] for i in np.random.default_rng(seed).permutation(len(score))]
    assert note_f1(score, shuffled, offset_ratio=0.2) == pytest.approx(1.0)


@given(score=st.lists(notes, max_size=12), other=st.lists(notes, max_size=12))
def test_bounds_and_symmetry(score: list[Note], other: list[Note]) -> None:
    figure = note_f1(score, other)
    assert 0.0 <= figure <= 1.0
    assert figure == pytest.approx(note_f1(other, score))


@given(score=st.lists(notes, min_size=1, max_size=12), n_lost=st.integers(0, 11))
def test_lost_notes_are_counted(score: list[Note], n_lost: int) -> None:
    kept = score[min(n_lost, len(score) - 1) :]
    assert note_f1(score, kept) == pytest.approx(2 * len(kept) / (len(score) + len(kept)))


@pytest.mark.parametrize(
    ("cents", "late", "same"), [(45, 0.0, 1), (55, 0.0, 0), (0, 0.045, 1), (0, 0.055, 0)]
)
def test_the_limits_of_one_note(cents: float, late: float, same: float) -> None:
    chord = CHORDS[:4]
    assert note_f1(chord, moved(chord, cents=cents, late=late)) == same


def test_offsets_count_where_asked() -> None:
    short = [Note(n.onset_seconds, n.onset_seconds + 0.15, n.f0_hz) for n in MELODY]
    assert note_f1(MELODY, short) == 1.0
    assert note_f1(MELODY, short, offset_ratio=0.2) == 0.0


@pytest.mark.parametrize("late", [-0.09, 0.0, 0.4, 1.3])
def test_a_late_clock_is_found(late: float) -> None:
    rng = np.random.default_rng(0)
    heard = [moved([note], late=late + rng.uniform(-0.02, 0.02), cents=20.0)[0] for note in MELODY]
    assert lag_seconds(MELODY, heard[1:]) == pytest.approx(late, abs=0.02)
    assert note_f1(MELODY, moved(heard, late=-lag_seconds(MELODY, heard))) == 1.0
    assert lag_seconds(MELODY, []) == 0.0
    assert lag_seconds(MELODY, moved(MELODY, late=5.0)) == 0.0


def test_tracks_are_cut_at_leaps_rests_and_attacks() -> None:
    track = np.concatenate([np.full(30, 440.0), np.full(20, 494.0), np.zeros(10), np.full(40, 494.0)])
    assert segment_notes(track, np.array([0.8])) == [
        Note(0.0, 0.3, 440.0),
        Note(0.3, 0.5, 494.0),
        Note(0.6, 0.8, 494.0),
        Note(0.8, 1.0, 494.0),
    ]
    slip = np.full(60, 440.0)
    slip[30:32] = 880.0
    slip[40:43] = 0.0
    assert segment_notes(slip, np.zeros(0)) == [Note(0.0, 0.6, 440.0)]
    assert segment_notes(np.full(4, 440.0), np.zeros(0)) == []
    assert segment_notes(np.zeros(50), np.array([0.2])) == []


def test_nothing_is_heard_in_silence() -> None:
    assert line_notes(np.zeros(SAMPLE_RATE), SAMPLE_RATE) == []
    assert chord_notes(np.zeros(SAMPLE_RATE), SAMPLE_RATE) == []
    assert note_f1([], []) == 1.0
    assert note_f1(MELODY, []) == note_f1([], MELODY) == 0.0


@pytest.mark.unchecked
def test_errors() -> None:
    for wrong in ((1.0, 1.0, 440.0), (0.0, 1.0, 0.0), (0.0, np.nan, 440.0), (-1.0, 1.0, 440.0)):
        with pytest.raises(InputError, match="give onset before offset"):
            note_f1(MELODY, [wrong])
    with pytest.raises(AudioError, match="no samples"):
        chord_notes(np.zeros(0), SAMPLE_RATE)
