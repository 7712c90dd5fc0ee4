"""A voice for the page to play along with: what `violute export` writes, of live voices alone."""

import zlib

import numpy as np
import pytest

from violute.families.ddsp.live_file import live_bytes
from violute.voices.load import DEFAULT_VOICE


def test_a_live_voice_comes_as_the_core_reads_it(client, server):
    answer = client.get(f"/voices/{DEFAULT_VOICE}/live")
    assert answer.status_code == 200
    content, wanted = answer.content, live_bytes(DEFAULT_VOICE)
    assert zlib.crc32(content[:-4]) == int.from_bytes(content[-4:], "little")
    # What is worked out with the network may differ in the last bit from one process to another.
    assert len(content) == len(wanted)
    is_other = np.frombuffer(content, np.uint8) != np.frombuffer(wanted, np.uint8)
    assert is_other.mean() < 0.01
    assert not [path for path in server.stored() if path.endswith(".live")]


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
