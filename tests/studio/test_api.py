"""The studio's HTTP interface, asked as a page and as a script would."""

import io
import json
import shlex
import shutil
import struct
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from command_line import MODEL, violute
from studio_server import StudioServer, settled, wait_until
from tones import SAMPLE_RATE, tone

from violute import Mix, convert_file, load_voice
from violute.audio.loudness import LoudnessMeter
from violute.audio.source import ArraySource
from violute.examples import example_paths
from violute.studio.work.live_gains import MIXES, live_gains
from violute.studio.work.preview import write_preview
from violute.voices.card import Card
from violute.voices.file import seal
from violute.voices.live_parameters import live_parameters
from violute.voices.mix import dials

FLUTE = example_paths()["flute"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with StudioServer(tmp_path_factory.mktemp("studio")) as running:
        yield running
    assert running.stored() == []
    assert list(running.temporary.iterdir()) == []
    assert len(running.said().splitlines()) == 1, "nothing but the address is printed"


@pytest.fixture(scope="module")
def take(client):
    """The flute, sent as a page sends it and listened to by the built-in voice."""
    with FLUTE.open("rb") as file:
        answer = client.post("/takes", files={"file": ("../../my flute.flac", file, "audio/flac")})
    assert answer.status_code == 202
    return settled(client, answer.json())


def refused(answer, status):
    """Check that a request was refused as all are, and return the sentence."""
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert list(document) == ["error"]
    assert "\n" not in document["error"]
    return document["error"]


def test_a_recording_becomes_ready_step_by_step(take):
    assert take["status"] == "ready"
    assert take["name"] == "my flute.flac"
    assert take["progress"] == 1.0
    assert (take["sample_rate"], take["n_channels"]) == (44_100, 1)
    assert take["duration_seconds"] == pytest.approx(soundfile.info(FLUTE).duration)
    assert take["voice"] == "violute-violin-flute"
    assert take["ends"] == ["flute", "violin"]
    assert take["is_live"] is True
    assert take["live_gains"]["mixes"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert take["source_gain"] == 1.0


def test_the_source_comes_as_wav_of_sixteen_bits(client, take):
    answer = client.get(f"/takes/{take['id']}/source")
    assert answer.headers["content-type"] == "audio/wav"
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        assert (file.format, file.subtype, file.samplerate) == ("WAV", "PCM_16", 44_100)
        preview = file.read(dtype="float32")
    original, _ = soundfile.read(FLUTE, dtype="float32")
    np.testing.assert_allclose(preview, original, atol=2**-15)


def test_the_parameters_are_those_of_the_library(client, take):
    answer = client.get(f"/takes/{take['id']}/parameters")
    audio, sample_rate = soundfile.read(FLUTE, dtype="float32")
    here = load_voice().analyse(audio, sample_rate)
    assert answer.headers["content-type"] == "application/octet-stream"
    (length,) = struct.unpack("<I", answer.content[:4])
    assert json.loads(answer.content[4 : 4 + length])["n_frames"] == here.performance.n_frames
    assert answer.content == live_parameters(here.performance.live_tracks())


@pytest.mark.parametrize(
    ("query", "mix"),
    [
        ({"mix": 0.3, "format": "flac"}, 0.3),
        ({"mix": 0.3, "tone": 0.9, "room": 0.4}, Mix(0.9, 0.3, 0.3, 0.3, 0.4)),
        ({"automation": "[[0,0],[4,1]]", "noise": 1}, replace(Mix.at([(0, 0), (4, 1)]), noise=1)),
    ],
)
def test_an_export_is_the_file_that_convert_makes(client, take, query, mix, tmp_path):
    answer = client.get(f"/takes/{take['id']}/render", params=query)
    assert answer.status_code == 200
    kind = query.get("format", "wav")
    assert answer.headers["content-type"] == f"audio/{kind}"
    converted = tmp_path / f"converted.{kind}"
    convert_file(FLUTE, converted, mix=mix)
    assert answer.content == converted.read_bytes()


def test_the_command_line_makes_the_same_file(client, take, tmp_path):
    asked = {"mix": 0.25, "dials": {"vibrato": 0.75}, "format": "flac"}
    asked |= {"wet": 0.8, "level_db": -3, "transpose": 5.5, "bits": 24, "span": [1.0, 2.125]}
    answer = client.post(f"/takes/{take['id']}/render", json=asked)
    command = client.post(f"/takes/{take['id']}/command", json=asked).json()
    assert command["files"] == {}
    (tmp_path / "my flute.flac").write_bytes(FLUTE.read_bytes())
    program, *arguments = shlex.split(command["command"])
    assert program == "violute"
    assert violute(*arguments, cwd=tmp_path).returncode == 0
    made = tmp_path / arguments[2]
    assert made.read_bytes() == answer.content
    assert f"filename*=utf-8''{made.name.replace(' ', '%20')}" in answer.headers["content-disposition"]


def test_a_drawn_course_is_given_as_csv(client, take, tmp_path):
    course = [[0.0, 0.25], [1.5, 1.0], [3.0, 0.125]]
    asked = {"automation": course, "dials": {"room": 0.5, "noise": [[0, 0], [2, 1]]}}
    answer = client.post(f"/takes/{take['id']}/command", json=asked).json()
    words = shlex.split(answer["command"])
    assert words[words.index("--automation") + 1] == "mix.csv"
    assert words[words.index("--noise") + 1] == "noise.csv"
    assert set(answer["files"]) == {"mix.csv", "noise.csv"}
    for name, content in answer["files"].items():
        (tmp_path / name).write_text(content)
    (tmp_path / "my flute.flac").write_bytes(FLUTE.read_bytes())
    assert violute(*words[1:], cwd=tmp_path).returncode == 0
    rendered = client.post(f"/takes/{take['id']}/render", json=asked)
    assert rendered.content == (tmp_path / words[3]).read_bytes()


def test_live_parameters_at_another_pitch(client, take):
    at = f"/takes/{take['id']}/parameters"
    as_played, octave = client.get(at), client.get(at, params={"transpose": 12})
    assert json.loads(as_played.headers["Violute-Live-Gains"]) == take["live_gains"]
    f0_hz = []
    for content in (as_played.content, octave.content):
        length = int.from_bytes(content[:4], "little")
        entry = json.loads(content[4 : 4 + length])["lines"][0]["arrays"]["f0_hz"]
        f0_hz.append(np.frombuffer(content, "<f4", entry["shape"][0], 4 + length + entry["offset"]))
    np.testing.assert_allclose(f0_hz[1], 2 * f0_hz[0], rtol=1e-6)
    gains = json.loads(octave.headers["Violute-Live-Gains"])
    assert gains["mixes"] == take["live_gains"]["mixes"]
    assert gains["gain"] != take["live_gains"]["gain"]
    assert client.get(at, params={"transpose": 25}).status_code == 422


def test_no_rendering_stays_behind(client, server, take):
    # What an earlier test had rendered may still be about to go: nothing may be added, not nothing change.
    before = set(server.stored())
    assert client.get(f"/takes/{take['id']}/render", params={"mix": 0.1}).status_code == 200
    wait_until(lambda: set(server.stored()) <= before)
    assert any(take["id"] in path for path in server.stored())


def test_an_example_is_taken_by_name_and_another_voice_listens(client):
    answer = client.post("/takes", json={"example": "violin"}, params={"voice": "sines"})
    state = settled(client, answer.json())
    assert (state["status"], state["voice"], state["is_live"]) == ("ready", "sines", False)
    assert state["live_gains"] is None
    command = shlex.split(client.get(f"/takes/{state['id']}/command").json()["command"])
    assert command[2] == str(example_paths()["violin"])
    assert command[3] == "violin_bwv1006-violute-sines-mix0.50.wav"
    other = client.post("/takes", files={"file": ("violin_bwv1006.flac", FLUTE.read_bytes())}).json()
    command = shlex.split(client.get(f"/takes/{other['id']}/command").json()["command"])
    assert command[2] == "violin_bwv1006.flac"
    client.delete(f"/takes/{other['id']}")
    at = f"/takes/{state['id']}"
    assert "no live parameters" in refused(client.get(f"{at}/parameters"), 404)
    again = client.post(f"{at}/voice", json={"voice": "violute-violin-flute"})
    assert again.status_code == 202
    state = settled(client, again.json())
    assert (state["status"], state["is_live"]) == ("ready", True)
    assert client.get(f"{at}/parameters").status_code == 200
    assert client.delete(at).json()["status"] == "cancelled"


def test_a_voice_that_fails_leaves_the_recording_for_another(client, server):
    card = Card(name="torn", family="ddsp", ends=("a", "b"), sample_rate=44_100)
    (server.folder / "voices" / "torn.onnx").write_bytes(seal(MODEL, card))
    state = settled(
        client, client.post("/takes", json={"example": "violin"}, params={"voice": "sines"}).json()
    )
    at = f"/takes/{state['id']}"
    wait_until(lambda: client.post(f"{at}/voice", json={"voice": "torn"}).status_code == 202)
    state = settled(client, client.get(at).json())
    assert state["status"] == "failed"
    assert "voice torn is damaged" in state["message"]
    assert "voice torn is damaged" in refused(client.get(f"{at}/source"), 409)
    assert client.post(f"{at}/voice", json={"voice": "sines"}).status_code == 202
    assert settled(client, client.get(at).json())["status"] == "ready"
    assert client.get(f"{at}/source").status_code == 200
    client.delete(at)
    (server.folder / "voices" / "torn.onnx").unlink()


def test_a_removed_recording_is_gone_with_its_files(client, server):
    state = settled(client, client.post("/takes", json={"example": "flute"}).json())
    assert any(state["id"] in path for path in server.stored())
    client.delete(f"/takes/{state['id']}")
    wait_until(lambda: not any(state["id"] in path for path in server.stored()))
    for path in ("", "/events", "/source", "/parameters", "/render", "/command"):
        assert "not here any more" in refused(client.get(f"/takes/{state['id']}{path}"), 404)
    assert refused(client.delete(f"/takes/{state['id']}"), 404)


def test_cancelling_stops_the_work_at_once(client, server):
    content = io.BytesIO()
    soundfile.write(content, np.tile(tone(440.0, 1.0)[::5], 500), SAMPLE_RATE // 5, format="WAV")
    answer = client.post("/takes", files={"file": ("long.wav", content.getvalue())})
    at = f"/takes/{answer.json()['id']}"
    seen = []

    def follow():
        with (
            server.client() as other,
            other.stream("GET", f"{at}/events") as lines,
        ):
            seen.extend(json.loads(line[5:]) for line in lines.iter_lines() if line.startswith("data:"))

    follower = threading.Thread(target=follow)
    follower.start()
    wait_until(lambda: seen and seen[-1]["status"] == "analysing")
    client.delete(at)
    follower.join(10)
    assert seen[-1]["status"] == "cancelled"
    wait_until(lambda: not any(answer.json()["id"] in path for path in server.stored()))
    assert settled(client, client.post("/takes", json={"example": "flute"}).json())["status"] == "ready"


@pytest.mark.parametrize(
    ("query", "about"),
    [
        ({"mix": 1.5}, "mix"),
        ({"mix": "loud"}, "mix"),
        ({"mix": "nan"}, "mix"),
        ({"room": -1}, "room"),
        ({"format": "exe"}, "format"),
        ({"automation": "[[0,0],[0,1]]"}, "rising order"),
        ({"automation": "[[0,2]]"}, "break-point 1"),
        ({"automation": "[[0,NaN]]"}, "break-point 1"),
        ({"automation": "[]"}, "no break-points"),
        ({"automation": "seconds"}, "[[0, 0], [4, 1]]"),
        ({"automation": "[" * 5_000}, "[[0, 0], [4, 1]]"),
        ({"automation": "[[0,0]]", "mix": 0.5}, "choose one"),
        ({"voice": "../../etc/passwd"}, "unknown voice"),
    ],
)
def test_wrong_settings_get_a_sentence(client, take, query, about):
    for verb in ("render", "command")[: 1 if "voice" in query else 2]:
        assert about in refused(client.get(f"/takes/{take['id']}/{verb}", params=query), 422)


@pytest.mark.parametrize(
    "body",
    ["{", "[1]", '{"mix": 2}', '{"mix": 1e999}', '{"colour": 1}', "[" * 100_000, '{"mix": ' + "9" * 999],
)
def test_wrong_bodies_get_a_sentence(client, take, body):
    headers = {"content-type": "application/json"}
    answer = client.post(f"/takes/{take['id']}/render", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert list(answer.json()) == ["error"]


def test_the_answers_are_those_that_openapi_declares(client, take):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    at = f"/takes/{take['id']}"
    for path, address in {
        "/voices": "/voices",
        "/examples": "/examples",
        "/limits": "/limits",
        "/takes/{take_id}": at,
        "/takes/{take_id}/command": f"{at}/command",
        "/takes/{take_id}/source": f"{at}/source",
        "/takes/{take_id}/parameters": f"{at}/parameters",
        "/takes/{take_id}/render": f"{at}/render?format=flac",
        "/takes/{take_id}/events": f"{at}/events",
    }.items():
        declared = document["paths"][path]["get"]["responses"]["200"]["content"]
        answer = client.get(address)
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in declared, path
        if kind == "application/json":
            check_schema(answer.json(), declared[kind]["schema"], schemas)
    error = document["paths"]["/takes/{take_id}"]["get"]["responses"]["4XX"]["content"]["application/json"]
    check_schema(client.get("/takes/none").json(), error["schema"], schemas)
    assert "HTTPValidationError" not in schemas
    forms = document["paths"]["/takes"]["post"]["requestBody"]["content"]
    assert set(forms) == {"multipart/form-data", "application/json"}


def check_schema(value, schema, schemas):
    """Check a value against the few words of JSON Schema that the studio's description uses."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        chosen = [option for option in schema["anyOf"] if (option.get("type") == "null") == (value is None)]
        return check_schema(value, chosen[0], schemas)
    types = {
        "object": dict,
        "array": list,
        "string": str,
        "number": (int, float),
        "integer": int,
        "boolean": bool,
        "null": type(None),
    }
    assert isinstance(value, types[schema["type"]])
    if "enum" in schema:
        assert value in schema["enum"]
    if schema["type"] == "array":
        for item in value:
            check_schema(item, schema["items"], schemas)
    if "additionalProperties" in schema and "properties" not in schema:
        for item in value.values():
            check_schema(item, schema["additionalProperties"], schemas)
    elif schema["type"] == "object":
        assert set(value) == set(schema["properties"])
        for name, item in value.items():
            check_schema(item, schema["properties"][name], schemas)
    return None


def test_voices_examples_and_limits_are_listed(client):
    voices = client.get("/voices").json()
    assert voices[0]["is_default"]
    assert {v["name"]: v["is_live"] for v in voices if v["name"] != "torn"} == {
        "violute-violin-flute": True,
        "violute-clarinet-cello": True,
        "sines": False,
    }
    assert {example["name"] for example in client.get("/examples").json()} == set(example_paths())
    limits = client.get("/limits").json()
    assert limits["max_seconds"] == 600
    assert ".wav" in limits["types"]
    assert (".m4a" in limits["types"]) == (shutil.which("ffmpeg") is not None)


def test_a_preview_beyond_full_scale_is_turned_down_and_says_so(tmp_path):
    loud = np.float32(1.6) * np.sin(np.arange(20_000) / 9).astype(np.float32)
    gain = write_preview(ArraySource(loud, 44_100), tmp_path / "preview.wav")
    preview, _ = soundfile.read(tmp_path / "preview.wav")
    assert gain < 1.0
    np.testing.assert_allclose(preview, gain * loud, atol=2**-15)


def test_live_gains_make_the_synthesis_as_loud_as_the_recording():
    audio = tone(523.25, 4.0, level_db=-20.0)
    stereo = np.stack([audio, 0.5 * audio])
    take = load_voice().analyse(stereo, SAMPLE_RATE)
    wanted = loudness_lufs(stereo, SAMPLE_RATE)
    for mix, gain in zip(MIXES, live_gains(take).gain, strict=True):
        dry = Mix.at(mix, room=0.0)
        rendered = take.render(dry)
        assert loudness_lufs(rendered, SAMPLE_RATE) == pytest.approx(wanted, abs=0.1)
        # No limiter is at work here, so the gain is all that lies between the synthesis and the rendering.
        performance = take.performance
        frames = dials(dry, performance.n_frames, performance.frame_rate_hz)
        mono = np.concatenate(list(performance.blocks(frames)))[: rendered.shape[1]]
        played = gain * take.frame.channel_gains[:, None] * mono
        np.testing.assert_allclose(played, rendered, atol=0.02 * float(np.abs(rendered).max()))


def loudness_lufs(audio, sample_rate):
    meter = LoudnessMeter(sample_rate, len(audio))
    meter.push(audio)
    return meter.integrated_lufs()
