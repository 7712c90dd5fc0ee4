"""From sound to controls: any cut into blocks, any length, and what is said where nothing sounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, cents_apart, tone, vibrato

from violute.analysis import analyser
from violute.analysis.analyser import analyse, analyse_blocks, carry_pitch, voiced_frames
from violute.analysis.controls import SILENCE_DB, Controls
from violute.errors import ShapeError
from violute.transforms.spectra import count_frames

FIELDS = ("f0_hz", "periodicity", "loudness_db", "onset_strength")


def piece(seconds=3.0):
    """Notes, rests and hiss: something for every rule."""
    parts = []
    rng = np.random.default_rng(0)
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        f0_hz = 220.0 * 2.0 ** rng.uniform(0.0, 3.0)
        parts += [tone(vibrato(f0_hz, 20.0, 6.0, rng.uniform(0.1, 0.6)), noise_db=-45.0)]
        parts += [np.zeros(int(rng.integers(0, 9000)), np.float32)]
    return np.concatenate(parts)[: int(seconds * SAMPLE_RATE)]


def assert_same(one: Controls, other: Controls):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.fixture(scope="module")
def long_piece():
    """More than three blocks of the analyser, so that several joints lie inside."""
    audio = piece(35.0)
    assert count_frames(len(audio)) > 3 * analyser.BLOCK_FRAMES
    return audio, analyse(audio)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cut_into_blocks_does_not_matter(long_piece, seed):
    audio, whole = long_piece
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.integers(0, len(audio), 30))
    assert_same(analyse_blocks(np.split(audio, cuts)), whole)


@settings(max_examples=15)
@given(block=st.integers(500, 400_000))
def test_blocks_of_any_size_measure_the_same(block):
    audio = piece()
    assert_same(analyse_blocks(audio[i : i + block] for i in range(0, len(audio), block)), analyse(audio))


def test_joints_of_the_analysers_own_blocks_leave_no_mark(long_piece, monkeypatch):
    """The pitch search starts anew at every block; its context must be long enough not to show."""
    audio, whole = long_piece
    monkeypatch.setattr(analyser, "BLOCK_FRAMES", 370)
    other = analyse(audio)
    for name in ("loudness_db", "onset_strength"):
        np.testing.assert_allclose(getattr(other, name), getattr(whole, name), atol=1e-4)
    both = (whole.periodicity > 0) & (other.periodicity > 0)
    assert np.mean((whole.periodicity > 0) == (other.periodicity > 0)) > 0.999
    assert np.mean(np.abs(cents_apart(other.f0_hz[both], whole.f0_hz[both])) < 1.0) > 0.999


@settings(max_examples=40)
@given(n_samples=st.integers(0, 5000), level=st.sampled_from([0.0, 1e-6, 0.1, 1.0]))
def test_any_length_gives_sane_controls(n_samples, level):
    rng = np.random.default_rng(n_samples)
    controls = analyse((level * rng.uniform(-1.0, 1.0, n_samples)).astype(np.float32))
    assert controls.n_lines == 1
    assert controls.n_frames == count_frames(n_samples)
    for name in FIELDS:
        assert np.isfinite(getattr(controls, name)).all(), name
    assert (controls.loudness_db >= SILENCE_DB).all()
    assert ((controls.periodicity >= 0.0) & (controls.periodicity <= 1.0)).all()
    assert (controls.onset_strength >= 0.0).all()


@pytest.mark.parametrize("n_samples", [0, 1, 2, 441, 1000, 3 * SAMPLE_RATE])
def test_silence_has_no_pitch(n_samples):
    controls = analyse(np.zeros(n_samples, np.float32))
    assert not controls.f0_hz.any()
    assert not controls.periodicity.any()
    assert not controls.onset_strength.any()


def test_the_pitch_never_falls_to_0_inside_a_piece():
    rest = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = np.concatenate([rest, tone(440.0, 0.4), rest, tone(880.0, 0.4), rest])
    controls = analyse(audio)
    f0_hz, is_voiced = controls.f0_hz[0], controls.periodicity[0] > 0
    assert (f0_hz > 0).all()
    assert not is_voiced[:46].any()
    assert not is_voiced[97:136].any()
    assert np.abs(cents_apart(f0_hz[:85], 440.0)).max() < 15
    assert np.abs(cents_apart(f0_hz[145:], 880.0)).max() < 15


def test_a_note_far_below_the_piece_is_no_note():
    faint = tone(500.0, 0.5, level_db=-100.0)
    controls = analyse(np.concatenate([tone(440.0, 1.0, level_db=-12.0), faint]))
    assert (controls.periodicity[0, 5:95] > 0).all()
    assert not (controls.periodicity[0, 106:] > 0).any()
    assert (analyse(faint).periodicity[0, 5:45] > 0).all()  # alone it is the piece


@given(st.data())
def test_carried_pitch_comes_from_the_neighbours(data):
    n = data.draw(st.integers(1, 60))
    is_voiced = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    rng = np.random.default_rng(n)
    f0_hz = rng.uniform(200.0, 3000.0, n).astype(np.float32)
    loudness_db = rng.uniform(-60.0, 0.0, n).astype(np.float32)
    carried = carry_pitch(f0_hz, is_voiced, loudness_db)
    if not is_voiced.any():
        assert not carried.any()
        return
    np.testing.assert_array_equal(carried[is_voiced], f0_hz[is_voiced])
    voiced = np.flatnonzero(is_voiced)
    for i in np.flatnonzero(~is_voiced):
        before, after = voiced[voiced < i], voiced[voiced > i]
        assert carried[i] in {f0_hz[j] for j in (*before[-1:], *after[:1])}
        if len(before) and len(after):
            softest = before[-1] + 1 + loudness_db[before[-1] + 1 : after[0]].argmin()
            assert carried[i] == f0_hz[before[-1] if i < softest else after[0]]


def test_a_blip_shorter_than_a_note_is_not_voiced():
    n = 40
    f0_hz = np.full(n, 440.0, np.float32)
    periodicity = np.zeros(n, np.float32)
    periodicity[5:25] = 0.9
    periodicity[32:34] = 0.9
    f0_hz[15:17] = 880.0
    is_voiced = voiced_frames(f0_hz, periodicity, np.full(n, -20.0, np.float32))
    assert is_voiced[5:15].all()
    assert is_voiced[17:25].all()
    assert is_voiced.sum() == 18


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("f0", "periodicity", "loudness", "onset"),
    [((1, 5), (1, 4), (1, 5), (5,)), ((1, 5), (1, 5), (1, 5), (4,)), ((5,), (5,), (5,), (5,))],
)
def test_controls_that_disagree_are_refused(f0, periodicity, loudness, onset):
    with pytest.raises(ShapeError, match=r"must be \(line, frame\) alike"):
        Controls(np.zeros(f0), np.zeros(periodicity), np.zeros(loudness), np.zeros(onset))


def test_frames_of_controls():
    rng = np.random.default_rng(0)
    controls = Controls(*rng.random((3, 2, 10)), rng.random(10), 50.0)
    part = controls.frames(3, 7)
    assert (part.n_lines, part.n_frames, part.frame_rate_hz) == (2, 4, 50.0)
    np.testing.assert_array_equal(part.f0_hz, controls.f0_hz[:, 3:7])
    np.testing.assert_array_equal(part.onset_strength, controls.onset_strength[3:7])
