"""Who gets into a studio: its own page and scripts, and whoever shows the token where one is needed."""

import asyncio
import hashlib
import re
import socket
import ssl
import time
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import Response
from studio_server import StudioServer, wait_until

from violute.errors import InputError
from violute.studio.address import choose_address
from violute.studio.certificate import Certificate, make_certificate
from violute.studio.own_names import network_address, only_here
from violute.studio.web.connections import IdleConnections
from violute.studio.web.gate import Gate

TOKEN = "an-open-secret-of-32-characters--"


def test_a_large_body_where_none_belongs_is_refused(client):
    answer = client.post("/takes/none/render", content=b" " * 1_500_000 + b"{}")
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]


def test_another_method_gets_a_sentence(client):
    answer = client.put("/takes")
    assert answer.status_code == 405
    assert "/openapi.json" in answer.json()["error"]


def test_foreign_names_and_pages_are_turned_away(server):
    with server.client() as client:
        for host in ("evil.example", f"evil.example:{server.port}", "127.0.0.1:1", ""):
            answer = client.get("/voices", headers={"host": host})
            assert answer.status_code in (400, 421), host
        assert client.get("/voices", headers={"host": f"localhost:{server.port}"}).status_code == 200
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port + 1}"):
            answer = client.post("/takes", json={"example": "flute"}, headers={"origin": origin})
            assert answer.status_code == 403, origin
            assert client.delete("/takes/none", headers={"origin": origin}).status_code == 403
        crossing = {"sec-fetch-site": "cross-site"}
        assert client.post("/takes", json={"example": "flute"}, headers=crossing).status_code == 403
        own = {"origin": server.url, "sec-fetch-site": "same-origin"}
        answer = client.post("/takes", json={"example": "flute"}, headers=own)
        assert answer.status_code == 202
        assert client.delete(f"/takes/{answer.json()['id']}", headers=own).status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/page/index.html", "/voices", "/openapi.json", "/nothing", "/page/none"]
)
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    # Modules of WebAssembly may be compiled; they can do nothing that the page's own scripts cannot.
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert policy.count("unsafe") == 1
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page/..%2fapp.py",
        "/page/%2e%2e%2f%2e%2e%2ferrors.py",
        "/page//etc/passwd",
        "/page/..\\app.py",
        "/takes/..%2f..%2fetc%2fpasswd/source",
        "/takes/%00/source",
    ],
)
def test_no_path_leads_out_of_the_page(server, path):
    with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        raw.sendall(f"{head}Authorization: Bearer {server.token}\r\n\r\n".encode())
        assert raw.recv(4_000).split(b" ")[1] in (b"404", b"400")


def test_a_token_opens_once_and_lives_on_in_a_cookie(tmp_path):
    with StudioServer(tmp_path, "--token", TOKEN) as server:
        assert server.address.endswith(f"/?token={TOKEN}")
        with server.client(headers={}) as client:
            wrong = {"authorization": f"Bearer {TOKEN[:-1]}"}
            for answer in (
                client.get("/"),
                client.get("/voices"),
                client.get("/page/index.html"),
                client.get("/openapi.json"),
                client.get("/voices", params={"token": TOKEN[:-1]}),
                client.get("/voices", params={"token": "é"}),
                client.get("/voices", headers=wrong),
                client.get("/voices", headers={"cookie": f"violute-studio-{server.port}=wrong"}),
                client.post("/takes", json={"example": "flute"}, params={"token": TOKEN}),
            ):
                assert answer.status_code == 401
                assert TOKEN not in answer.text
            right = {"authorization": f"Bearer {TOKEN}"}
            assert client.get("/voices", headers=right).status_code == 200
            opened = client.get("/", params={"token": TOKEN, "a": "b"})
            assert (opened.status_code, opened.headers["location"]) == (303, "/?a=b")
            cookie = opened.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=lax" in cookie
            assert client.get("/voices").status_code == 200
            foreign = client.get("//evil.example/", params={"token": TOKEN})
            assert not foreign.headers.get("location", "/").startswith("//")
            answer = client.post(
                "/takes", json={"example": "flute"}, headers={"origin": "http://evil.example"}
            )
            assert answer.status_code == 403


