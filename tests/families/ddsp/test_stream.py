"""Playing along: the same sound whatever the blocks, 20 ms late, in tune and as loud as what comes in."""

import fake_voice
import numpy as np
import pytest
import scipy.signal
import tiny_ddsp
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, cents_apart, tone

from violute.analysis.analyser import analyse
from violute.analysis.conditioning import N_FEATURES
from violute.errors import MixError, VoiceError
from violute.families.ddsp.running_loudness import RunningLoudness
from violute.families.ddsp.stream import BEND_FROM, LATENCY_SAMPLES, LOOK_BACK_FRAMES
from violute.voices.load import load_voice
from violute.voices.mix import Mix


def phrase():
    rest = np.zeros(SAMPLE_RATE // 5, np.float32)
    return 0.3 * np.concatenate([rest, tone(440.0, 0.5), tone(659.3, 0.5), rest])


def played(audio, mix=0.5, cuts=()):
    stream = tiny_ddsp.voice().stream(mix if isinstance(mix, Mix) else Mix.at(mix, room=0.0))
    return np.concatenate([*(stream.push(piece) for piece in np.split(audio, cuts)), stream.flush()])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 24_000), max_size=6))
def test_blocks_of_any_size_give_the_same_samples(cuts):
    audio = phrase()[:24_000]
    assert np.array_equal(played(audio, Mix(room=0.4), sorted(cuts)), played(audio, Mix(room=0.4)))


@pytest.mark.parametrize("n_samples", [0, 1, 440, 441, 10_000])
def test_every_push_gives_as_many_samples_as_it_took(n_samples):
    stream = tiny_ddsp.voice().stream()
    assert len(stream.push(phrase()[:n_samples])) == n_samples
    assert len(stream.flush()) == LATENCY_SAMPLES == stream.latency_samples


@pytest.mark.parametrize("position", [20_000, 20_100, 20_440])
def test_latency_is_20_ms_and_no_more(position):
    """What changes from a sample on changes the output no earlier than that sample's own 20 ms later."""
    assert round(0.02 * SAMPLE_RATE) == LATENCY_SAMPLES
    audio, changed = phrase(), phrase()
    changed[position:] = 0.0
    apart = np.flatnonzero(played(audio) != played(changed))
    assert position <= apart[0] <= position + LATENCY_SAMPLES


def test_breath_after_a_note_is_played_at_its_level():
    audio = 0.002 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)
    audio[:SAMPLE_RATE] += 0.3 * tone(440.0, 1.0)
    rest = slice(SAMPLE_RATE + SAMPLE_RATE // 2, 2 * SAMPLE_RATE)
    out = played(audio.astype(np.float32))[LATENCY_SAMPLES:]
    before, after = (np.median(analyse(x[rest].astype(np.float32)).loudness_db) for x in (audio, out))
    assert abs(float(after - before)) < 2.0


def test_a_burst_comes_out_20_ms_after_it_went_in():
    noise = np.zeros(SAMPLE_RATE, np.float32)
    noise[22_050:26_460] = np.random.default_rng(1).normal(0.0, 0.1, 4410)
    envelope = np.square(played(noise)).reshape(-1, 441).mean(axis=1)
    loud = np.flatnonzero(envelope > 0.1 * envelope.max())
    assert abs(loud[0] - (50 + 2)) <= 1
    assert abs(loud[-1] - (59 + 2)) <= 1


def test_it_plays_the_pitch_and_the_loudness_that_come_in():
    audio = phrase()
    out = played(audio)[LATENCY_SAMPLES:]
    given_, heard = analyse(audio), analyse(out)
    for start, stop in ((35, 65), (85, 115)):  # inside the two notes
        assert np.abs(cents_apart(heard.f0_hz[0, start:stop], given_.f0_hz[0, start:stop])).max() < 10.0
        error_db = np.abs(heard.loudness_db[0, start:stop] - given_.loudness_db[0, start:stop])
        assert np.median(error_db) < 1.0


@pytest.mark.parametrize("second_hz", [493.9, 587.3, 880.0])
def test_a_slurred_note_has_taken_over_after_25_ms(second_hz):
    out = played(0.3 * np.concatenate([tone(440.0, 0.4), tone(second_hz, 0.3)]))[LATENCY_SAMPLES:]
    start = int(0.425 * SAMPLE_RATE)
    piece = out[start : start + 2205] * np.hanning(2205)
    seconds = np.arange(len(piece)) / SAMPLE_RATE
    # The third partials, which the window tells apart.
    old, new = (np.abs(piece @ np.exp(-6j * np.pi * hz * seconds)) for hz in (440.0, second_hz))
    assert new > 8.0 * old


def test_the_dial_moves_from_end_to_end_and_turns_while_it_plays():
    def centroid_hz(audio):
        power = np.square(np.abs(np.fft.rfft(audio)))
        return (np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE) @ power) / power.sum()

    audio = 0.3 * tone(440.0, 1.0)
    mellow, between, bright = (centroid_hz(played(audio, mix)[11_025:]) for mix in (0.0, 0.5, 1.0))
    assert mellow < between < bright
    stream = tiny_ddsp.voice().stream(Mix.at(0.0, room=0.0))
    first = stream.push(audio)
    stream.set_mix(Mix.at(1.0, room=0.0))
    second = stream.push(audio)
    assert centroid_hz(first[11_025:]) == pytest.approx(mellow, rel=0.05)
    assert centroid_hz(second[11_025:]) == pytest.approx(bright, rel=0.05)
    moving = played(audio, Mix.at([(0.0, 0.0), (0.4, 0.0), (0.6, 1.0)], room=0.0))[LATENCY_SAMPLES:]
    assert centroid_hz(moving[8_000:17_000]) < 1.05 * mellow
    assert centroid_hz(moving[30_000:]) > 0.95 * bright
    with pytest.raises(MixError):
        stream.set_mix(1.5)


