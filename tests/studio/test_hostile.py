"""What a studio gets that it should not: tricks, bombs, broken connections, floods."""

import asyncio
import io
import itertools
import json
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from hostile_files import GOOD, HOSTILE, NAMES, encoded
from hypothesis import given
from hypothesis import strategies as st
from studio_server import StudioServer, settled, wait_until
from tones import SAMPLE_RATE, tone

from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.web.upload import MAX_NAME_LENGTH, receive_file, shown_name


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    limits = ("--max-megabytes", "5", "--max-minutes", "1", "--max-disk-megabytes", "30")
    with StudioServer(tmp_path_factory.mktemp("studio"), *limits) as running:
        yield running
        said = running.said()
    assert "Traceback" not in said, said
    assert list(running.temporary.iterdir()) == []


@pytest.fixture(scope="module")
def client(server):
    with server.client(params={"voice": "sines"}) as client:
        yield client


def send(client, name, content):
    return client.post("/takes", files={"file": (name, content)})


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_file_gets_a_sentence_without_a_path(client, server, trick):
    content, about = HOSTILE[trick]
    answer = send(client, "piece.wav", content)
    assert answer.status_code == 202
    state = settled(client, answer.json())
    assert state["status"] == "failed"
    assert about in state["message"]
    assert state["message"].startswith("piece.wav ")
    assert str(server.temporary) not in state["message"]
    wait_until(lambda: not any(state["id"] in path for path in server.stored()))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_and_never_followed(client, server, name):
    def crafted():
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + quoted.encode()[:4_000]
        yield b'"\r\n\r\n' + GOOD + b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    state = client.post("/takes", content=b"".join(crafted()), headers=headers).json()
    assert "error" not in state
    shown = state["name"]
    assert 1 <= len(shown) <= MAX_NAME_LENGTH
    assert not set("/\\\r\n") & set(shown)
    assert shown.isprintable()
    assert settled(client, state)["status"] == "ready"
    rendered = client.get(f"/takes/{state['id']}/render")
    assert rendered.status_code == 200
    assert "\n" not in rendered.headers["content-disposition"]
    assert "Set-Cookie" not in rendered.headers
    places = {path.split("/")[0] for path in server.stored()}
    assert len(places) <= 1, "nothing lies outside the private folder"
    client.delete(f"/takes/{state['id']}")


@given(st.text(max_size=160))
def test_shown_names_are_one_printable_line(name):
    shown = shown_name(name)
    assert 1 <= len(shown) <= MAX_NAME_LENGTH
    assert shown.isprintable()
    assert not set("/\\") & set(shown)
    assert shown_name(shown) == shown


def form_of(content, *, name='name="file"; filename="a.wav"', end=b"\r\n--x--\r\n"):
    return b"--x\r\nContent-Disposition: form-data; " + name.encode() + b"\r\n\r\n" + content + end


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (GOOD, "audio/wav", 415),
        (GOOD, "", 415),
        (form_of(GOOD), "multipart/form-data", 415),
        (form_of(GOOD), "multipart/form-data; boundary=" + "y" * 200, 415),
        (form_of(GOOD), "multipart/form-data; boundary=other", 400),
        (form_of(GOOD, name='name="other"; filename="a.wav"'), "multipart/form-data; boundary=x", 400),
        (form_of(GOOD, end=b""), "multipart/form-data; boundary=x", 400),
        (b"--x\r\nA: " + b"b" * 100_000, "multipart/form-data; boundary=x", 400),
        (b"--x\r\nA: b\r\n\r\n\r\n" * 100 + b"--x--", "multipart/form-data; boundary=x", 400),
        (form_of(b"\0" * 6_000_000), "multipart/form-data; boundary=x", 413),
        (form_of(b"\0" * 200_000, name='name="other"'), "multipart/form-data; boundary=x", 413),
        (b'{"example": "../../etc/passwd"}', "application/json", 404),
        (b'{"example": 5}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b'{"example": "' + b"a" * 2_000_000 + b'"}', "application/json", 413),
    ],
)
def test_a_malformed_upload_gets_a_sentence_and_leaves_nothing(client, server, body, content_type, status):
    before = server.stored()
    answer = client.post("/takes", content=body, headers={"content-type": content_type})
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert server.stored() == before


@given(st.binary(max_size=400), st.integers(1, 50))
def test_the_parser_of_forms_answers_or_refuses(tmp_path_factory, body, size):
    """Whatever comes, in pieces of any size, it is a file or a refusal."""

    async def chunks():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    path = tmp_path_factory.mktemp("form") / "file"
    with pytest.raises(RefusalError):
        asyncio.run(
            receive_file(
                {"content-type": "multipart/form-data; boundary=violute"},
                chunks(),
                path,
                limits=Limits(),
                claim=lambda _: None,
            )
        )


