"""The plug-in as VST3 in a host that others wrote: pedalboard, by JUCE."""

import live_plugin
import numpy as np
import pytest
from live_core import difference_db, example

from violute import load_voice
from violute.voices.mix import Mix

pedalboard = pytest.importorskip("pedalboard")

PROMISED_DB = -60.0
SAMPLE_RATE = 44_100
LATENCY_SAMPLES = 882
RATES = {44_100: 882, 48_000: 1030, 96_000: 2060}


@pytest.fixture
def load():
    folder = live_plugin.built() / "bin" / "Violute.vst3"

    def loaded(**parameters):
        plugin = pedalboard.load_plugin(str(folder))
        for name, value in parameters.items():
            setattr(plugin, name, value)
        # Parameters come with a block; what is played next begins anew with all of them, the room's size too.
        play(plugin, np.zeros(512))
        return plugin

    return loaded


@pytest.fixture(scope="module")
def audio():
    return example("flute")[:80_000]


def play(plugin, audio, sample_rate=SAMPLE_RATE, *, block=512):
    """Play as a track does, which moves what is late back to where it belongs; `(2, sample)`."""
    stereo = np.broadcast_to(np.asarray(audio, np.float32), (2, np.shape(audio)[-1]))
    return plugin.process(np.ascontiguousarray(stereo), sample_rate, buffer_size=block)


def test_it_plays_what_the_python_stream_plays(load, audio):
    made = play(load(), audio)
    stream = load_voice().stream(Mix.at(0.5))
    wanted = np.concatenate([stream.push(audio), stream.flush()])[LATENCY_SAMPLES:]
    assert made.shape == (2, len(audio))
    assert difference_db(made[0], wanted) < PROMISED_DB
    assert not np.array_equal(made[0], made[1])


def test_its_parameters_have_names_ranges_and_defaults(load):
    parameters = load().parameters
    own = ("mix", "tone_beside_mix", "noise_beside_mix", "attack_beside_mix", "room", "dry_wet", "level_db")
    ranges = {name: (parameters[name].range[0], parameters[name].range[1]) for name in own}
    assert ranges["mix"] == ranges["room"] == ranges["dry_wet"] == (0.0, 1.0)
    assert ranges["tone_beside_mix"] == ranges["attack_beside_mix"] == (-1.0, 1.0)
    assert ranges["level_db"] == (-24.0, 24.0)
    assert "bypass" in parameters


def test_turned_dials_are_heard(load, audio):
    made = play(load(mix=0.9, noise_beside_mix=-0.4, room=0.0), audio)
    stream = load_voice().stream(Mix(tone=0.9, noise=0.5, attack=0.9, vibrato=0.9, room=0.0))
    wanted = np.concatenate([stream.push(audio), stream.flush()])[LATENCY_SAMPLES:]
    assert difference_db(made[0], wanted) < -45.0  # Hosts write dials in steps of a thousandth.


@pytest.mark.parametrize("sample_rate", RATES)
def test_a_host_that_makes_up_for_the_reported_latency_hears_the_dry_sound_in_time(load, sample_rate):
    plugin = load(dry_wet=0.0)
    click = np.zeros(12_000, np.float32)
    click[4_000] = 0.5
    made = play(plugin, click, sample_rate)
    assert plugin.reported_latency_samples == RATES[sample_rate]
    assert np.argmax(made[0]) == 4_000


def test_one_instance_changes_its_rate_and_its_latency(load, audio):
    plugin = load(room=0.0)
    first = play(plugin, audio)
    for sample_rate, latency in RATES.items():
        made = play(plugin, audio, sample_rate)
        assert plugin.reported_latency_samples == latency
        assert np.abs(made).max() > 0.05
    assert np.array_equal(play(plugin, audio), first)


@pytest.mark.parametrize("block", [1, 64, 1024, 4096])
def test_blocks_of_any_size_give_the_same(load, audio, block):
    part = audio[:9_000]
    assert np.allclose(play(load(), part, block=block), play(load(), part, block=256), atol=1e-7)


def test_a_project_finds_its_parameters_again(load, audio):
    first = load(mix=0.2, room=0.6, dry_wet=0.7, level_db=-6.0)
    wanted = play(first, audio)
    again = load()
    again.raw_state = first.raw_state
    assert again.mix == pytest.approx(0.2, abs=1e-3)
    assert again.level_db == pytest.approx(-6.0, abs=0.05)
    made = play(again, audio)
    assert difference_db(made, wanted) < PROMISED_DB


def test_two_instances_silence_and_what_is_no_number(load, audio):
    one, other = load(), load()
    wanted = play(load(), audio)
    heard, silent = (play(plugin, sound) for plugin, sound in ((one, audio), (other, audio * 0)))
    assert np.array_equal(heard, wanted)
    assert np.abs(silent).max() < 1e-5
    odd = audio.copy()
    odd[5_000:9_000] = np.nan
    odd[12_000] = -np.inf
    assert np.isfinite(play(load(dry_wet=0.5), odd)).all()


def test_bypass_lets_the_sound_through(load, audio):
    assert np.array_equal(play(load(bypass=True), audio)[0], audio)
