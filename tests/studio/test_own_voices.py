"""Voices that are given as files: on the command line, or dropped on the page."""

import asyncio
import json
import shlex

import pytest
from command_line import MODEL
from fake_voice import CARD
from studio_server import StudioServer, settled, wait_until

from violute.studio.takes.catalogue import Catalogue
from violute.voices.card import Card
from violute.voices.file import seal
from violute.voices.load import DEFAULT_VOICE


@pytest.fixture
def voice_file(tmp_path):
    """A voice of sines of one's own, beside no other."""
    (tmp_path / "voices").mkdir()
    path = tmp_path / "mine.onnx"
    path.write_bytes(
        seal(MODEL, Card(**{**vars(CARD), "ends": ("reed", "string"), "description": "My own."}))
    )
    return path


def test_a_studio_begins_with_a_voice_file(tmp_path, voice_file):
    with StudioServer(tmp_path, "--voice", "mine.onnx") as server, server.client() as client:
        first = client.get("/voices").json()[0]
        assert (first["name"], first["is_default"], first["is_own"]) == ("mine", True, True)
        assert first["description"] == "My own."
        assert str(tmp_path) not in json.dumps(first)
        state = settled(client, client.post("/takes", json={"example": "flute"}).json())
        assert (state["status"], state["voice"], state["ends"]) == ("ready", "mine", ["reed", "string"])
        asked = {"mix": 0.25}
        words = shlex.split(client.post(f"/takes/{state['id']}/command", json=asked).json()["command"])
        assert words[words.index("--voice") + 1] == "mine.onnx"
        assert client.post(f"/takes/{state['id']}/render", json=asked).status_code == 200


def test_a_voice_that_is_sent_can_be_chosen_until_the_studio_ends(tmp_path, voice_file):
    content = voice_file.read_bytes()
    with StudioServer(tmp_path) as server, server.client() as client:
        sent = client.post("/voices", files={"file": ("../sent & gone.onnx", content)})
        assert sent.status_code == 201
        assert sent.json()["name"] == "sent  gone"
        names = [voice["name"] for voice in client.get("/voices").json()]
        assert names == ["violute-violin-flute", "violute-clarinet-cello", "sent  gone"]
        state = settled(
            client, client.post("/takes", json={"example": "flute"}, params={"voice": "sent  gone"}).json()
        )
        assert (state["status"], state["ends"]) == ("ready", ["reed", "string"])
        for wrong in (b"no voice", content[:-1], content.replace(b"sines", b"signs")):
            answer = client.post("/voices", files={"file": ("wrong.onnx", wrong)})
            assert answer.status_code == 422
            assert str(server.temporary) not in answer.json()["error"]
        kept = [path for path in server.stored() if path.endswith(".onnx")]
        assert len(kept) == 1, "what is no voice is gone"
    wait_until(lambda: server.stored() == [])


def test_a_file_never_stands_in_for_an_installed_voice(tmp_path, voice_file):
    path = voice_file.rename(tmp_path / f"{DEFAULT_VOICE}.onnx")
    catalogue = Catalogue()
    added = catalogue.add(path, argument=path.name)
    entries = {entry.name: entry.is_own for entry in asyncio.run(catalogue.entries())}
    assert added.name != DEFAULT_VOICE
    assert (entries[DEFAULT_VOICE], entries[added.name]) == (False, True)
