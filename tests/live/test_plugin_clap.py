"""The plug-in as CLAP, under sanitizers: what it plays, reports, keeps, and does with what is wrong."""

import live_core
import numpy as np
import pytest
from live_core import assert_glides, difference_db, played
from live_plugin import PARAMETERS, clap_host, project

from violute import load_voice
from violute.families.ddsp.live_file import live_bytes
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import Mix

PROMISED_DB = -60.0
RATES = {44_100: 882, 48_000: 1030, 88_200: 1892, 96_000: 2060}
"""How late it is at each rate, in samples."""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return clap_host(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def audio():
    return live_core.example("violin")[:44_100]


@pytest.fixture(scope="module")
def voice():
    return live_bytes(DEFAULT_VOICE)


def test_it_has_the_parameters_that_it_promises(host):
    lines = dict(line.split(": ", 1) for line in host.run("params").splitlines())
    assert tuple(lines) == PARAMETERS
    assert lines["Mix"] == "0.5 from 0 to 1, first 0.5, automatable"
    assert lines["Tone beside mix"] == "0 from -1 to 1, first 0, automatable"
    assert lines["Level"] == "0 from -24 to 24, first 0, automatable"
    assert lines["Bypass"].endswith("bypass")
    assert "automatable" not in lines["Peak"]


def test_it_plays_what_the_python_stream_plays(host, audio):
    made = host.play(audio, "set=Mix:0.3")
    assert difference_db(made[0], load_voice().stream(Mix.at(0.3)).push(audio)) < PROMISED_DB


def test_single_dials_stand_beside_the_mix_and_are_held_between_the_ends(host, audio, voice):
    made = host.play(
        audio,
        *("set=Mix:0.4", "set=Tone beside mix:0.3", "set=Noise beside mix:-0.9", "set=Attack beside mix:0.1"),
        "set=Room:0",
    )
    wanted = played(voice, audio, n_channels=2, tone=0.7, noise=0.0, attack=0.5)
    assert difference_db(made, wanted) < PROMISED_DB


def test_blocks_of_any_size_give_the_same(host, audio):
    part = audio[:9_000]
    whole = host.play(part, block=9_000)
    for block in (1, 64, 441, 1024, 4096):
        assert np.array_equal(host.play(part, block=block), whole)


@pytest.mark.parametrize("sample_rate", RATES)
def test_it_is_as_late_as_it_reports_at_every_rate_that_it_is_changed_to(host, sample_rate):
    click = np.zeros(6_000, np.float32)
    click[500] = 0.5
    words = ("rate=96000", "latency", f"rate={sample_rate}", "set=Dry/wet:0")
    made = host.play(click, *words)
    assert np.argmax(made[0]) - 500 == RATES[sample_rate]
    lines = host.run("rate=96000", "latency", f"rate={sample_rate}", "latency").splitlines()
    assert lines == ["latency: 2060", f"latency: {RATES[sample_rate]}"]


def test_a_rate_that_no_voice_plays_at_lets_the_sound_through(host, audio):
    made = host.play(audio[:9_000], "rate=192000")
    assert np.array_equal(made[0], audio[:9_000])
    assert host.run("rate=192000", "latency") == "latency: 0\n"


def test_a_mix_that_is_automated_is_that_of_a_dial_that_turns(host, audio):
    made = host.play(audio, "set=Room:0", "automate=Mix:0:1", block=441)
    course = [(0.0, 0.0), (len(audio) / 44_100, 1.0)]
    wanted = load_voice().stream(Mix.at(course, room=0.0)).push(audio)
    assert difference_db(made[0], wanted) < -40.0  # A block apart.
    still = load_voice().stream(Mix.at(0.5, room=0.0)).push(audio)
    assert difference_db(made[0], still) > -20.0


def test_a_level_that_is_automated_makes_no_steps(host, audio):
    """It goes over 24 dB in blocks of 0.1 s."""
    made = host.play(audio, "set=Room:0", "automate=Level:-12:12", block=4410)[0]
    still = host.play(audio, "set=Room:0")[0]
    is_heard = np.abs(still) > 0.02
    both = is_heard[1:] & is_heard[:-1]
    gain = made / np.where(is_heard, still, 1.0)
    assert both.sum() > 10_000
    assert gain[is_heard].min() < 0.8
    assert gain[is_heard].max() > 2.0
    assert np.abs(np.diff(gain))[both].max() < 0.002


def test_bypass_lets_the_sound_through_as_late_and_without_a_click(host, audio):
    dry = np.concatenate([np.zeros(882, np.float32), audio])[: len(audio)]
    hybrid = host.play(audio)[0]
    assert np.array_equal(host.play(audio, "set=Bypass:1")[0], dry)
    made = host.play(audio, "automate=Bypass:0:1", block=600)[0]
    assert np.array_equal(made[:22_000], hybrid[:22_000])
    assert np.array_equal(made[24_000:], dry[24_000:])
    assert_glides(made, hybrid, dry, 22_200)


def test_two_instances_do_not_hear_each_other(host, audio):
    other = np.roll(audio, 5_000)[::-1].copy()
    together = host.play_together([audio, other])
    assert np.array_equal(together[0], host.play(audio))
    assert np.array_equal(together[1], host.play(other))


def test_silence_stays_silent_and_what_is_no_number_stays_inside(host, audio):
    assert np.abs(host.play(np.zeros(30_000))).max() < 1e-5
    odd = audio.copy()
    odd[5_000:9_000] = np.nan
    odd[12_000:12_010] = np.inf
    for words in ((), ("set=Dry/wet:0.5",), ("set=Bypass:1",), ("rate=192000",)):
        made = host.play(odd, *words)
        assert np.isfinite(made).all()
        assert np.abs(made[:, 30_000:]).max() > 0.01


def test_reset_begins_anew(host, audio, tmp_path):
    sound = tmp_path / "in.f32"
    np.repeat(audio, 2).astype(np.float32).tofile(sound)
    host.run(f"play={sound}:{tmp_path / 'first'}", "stop", f"play={sound}:{tmp_path / 'second'}")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_project_finds_its_parameters_and_its_voice_again(host, audio, tmp_path):
    """The path is none of plain letters, as a musician's may be."""
    folder = tmp_path / "Stücke für Ärzte und 中文"
    folder.mkdir()
    path = folder / "violoncelle à l’été.live"
    path.write_bytes(live_bytes("violute-clarinet-cello"))
    state = project(host, tmp_path, path, "set=Mix:0.8", "set=Room:0", "set=Level:-3")
    values = host.values(f"load={state}", "values")
    assert values["Mix"] == pytest.approx(0.8)
    assert values["Level"] == pytest.approx(-3.0)
    made = host.play(audio, f"load={state}")
    wanted = 10.0 ** (-3.0 / 20.0) * played(path.read_bytes(), audio, n_channels=2, mix=0.8)
    assert difference_db(made, wanted) < PROMISED_DB
    host.run(f"load={state}", f"save={tmp_path / 'again'}")
    assert (tmp_path / "again").read_bytes() == state.read_bytes()


def test_a_project_whose_voice_is_not_on_this_machine_plays_the_built_in_one_and_keeps_the_path(
    host, audio, tmp_path
):
    for path in (tmp_path / "gone.live", r"C:\Musik\Geige.live"):
        state = project(host, tmp_path, path)
        assert np.array_equal(host.play(audio, f"load={state}"), host.play(audio))
        host.run(f"load={state}", f"save={tmp_path / 'again'}")
        assert str(path).encode() in (tmp_path / "again").read_bytes()


def test_a_folder_is_no_voice_that_was_chosen(host, tmp_path):
    """Hosts of LV2 take no path for that of the session's folder."""
    state = project(host, tmp_path, tmp_path)
    host.run(f"load={state}", f"save={tmp_path / 'again'}")
    assert b"voice\0\0" in (tmp_path / "again").read_bytes()


def test_a_wrong_file_changes_nothing(host, audio, tmp_path):
    good, wrong = tmp_path / "good.live", tmp_path / "wrong.live"
    good.write_bytes(live_bytes("violute-clarinet-cello"))
    wrong.write_bytes(good.read_bytes()[:100_000])
    first, second = project(host, tmp_path, good), tmp_path / "second"
    second.write_bytes(first.read_bytes().replace(b"good.live", b"wrong.live"))
    assert np.array_equal(
        host.play(audio, f"load={first}", f"load={second}"), host.play(audio, f"load={first}")
    )
    host.run(f"load={first}", f"load={second}", f"save={tmp_path / 'again'}")
    assert b"good.live" in (tmp_path / "again").read_bytes()


def test_another_voice_takes_over_while_it_plays_without_a_gap(host, audio, voice, tmp_path):
    path = tmp_path / "cello.live"
    path.write_bytes(live_bytes("violute-clarinet-cello"))
    state = project(host, tmp_path, path, "set=Room:0")
    sound = tmp_path / "in.f32"
    np.repeat(audio, 2).astype(np.float32).tofile(sound)
    out = tmp_path / "out.f32"
    host.run("set=Room:0", f"play={sound}:{tmp_path / 'before'}", f"load={state}", f"play={sound}:{out}")
    made = np.fromfile(out, np.float32).reshape(-1, 2)[:, 0]
    old = played(voice, np.concatenate([audio, audio]), mix=0.5)[0, len(audio) :]
    new = played(path.read_bytes(), audio, mix=0.5)[0]
    assert difference_db(made[:6_000], old[:6_000]) < PROMISED_DB
    assert difference_db(made[12_000:], new[12_000:]) < PROMISED_DB


def test_a_thousand_times_it_opens_and_closes_and_leaves_nothing(host):
    host.run("cycles=1000")
