"""The core as a page plays it: the module that ships is that of the sources, and plays the Python stream."""

import json
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from live_core import SAMPLE_RATE, LiveCore, difference_db, example, played

import violute.studio
from violute import load_voice
from violute.families.ddsp.live_file import live_bytes
from violute.families.ddsp.stream import LATENCY_SAMPLES
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import Mix

PAGE = Path(violute.studio.__file__).parent / "page"
NODE_SCRIPT = Path(__file__).parents[1] / "support" / "live_node.mjs"
LIVE = Path(__file__).parents[2] / "live"

BUILT_BY = "3.1.6"
"""Version of emscripten, Debian's, that `live.wasm` was built by: another one gives other bytes."""

PROMISED_DB = -60.0

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="the page's module is played in Node")


@lru_cache(maxsize=1)
def emscripten():
    if shutil.which("emcmake") is None or shutil.which("em++") is None:
        return None
    told = subprocess.run(["em++", "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0].split(") ")[1].split()[0]


@pytest.mark.skipif(emscripten() != BUILT_BY, reason=f"emscripten {BUILT_BY} is not here: {emscripten()}")
def test_the_module_that_ships_is_built_from_these_sources(tmp_path):
    for command in (
        ["emcmake", "cmake", "-S", LIVE, "-B", tmp_path],
        ["cmake", "--build", tmp_path, "-j2"],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=900)
    assert (tmp_path / "live.wasm").read_bytes() == (PAGE / "live.wasm").read_bytes(), (
        "the sources in live/ were changed: build live.wasm again, as live/README.md says"
    )


@pytest.fixture
def run(tmp_path):
    """Run a job in Node: what comes out, `(channel, sample)`, and what the module tells."""

    for name in ("instance.js", "live.js", "live.wasm"):
        shutil.copy(PAGE / name, tmp_path)
    # Without it older versions of Node take modules for scripts.
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def run(audio=None, *, voice=None, block=128, steps=({},), options=None, **more):
        (tmp_path / "voice.live").write_bytes(builtin() if voice is None else voice)
        job = {"voice": str(tmp_path / "voice.live"), "block": block, "steps": list(steps), **more}
        job["options"] = options or {}
        if audio is not None:
            audio.astype(np.float32).tofile(tmp_path / "in.f32")
            job |= {"sound": str(tmp_path / "in.f32"), "sides": len(np.atleast_2d(audio))}
        (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
        command = ["node", NODE_SCRIPT, tmp_path, tmp_path / "job.json", tmp_path / "out.f32"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        if "problem" in told:
            return told["problem"]
        sound = np.fromfile(tmp_path / "out.f32", np.float32)
        return sound.reshape(job["options"].get("nChannels", 1), -1), told

    return run


@lru_cache(maxsize=1)
def builtin():
    return live_bytes(DEFAULT_VOICE)


def piece(instrument, seconds=4):
    return example(instrument)[: seconds * SAMPLE_RATE]


def dials(mix):
    return {"tone": mix, "noise": mix, "attack": mix}


@needs_node
@pytest.mark.parametrize(("mix", "room"), [(0.0, 0.0), (0.5, 0.2), (1.0, 1.0)])
@pytest.mark.parametrize("instrument", ["flute", "violin"])
def test_it_plays_what_the_python_stream_plays(run, instrument, mix, room):
    audio = piece(instrument)
    made, told = run(audio, options={"roomSize": room}, turn=dials(mix))
    wanted = load_voice().stream(Mix.at(mix, room=room)).push(audio)
    assert difference_db(made[0], wanted) < PROMISED_DB
    assert told["latency"] == LATENCY_SAMPLES
    assert told["card"]["ends"] == ["flute", "violin"]


@needs_node
def test_a_voice_of_the_low_range_and_dials_that_turn_do_what_the_python_stream_does(run):
    name, audio, middle = "violute-clarinet-cello", piece("cello", 2), 100 * 441
    first, second = {"tone": 0.1, "noise": 0.9, "attack": 0.4}, {"tone": 0.8, "noise": 0.3, "attack": 1.0}
    stream = load_voice(name).stream(Mix(vibrato=0.5, room=0.0, **first))
    wanted = [stream.push(audio[:middle])]
    stream.set_mix(Mix(vibrato=0.5, room=0.0, **second))
    wanted.append(stream.push(audio[middle:]))
    made, _ = run(audio, voice=live_bytes(name), steps=[{"turn": first, "n": middle}, {"turn": second}])
    assert difference_db(made[0], np.concatenate(wanted)) < PROMISED_DB


@needs_node
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_blocks_of_any_size_give_the_same_samples(run, sample_rate):
    audio = piece("violin")[:20_000]
    options = {"sampleRate": sample_rate, "roomSize": 0.4, "nChannels": 2}
    whole, *others = (
        run(audio, block=block, options=options)[0] for block in (len(audio), 1, 128, 441, 4096)
    )
    assert not np.array_equal(*whole)
    for other in others:
        assert np.array_equal(whole, other)


@needs_node
def test_at_48_kilohertz_it_plays_what_the_core_plays_outside_a_page(run):
    audio = piece("flute")
    made, told = run(audio, options={"sampleRate": 48_000, "roomSize": 0.3, "nChannels": 2}, turn=dials(0.5))
    wanted = played(builtin(), audio, sample_rate=48_000, room_size=0.3, n_channels=2, mix=0.5)
    assert difference_db(made, wanted) < PROMISED_DB
    with LiveCore(builtin(), sample_rate=48_000) as live:
        assert told["latency"] == live.latency_samples


@needs_node
def test_output_room_and_a_new_beginning_do_what_they_do_outside_a_page(run):
    audio = np.stack([piece("flute")[:40_000], piece("violin")[:40_000]])
    settings = {"turn": {"wet": 0.6, "room": 0.5}, "level": -6.0}
    steps = [settings | {"n": 20_000}, {"resizeRoom": 0.7, "n": 10_000}, {"bypass": True}]
    made, _ = run(audio, steps=steps, options={"roomSize": 0.2, "nChannels": 2}, turn=dials(0.5))
    with LiveCore(builtin(), room_size=0.2, n_channels=2, mix=0.5) as live:
        live.turn(wet=0.6, room=0.5)
        live.level(-6.0)
        wanted = [live.push(audio[:, :20_000])]
        live.resize_room(0.7)
        wanted.append(live.push(audio[:, 20_000:30_000]))
        live.bypass(True)
        wanted.append(live.push(audio[:, 30_000:]))
    assert difference_db(made, np.concatenate(wanted, axis=1)) < PROMISED_DB
    again, _ = run(np.tile(piece("flute")[:8_820], 2), steps=[{"n": 8_820}, {"reset": True}])
    assert np.array_equal(again[0][:8_820], again[0][8_820:])


@needs_node
def test_whatever_comes_in_sound_comes_out(run):
    audio = piece("flute")[:40_000].copy()
    audio[5_000:6_000], audio[6_000:7_000], audio[10_000], audio[11_000] = np.nan, 1e-42, np.inf, 1e38
    made, _ = run(audio, options={"roomSize": 0.3, "nChannels": 2})
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1.0
    assert np.abs(made[:, 30_000:]).max() > 0.01


@needs_node
def test_what_is_no_voice_no_rate_and_no_dial_is_refused_with_one_line(run):
    audio = piece("flute")[:1000]
    lines = {
        "no voice file": run(audio, voice=b"OggS" * 100),
        "damaged": run(audio, voice=builtin()[:-5]),
        "22050 Hz": run(audio, options={"sampleRate": 22_050}),
        "3 channels": run(audio, options={"nChannels": 3}),
        "no dial vibrato": run(audio, turn={"vibrato": 0.5}),
        "give 0 to 1": run(audio, turn={"tone": 1.5}),
        "a room of size 2": run(audio, steps=[{"resizeRoom": 2}]),
    }
    for part, line in lines.items():
        assert isinstance(line, str)
        assert part in line
        assert "\n" not in line
