"""The causal analysis: it never looks further than it says, and hears what the whole analysis hears."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, cents_apart, tone

from violute.analysis import pitch
from violute.analysis.analyser import analyse
from violute.analysis.causal import LOOKAHEAD_SAMPLES, CausalAnalyser
from violute.analysis.pitch_range import HIGH
from violute.errors import AudioError, ShapeError
from violute.rates import HOP_LENGTH
from violute.transforms.spectra import magnitude_frames


def phrase():
    rest = np.zeros(SAMPLE_RATE // 4, np.float32)
    return np.concatenate([rest, tone(440.0, 0.6), tone(659.3, 0.6), rest, 0.3 * tone(1318.5, 0.6), rest])


def heard(audio, cuts=()):
    analyser = CausalAnalyser()
    return [frame for piece in np.split(audio, cuts) for frame in analyser.push(piece)]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=6))
def test_blocks_of_any_size_give_the_same_frames(cuts):
    audio = phrase()[:30_000]
    assert heard(audio, sorted(cuts)) == heard(audio)


@pytest.mark.parametrize("frame", [30, 31, 77])
def test_a_frame_hears_nothing_beyond_its_lookahead(frame):
    audio = phrase()
    end = frame * HOP_LENGTH + LOOKAHEAD_SAMPLES
    changed = audio.copy()
    changed[end:] = np.random.default_rng(0).uniform(-1.0, 1.0, len(audio) - end)
    assert heard(changed)[: frame + 1] == heard(audio)[: frame + 1]
    changed[end - 200] += 0.5
    assert heard(changed)[frame] != heard(audio)[frame]


def test_frame_i_comes_with_its_last_sample():
    for n_frames in (1, 2, 9):
        n_samples = (n_frames - 1) * HOP_LENGTH + LOOKAHEAD_SAMPLES
        assert len(heard(phrase()[: n_samples - 1])) == n_frames - 1
        assert len(heard(phrase()[:n_samples])) == n_frames


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 987.8, 2093.0, 3520.0])
def test_a_steady_tone_has_its_pitch(f0_hz):
    frames = heard(tone(f0_hz, 0.5))[12:45]
    assert all(frame.periodicity > 0.9 for frame in frames)
    found_hz = np.array([frame.f0_hz for frame in frames])
    assert np.abs(cents_apart(found_hz, np.full(len(frames), f0_hz))).max() < 3.0


def test_it_agrees_with_the_whole_analysis_on_steady_notes():
    frames, controls = heard(phrase()), analyse(phrase())
    n_frames = min(len(frames), controls.n_frames)
    loudness_db = np.array([frame.loudness_db for frame in frames[:n_frames]])
    is_steady = (controls.periodicity[0] > 0.8)[:n_frames]
    # What is loud is equally loud; edges, 1.6 ms apart, are left out.
    inside = is_steady & np.roll(is_steady, 6) & np.roll(is_steady, -6)
    assert np.abs(loudness_db - controls.loudness_db[0, :n_frames])[inside].max() < 0.2
    voiced = np.array([frame.periodicity > 0.0 for frame in frames[:n_frames]])
    assert (voiced == (controls.periodicity[0, :n_frames] > 0.0)).mean() > 0.93


def test_silence_has_no_pitch_and_no_onset():
    frames = heard(np.zeros(SAMPLE_RATE // 2, np.float32))
    assert {frame.periodicity for frame in frames} == {0.0}
    assert {frame.onset_strength for frame in frames} == {0.0}


def test_an_attack_is_an_onset_at_its_frame():
    audio = np.concatenate([np.zeros(50 * HOP_LENGTH, np.float32), tone(440.0, 0.5)])
    strength = np.array([frame.onset_strength for frame in heard(audio)])
    assert abs(int(strength.argmax()) - 50) <= 2
    assert strength.max() > 0.9


def test_what_is_no_number_is_refused():
    with pytest.raises(AudioError, match="no numbers"):
        CausalAnalyser().push(np.array([0.0, np.nan], np.float32))


@pytest.mark.unchecked
def test_channels_are_refused():
    with pytest.raises(ShapeError, match=r"not mono: give samples alone, such as audio\[0\]"):
        CausalAnalyser().push(np.zeros((1, 441), np.float32))


def test_following_is_the_search_without_its_look_back():
    """On a tone both tracks agree; the follower never knows more than the frame that it was given."""
    spectra = magnitude_frames(tone(523.3, 0.5), HIGH.windows[0].n_fft, 3000, 30)
    follower = pitch.PitchFollower()
    followed = np.array([follower.push([spectrum]) for spectrum in spectra])
    f0_hz, periodicity = pitch.track_pitch([spectra])
    assert np.abs(cents_apart(followed[:, 0], f0_hz)).max() < 0.1
    np.testing.assert_allclose(followed[:, 1], periodicity, atol=1e-4)