def test_silence_stays_silent():
    assert np.abs(played(np.zeros(SAMPLE_RATE // 2, np.float32))).max() < 1e-4


def test_loud_sound_never_reaches_full_scale_and_soft_sound_is_untouched():
    loud = played(np.clip(3.0 * tone(440.0, 0.5), -1.0, 1.0))
    assert BEND_FROM < np.abs(loud).max() < 1.0
    soft = played(0.1 * phrase())
    assert np.abs(soft).max() < BEND_FROM


def test_nothing_clicks_at_the_seams_of_frames():
    out = played(0.3 * tone(440.0, 1.0))[15_000:40_000]
    high = scipy.signal.sosfilt(scipy.signal.butter(6, 15_000, "highpass", fs=SAMPLE_RATE, output="sos"), out)
    by_phase = np.square(high[: len(high) // 441 * 441]).reshape(-1, 441).mean(axis=0)
    assert by_phase.max() < 8.0 * by_phase.mean()


def test_running_loudness_comes_to_what_the_whole_piece_has():
    rng = np.random.default_rng(2)
    loudness_db = rng.normal(-35.0, 6.0, 5000)
    running = RunningLoudness(np.linspace(-40.0, 0.0, 21))
    for value in loudness_db:
        running.add(value)
    probabilities = np.array([0.1, 0.5, 0.95])
    np.testing.assert_allclose(
        running.quantiles_db(probabilities), np.quantile(loudness_db, probabilities), atol=0.8
    )
    assert running.reference_db() == pytest.approx(np.quantile(loudness_db, 0.95), abs=0.8)


def test_before_anything_is_heard_the_usual_is_assumed():
    usual = np.linspace(-30.0, 2.0, 21)
    found = RunningLoudness(usual).quantiles_db(np.linspace(0.0, 1.0, 21))
    np.testing.assert_allclose(np.diff(found)[1:-1], np.diff(usual)[1:-1], atol=0.6)


def test_the_network_sees_all_that_it_would_look_at():
    rng = np.random.default_rng(3)
    given_ = {
        "features": rng.random((2, 2 * LOOK_BACK_FRAMES, N_FEATURES), np.float32),
        "f0_hz": rng.uniform(200.0, 2000.0, 2 * LOOK_BACK_FRAMES).astype(np.float32),
    }
    recent = {
        "features": given_["features"][:, -LOOK_BACK_FRAMES:],
        "f0_hz": given_["f0_hz"][-LOOK_BACK_FRAMES:],
    }
    session = load_voice().session
    for whole, short in zip(session.run(None, given_), session.run(None, recent), strict=True):
        np.testing.assert_allclose(short[:, -1], whole[:, -1], atol=1e-3)  # dB


def test_a_family_that_needs_the_whole_recording_says_so():
    with pytest.raises(VoiceError, match=r"needs the whole recording: convert a file, or stream with"):
        fake_voice.SineVoice().stream(0.5)
