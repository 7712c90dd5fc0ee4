"""The plug-in as LV2, by lilv: its description, what it plays, and its state in a session.

Debian's `lv2apply` and `lv2proc` offer no worker, without which no plug-in that has files can be made; so a
host by the same library plays it.
"""

import subprocess
from pathlib import Path

import live_plugin
import numpy as np
import pytest
from live_core import difference_db, example, played
from live_plugin import LV2_URI, lv2_host, needs

from violute import load_voice
from violute.families.ddsp.live_file import live_bytes
from violute.voices.mix import Mix

PROMISED_DB = -60.0
SPECIFICATIONS = Path("/usr/lib/lv2")
OF_OTHERS = "http://moddevices.com/ns/mod#"
"""Words that DPF writes and Debian has no specification of."""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return lv2_host(tmp_path_factory.mktemp("lv2"))


@pytest.fixture(scope="module")
def audio():
    return example("violin")[:60_000]


def test_its_description_is_as_the_specifications_say():
    needs("sord_validate")
    if not (SPECIFICATIONS / "core.lv2").is_dir():
        pytest.skip("lv2-dev brings the specifications")
    files = [*SPECIFICATIONS.rglob("*.ttl"), *(live_plugin.built() / "bin" / "Violute.lv2").glob("*.ttl")]
    done = subprocess.run(["sord_validate", *files], capture_output=True, text=True, timeout=60, check=False)
    written = done.stdout + done.stderr
    assert "restrictions" in written
    errors = written.split("error: ")[1:]
    assert [error for error in errors if OF_OTHERS not in error] == []


def test_a_host_reads_its_ports_and_that_it_reports_its_latency(host, tmp_path):
    needs("lv2info")
    folder = tmp_path / "bundles"
    folder.mkdir()
    (folder / "Violute.lv2").symlink_to(live_plugin.built() / "bin" / "Violute.lv2")
    done = subprocess.run(
        ["lv2info", LV2_URI],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"LV2_PATH": f"{folder}:{SPECIFICATIONS}"},
    )
    assert "Has latency:       yes" in done.stdout
    for symbol in ("mix", "tone", "noise", "attack", "room", "wet", "level", "lv2_enabled", "peak"):
        assert f"Symbol:      {symbol}\n" in done.stdout
    assert "lv2core#enabled" in done.stdout


def test_it_plays_what_the_python_stream_plays(host, audio):
    made = host.play(audio, "set=mix:0.3")
    assert difference_db(made[0], load_voice().stream(Mix.at(0.3)).push(audio)) < PROMISED_DB


@pytest.mark.parametrize(("sample_rate", "latency"), [(44_100, 882), (48_000, 1030), (96_000, 2060)])
def test_it_is_as_late_as_its_port_reports(host, sample_rate, latency):
    click = np.zeros(6_000, np.float32)
    click[500] = 0.5
    made = host.play(click, f"rate={sample_rate}", "set=wet:0")
    assert np.argmax(made[0]) - 500 == latency
    played_once = f"play={host.path('in0.f32')}:{host.path('out0.f32')}"
    assert host.values(f"rate={sample_rate}", played_once, "ports")["lv2_latency"] == latency


@pytest.mark.parametrize("block", [1, 64, 4096])
def test_blocks_of_any_size_give_the_same(host, audio, block):
    assert np.array_equal(host.play(audio[:9_000], block=block), host.play(audio[:9_000]))


def test_what_is_not_enabled_lets_the_sound_through(host, audio):
    made = host.play(audio, "set=lv2_enabled:0")
    assert np.array_equal(made[0, 882:], audio[:-882])


def test_a_session_finds_its_parameters_again_and_the_built_in_voice(host, audio, tmp_path):
    session = tmp_path / "session"
    session.mkdir()
    host.run("set=mix:0.8", "set=room:0", f"save={session}")
    wanted = host.play(audio, "set=mix:0.8", "set=room:0")
    assert np.array_equal(host.play(audio, f"load={session}"), wanted)
    again = tmp_path / "again"
    again.mkdir()
    host.run(f"load={session}", f"save={again}")
    assert host.values(f"load={again}", "ports")["mix"] == pytest.approx(0.8)


def test_a_session_finds_its_voice_again(host, audio, tmp_path):
    voice, session = tmp_path / "Stimme für später.live", tmp_path / "session"
    voice.write_bytes(live_bytes("violute-clarinet-cello"))
    session.mkdir()
    host.run("set=room:0", f"save={session}")
    state = session / "state.ttl"
    text = state.read_text(encoding="utf-8")
    assert "#voice> <>" in text
    state.write_text(text.replace("#voice> <>", f'#voice> "{voice}"^^atom:Path'), encoding="utf-8")
    made = host.play(audio, f"load={session}")
    assert difference_db(made, played(voice.read_bytes(), audio, n_channels=2, mix=0.5)) < PROMISED_DB
    again = tmp_path / "again"
    again.mkdir()
    host.run(f"load={session}", f"save={again}")
    assert np.array_equal(host.play(audio, f"load={again}"), made)
