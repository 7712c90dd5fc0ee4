"""One line or chords, a stretch, the bits of a sample, dials that move apart, and how far a rendering is."""

import io
import threading

import numpy as np
import pytest
import soundfile
from hostile_files import encoded
from studio_server import settled, wait_until
from tones import tone

from violute import Mix, load_voice
from violute.examples import example_paths


@pytest.fixture(scope="module")
def take(client):
    return settled(client, client.post("/takes", json={"example": "flute"}).json())


def rendered(client, take, **settings):
    answer = client.post(f"/takes/{take['id']}/render", json=settings)
    assert answer.status_code == 200, answer.text
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        return file.read(dtype="float64"), file.subtype, answer.headers["content-disposition"]


def test_chords_are_told_and_live_as_one_line_is(client):
    chord = sum(tone(f0_hz, 3.0, level_db=-24.0) for f0_hz in (440.0, 554.4, 659.3))
    take = client.post("/takes", files={"file": ("chord.wav", encoded(chord))}).json()
    state = settled(client, take)
    assert (state["lines"], state["is_live"]) == ("auto", True)
    assert state["n_lines"] > 1
    again = client.post(f"/takes/{take['id']}/voice", json={"voice": state["voice"], "lines": 1})
    state = settled(client, again.json())
    assert (state["lines"], state["n_lines"], state["is_live"]) == (1, 1, True)
    command = client.get(f"/takes/{take['id']}/command").json()["command"]
    assert command.endswith(" --lines 1")
    assert client.post("/takes", json={"example": "flute"}, params={"lines": 5}).status_code == 422


def test_a_loop_is_the_same_stretch_of_the_whole(client, take):
    whole, subtype, _ = rendered(client, take, mix=0.5)
    part, _, name = rendered(client, take, mix=0.5, span=[1.0, 2.25])
    np.testing.assert_array_equal(part, whole[44_100 : 44_100 + 55_125])
    assert "1.00s-2.25s" in name
    deep, deeper, _ = rendered(client, take, mix=0.5, bits=24)
    assert (subtype, deeper) == ("PCM_16", "PCM_24")
    np.testing.assert_allclose(deep, whole, atol=2**-16 + 2**-24)
    assert len(np.unique(deep)) > len(np.unique(whole))
    for part in ([2.0, 2.0], [900.0, 901.0]):
        nothing = client.post(f"/takes/{take['id']}/render", json={"span": part})
        assert (nothing.status_code, "nothing" in nothing.json()["error"]) == (422, True)


def test_each_dial_moves_on_its_own(client, take):
    course = [(0.0, 0.0), (3.0, 1.0)]
    asked = {"mix": 0.25, "dials": {"noise": course, "room": 0.0}}
    audio, _, _ = rendered(client, take, bits=24, **asked)
    source, sample_rate = soundfile.read(example_paths()["flute"], dtype="float32")
    here = load_voice().analyse(source, sample_rate).render(Mix(0.25, course, 0.25, 0.25, 0.0))
    np.testing.assert_allclose(audio, here, atol=2**-23)
    answer = client.post(f"/takes/{take['id']}/command", json=asked).json()
    assert "--mix 0.25 --noise noise.csv --room 0.0" in answer["command"]
    assert answer["files"] == {"noise.csv": "seconds,noise\n0.0,0.0\n3.0,1.0\n"}


def test_how_far_a_rendering_is_can_be_asked(client):
    long = encoded(np.tile(tone(440.0, 1.0), 40))
    take = settled(client, client.post("/takes", files={"file": ("long.wav", long)}).json())
    at = f"/takes/{take['id']}"
    shares = []

    def progress():
        return client.get(f"{at}/renderings/mine").json()["progress"]

    def ask():
        share = progress()
        if share is not None:
            shares.append(share)
        return not thread.is_alive()

    assert progress() is None

    settings = {"mix": 0.4, "label": "mine", "dials": {"room": 0.7}}
    thread = threading.Thread(target=client.post, args=(f"{at}/render",), kwargs={"json": settings})
    thread.start()
    wait_until(ask)
    thread.join()
    assert shares == sorted(shares)
    assert 0.0 < shares[-1] <= 1.0
    assert progress() is None


def test_wav_and_flac_of_the_same_settings_hold_the_same_samples(client, take):
    for bits in (None, 16, 24):
        wav, flac = (rendered(client, take, mix=0.3, bits=bits, format=kind)[0] for kind in ("wav", "flac"))
        np.testing.assert_array_equal(wav, flac)
