"""A voice for the page to play along with: what `violute export` writes, of live voices alone."""

import os
import shutil
import signal
import zlib

import numpy as np
import pytest
from studio_server import wait_until

from violute.families.ddsp.live_file import live_bytes
from violute.studio.web.live_voices import MAX_KEPT, LiveVoices
from violute.voices.load import DEFAULT_VOICE, find_voice


def test_a_live_voice_comes_as_the_core_reads_it(client, server):
    answer = client.get(f"/voices/{DEFAULT_VOICE}/live")
    assert answer.status_code == 200
    content, wanted = answer.content, live_bytes(DEFAULT_VOICE)
    assert zlib.crc32(content[:-4]) == int.from_bytes(content[-4:], "little")
    # What is worked out with the network may differ in the last bit from one process to another.
    assert len(content) == len(wanted)
    is_other = np.frombuffer(content, np.uint8) != np.frombuffer(wanted, np.uint8)
    assert is_other.mean() < 0.01
    wait_until(lambda: not [path for path in server.stored() if path.endswith(".live")])


def test_it_is_made_once_and_anew_where_its_file_is_another(client, server):
    path = server.folder / "voices" / "changing.onnx"
    shutil.copy(find_voice(DEFAULT_VOICE), path)
    wait_until(lambda: path.stem in [voice["name"] for voice in client.get("/voices").json()])
    first = client.get(f"/voices/{path.stem}/live").content
    workers = server.workers()
    try:
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        assert client.get(f"/voices/{path.stem}/live", timeout=30).content == first
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    shutil.copy(find_voice("violute-clarinet-cello"), path)
    assert b'"clarinet"' in client.get(f"/voices/{path.stem}/live").content
    assert b'"clarinet"' not in first


def test_few_are_kept(tmp_path):
    kept = LiveVoices()
    paths = [tmp_path / str(i) for i in range(MAX_KEPT + 1)]
    for path in paths[:-1]:
        kept.keep(path, (1, 1), path.name.encode())
    assert kept.find(paths[0], (1, 1)) == b"0"
    kept.keep(paths[-1], (1, 1), b"last")
    assert [kept.find(path, (1, 1)) is None for path in paths] == [False, True, *[False] * (MAX_KEPT - 1)]


@pytest.mark.parametrize(("name", "said"), [("sines", "not live"), ("oboe-of-nobody", "unknown voice")])
def test_others_are_refused_with_one_sentence(client, server, name, said):
    answer = client.get(f"/voices/{name}/live")
    assert answer.status_code == 422
    sentence = answer.json()["error"]
    assert said in sentence
    assert "\n" not in sentence
    assert str(server.temporary) not in sentence


def test_it_stands_behind_the_gate(client):
    answer = client.get(f"/voices/{DEFAULT_VOICE}/live", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 421
