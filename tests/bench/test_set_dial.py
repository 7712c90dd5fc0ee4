"""The dial's middle lies where all instruments are heard, register by register, and its steps bend evenly."""

import numpy as np
import pytest
import set_dial
from command_line import MODEL
from fake_voice import CARD, SineVoice
from hypothesis import given
from hypothesis import strategies as st
from set_dial import PLACES, Hearing, dial_through, hearings, middle_place, register_shares
from tones import SAMPLE_RATE, tone

from violute.audio.write import write
from violute.data.recordings import Recording
from violute.evaluation.bench.clips import Clip
from violute.voices.file import seal


def heard(instrument, place, f0_hz=440.0, steepness=20.0):
    return Hearing(instrument, f0_hz, 1.0 / (1.0 + np.exp(-steepness * (PLACES - place))))


def test_the_middle_is_where_the_medians_of_both_instruments_meet_a_half():
    flutes = [heard("flute", 0.6), heard("flute", 0.6), heard("flute", 0.95)]
    assert middle_place([*flutes, *[heard("violin", 0.7)] * 2]) == pytest.approx(0.65, abs=0.02)


def test_a_dial_that_never_turns_keeps_some_way_on_both_sides():
    assert middle_place([heard("flute", 9.0), heard("violin", 9.0)]) == pytest.approx(0.9)
    assert middle_place([heard("flute", -9.0)] * 2) == pytest.approx(0.1)


def test_a_register_counts_what_is_near_it_alone():
    registers_hz = [200.0, 800.0]
    low_and_high = [heard("flute", 0.3, 150.0), heard("violin", 0.3, 200.0), heard("flute", 0.7, 900.0)]
    shares = np.array([register_shares(one.f0_hz, registers_hz) for one in low_and_high])
    np.testing.assert_allclose(shares, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert [middle_place(low_and_high, counts) for counts in shares.T] == pytest.approx([0.3, 0.7], abs=0.02)
    np.testing.assert_allclose(register_shares(400.0, registers_hz), [0.5, 0.5])
    np.testing.assert_allclose(register_shares(400.0, []), [1.0])


@given(middle=st.floats(0.1, 0.9), far_end=st.floats(1.0, 1.5))
def test_the_dial_rises_from_end_to_end_through_its_middle(middle, far_end):
    mixes, places = np.array(dial_through(middle, far_end)).T
    assert (np.diff(places) > 0.0).all()
    assert (places[0], places[-1]) == (0.0, pytest.approx(far_end, abs=1e-4))
    assert np.interp(0.5, mixes, places) == pytest.approx(middle, abs=1e-3)


def test_a_voice_that_knows_no_pitch_ranges_is_heard_at_the_recordings_own_pitch(tmp_path, monkeypatch):
    (tmp_path / "sines.onnx").write_bytes(seal(MODEL, CARD))
    write(tmp_path / "a.wav", tone(440.0, 2.0), SAMPLE_RATE)
    monkeypatch.setattr(set_dial, "family_loader", lambda _: lambda *_: SineVoice())
    clip = Clip("flute/a", "flute", Recording("a", tmp_path / "a.wav"))
    (one,) = hearings(tmp_path / "sines.onnx", None, (0.0,), clip)
    assert one.instrument == "flute"
    assert one.f0_hz == pytest.approx(440.0, rel=0.005)
    assert one.posteriors.shape == PLACES.shape