def test_others_get_in_over_https_by_any_address_and_by_known_names_alone(tmp_path):
    with StudioServer(tmp_path, "--host", "0.0.0.0", "--name", "music.example", "--token", TOKEN) as server:
        assert server.url == f"https://{network_address()}:{server.port}"
        wait_until(lambda: re.search(r"^([0-9A-F]{2}:){31}[0-9A-F]{2}$", server.said(), re.MULTILINE))
        shown = re.search(r"^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$", server.said(), re.MULTILINE)[0]
        certificate = ssl.get_server_certificate(("127.0.0.1", server.port))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest()
        assert digest.hex(":").upper() == shown
        # A browser that trusts it finds the names that it may be reached by.
        trust = ssl.create_default_context(cadata=certificate)
        for name in ("localhost", "127.0.0.1", "music.example"):
            with (
                socket.create_connection(("127.0.0.1", server.port)) as raw,
                trust.wrap_socket(raw, server_hostname=name) as safe,
            ):
                assert safe.version() == "TLSv1.3"
        with server.client(base_url=f"https://127.0.0.1:{server.port}") as client:
            for host in ("127.0.0.1", "192.168.7.7:80", "[fe80::1]:9", "music.example", socket.gethostname()):
                assert client.get("/voices", headers={"host": host}).status_code == 200, host
            for host in ("evil.example", "evil.example:443", "192.168.7.7.evil.example", "[evil]", ""):
                assert client.get("/voices", headers={"host": host}).status_code in (400, 421), host
            opened = client.get("/", params={"token": TOKEN}, headers={"authorization": ""})
            assert "secure" in opened.headers["set-cookie"].lower()


def test_a_certificate_of_ones_own_is_used_and_a_wrong_one_refused(tmp_path):
    made = make_certificate(tmp_path, ("localhost",))
    assert made.key.stat().st_mode & 0o077 == 0
    options = ("--host", "0.0.0.0", "--cert", str(made.path), "--key", str(made.key))
    with StudioServer(tmp_path, *options) as server:
        served = ssl.get_server_certificate(("127.0.0.1", server.port))
        assert ssl.PEM_cert_to_DER_cert(served) == ssl.PEM_cert_to_DER_cert(made.path.read_text())
        assert made.fingerprint not in server.said(), "its owner knows it"
    (tmp_path / "other").mkdir()
    other = make_certificate(tmp_path / "other", ("localhost",))
    for key in (other.key, tmp_path / "none.pem", made.path):
        with pytest.raises(InputError, match="check --cert and --key"):
            Certificate(made.path, key)


@pytest.mark.parametrize("name", ["bücher.example", "two words", "https://studio.example", ""])
def test_a_name_that_no_browser_asks_for_is_refused(name):
    assert choose_address("0.0.0.0", 0, None, names=("studio.example", "fe80::1")).names
    with pytest.raises(InputError, match="is no name of a machine"):
        choose_address("0.0.0.0", 0, None, names=("studio.example", name))


def test_what_a_browser_is_started_with_opens_the_page_one_time():
    async def app(scope, receive, send):
        await Response("inside")(scope, receive, send)

    gate = Gate(app, is_ours=only_here("127.0.0.1", 8000), token=TOKEN, once="one-time-code", port=8000)
    transport = httpx.ASGITransport(app=gate)

    async def visits():
        for _ in range(2):
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as visitor:
                opened = await visitor.get("/", params={"once": "one-time-code"})
                yield opened.status_code, opened.headers.get("location")

    async def all_visits():
        return [visit async for visit in visits()]

    assert asyncio.run(all_visits()) == [(303, "/"), (401, None)]


class FakeConnection(asyncio.Protocol):
    """What uvicorn knows of a connection: the request at hand, and the transport below."""

    def __init__(self, cycle, is_closing=False):
        self.cycle = cycle
        self.transport = SimpleNamespace(is_closing=lambda: is_closing, abort=self.abort)
        self.is_aborted = False

    def abort(self):
        self.is_aborted = True


def test_connections_that_hang_are_cut_and_working_ones_are_not():
    working = FakeConnection(SimpleNamespace(response_complete=False))
    silent = FakeConnection(None)
    resting = FakeConnection(SimpleNamespace(response_complete=True))
    unread = FakeConnection(SimpleNamespace(response_complete=False), is_closing=True)
    watch = IdleConnections(seconds=0.0)
    watch.sweep({working, silent, resting, unread})
    time.sleep(0.001)
    watch.sweep({working, silent, resting, unread})
    assert [c.is_aborted for c in (working, silent, resting, unread)] == [False, True, True, True]
    patient = IdleConnections(seconds=60.0)
    fresh = FakeConnection(None)
    patient.sweep({fresh})
    patient.sweep({fresh})
    assert not fresh.is_aborted