@given(st.binary(min_size=1, max_size=2_000), st.integers(1, 300))
def test_the_parser_of_forms_returns_every_byte(tmp_path_factory, content, size):
    body = form_of(content)
    if b"\r\n--x" in content:
        return

    async def chunks():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    path = tmp_path_factory.mktemp("form") / "file"
    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(len(body))}
    name = asyncio.run(receive_file(headers, chunks(), path, limits=Limits(), claim=lambda _: None))
    assert (name, path.read_bytes()) == ("a.wav", content)


def test_broken_connections_cost_nothing(client, server):
    before = server.stored()
    head = (
        f"POST /takes HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
    )
    form = "Content-Type: multipart/form-data; boundary=x\r\n"
    beginnings = [
        b"",
        b"GET / HT",
        (head + form).encode(),
        (head + form + "Content-Length: 400000\r\n\r\n").encode() + form_of(GOOD)[:9_000],
        (head + form + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"ffffff\r\n" + form_of(GOOD)[:500],
        (head + form + f"Content-Length: {'9' * 400}\r\n\r\n").encode(),
        (head + form + "Content-Length: -5\r\n\r\n").encode(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc" + b"\0" * 300,
        b"A" * 200_000,
    ]
    sockets = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(3 * len(beginnings))]
    for raw, beginning in zip(sockets, itertools.cycle(beginnings), strict=False):
        try:
            raw.sendall(beginning)
        except (BrokenPipeError, ConnectionResetError):
            continue  # that one was seen through already
    for raw in sockets[::2]:
        try:
            raw.shutdown(socket.SHUT_WR)
        except OSError:
            continue
    assert client.get("/voices").status_code == 200
    state = settled(client, send(client, "good.wav", GOOD).json())
    assert state["status"] == "ready"
    for raw in sockets:
        raw.close()
    client.delete(f"/takes/{state['id']}")
    wait_until(lambda: server.stored() == before)


def test_two_hundred_uploads_leave_the_studio_answering_and_small(client, server):
    kinds = [("good.wav", GOOD), ("longer.wav", encoded(tone(330.0, 6.0)))]
    kinds += [(name, HOSTILE[name][0]) for name in ("text", "header alone", "FLAC bomb", "cut FLAC")]
    stored = 0
    is_over = threading.Event()
    settled(client, send(client, "first.wav", GOOD).json())
    memory = server.memory_bytes()

    def watch():
        nonlocal stored
        while not is_over.is_set():
            assert client.get("/limits").status_code == 200
            stored = max(stored, server.stored_bytes())
            time.sleep(0.05)

    def upload(number):
        name, content = kinds[number % len(kinds)]
        answer = send(client, name, content)
        if answer.status_code != 202:
            assert list(answer.json()) == ["error"]
        elif number % 5 == 0:
            assert client.delete(f"/takes/{answer.json()['id']}").status_code in (200, 404)
        return answer.status_code

    with ThreadPoolExecutor(9) as threads:
        watcher = threads.submit(watch)
        statuses = list(threads.map(upload, range(200)))
        is_over.set()
        watcher.result()
    assert set(statuses) <= {202, 503, 507}
    assert statuses.count(202) >= 20
    assert stored <= 30_000_000 + 100_000
    assert server.memory_bytes() - memory < 300_000_000
    state = wait_until(lambda: accepted(client))
    assert settled(client, state)["status"] == "ready"


def accepted(client):
    """Send a good recording until there is room for it."""
    answer = send(client, "good.wav", GOOD)
    return answer.json() if answer.status_code == 202 else None


def test_eight_sessions_at_once_all_get_their_own(client):
    def session(number):
        content = encoded(tone(300.0 + 40 * number, 1.0 + number / 10))
        state = settled(client, send(client, f"session {number}.wav", content).json())
        assert state["status"] == "ready", state
        answer = client.get(f"/takes/{state['id']}/render", params={"mix": number / 8})
        client.delete(f"/takes/{state['id']}")
        with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
            return state["name"], file.frames

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(session, range(8)))
    assert [name for name, _ in found] == [f"session {number}.wav" for number in range(8)]
    assert [frames for _, frames in found] == [round((1.0 + n / 10) * SAMPLE_RATE) for n in range(8)]


def test_a_crash_of_the_decoder_is_one_job_lost(client, server):
    """A worker that dies, as it would by a decoder's fault, is replaced."""
    content = encoded(np.tile(tone(440.0, 1.0)[::5], 59), rate=SAMPLE_RATE // 5)
    files = {"file": ("long.wav", content)}
    answer = client.post("/takes", files=files, params={"voice": "violute-violin-flute"})
    assert answer.status_code == 202
    wait_until(lambda: client.get(f"/takes/{answer.json()['id']}").json()["status"] == "analysing")
    for pid in server.workers():
        os.kill(pid, signal.SIGSEGV)
    state = settled(client, answer.json())
    assert state["status"] == "failed"
    assert "brought the analysis down" in state["message"]
    assert settled(client, send(client, "good.wav", GOOD).json())["status"] == "ready"
    assert json.dumps(state).count("/") == 0
