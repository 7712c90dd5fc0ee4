"""A studio under hostile uploads, slow clients and several people at once, and a fuzzer on its OpenAPI."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sieges.examiner import Verdict
from sieges.files import write_damaged
from violute.examples import example_paths

N_SESSIONS = 8
N_SLOW = 6
_SLOW_SECONDS = 40.0
_BOUNDARY = "siege"


@dataclass(frozen=True)
class Studio:
    """A running studio.

    Attributes:
        port: On loopback.
        token: That it asks for.
        process: Its process.
        said: File of its standard error.
    """

    port: int
    token: str
    process: subprocess.Popen[bytes]
    said: Path

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        """Send one request; returns status and content."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": kind} if kind else {})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def upload(self, path: Path) -> tuple[int, bytes]:
        """Send a recording as the page does."""
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return self.ask("POST", "/takes", body, f"multipart/form-data; boundary={_BOUNDARY}")


def besiege_studio(n_uploads: int, seed: int, n_sessions: int = N_SESSIONS) -> list[Verdict]:
    """Send damaged recordings while slow clients hang on and several people work; then fuzz the interface."""
    with tempfile.TemporaryDirectory() as folder, _studio(Path(folder)) as studio:
        files = [write_damaged(Path(folder), i, seed) for i in range(n_uploads)]
        slow = [threading.Thread(target=_hang_on, args=(studio,), daemon=True) for _ in range(N_SLOW)]
        for thread in slow:
            thread.start()
        with ThreadPoolExecutor(4 + n_sessions) as pool:
            hostile = [pool.submit(_hostile, studio, path) for path in files]
            people = [pool.submit(_person, studio, i) for i in range(n_sessions)]
            verdicts = [future.result() for future in [*hostile, *people]]
        verdicts += _fuzzed(studio)
        verdicts.append(_person(studio, n_sessions))
        if studio.process.poll() is not None:
            verdicts.append(Verdict("studio", "crash", f"exit code {studio.process.returncode}"))
        said = studio.said.read_text(errors="replace")
        if "Traceback" in said:
            verdicts.append(Verdict("studio", "traceback", said[said.index("Traceback") :][:1500]))
    return verdicts


@contextlib.contextmanager
def _studio(folder: Path) -> Iterator[Studio]:
    said = folder / "said.txt"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "violute", "studio", "--no-browser", "--port", "0"],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        deadline = time.monotonic() + 60
        while not (found := re.search(r"http://[^:]+:(\d+)/\?token=(\S+)", said.read_text())):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the studio does not start: {said.read_text()}")
            time.sleep(0.1)
        yield Studio(int(found[1]), found[2], process, said)
    finally:
        process.terminate()
        process.wait(30)


def _hostile(studio: Studio, path: Path) -> Verdict:
    try:
        status, content = studio.upload(path)
    except OSError as error:
        return Verdict(path.name, "crash", f"the connection broke: {error}")
    if status >= 500 and status != 503:
        return Verdict(path.name, "server error", f"{status}: {content[:300]!r}")
    if status < 300:
        take = json.loads(content)["id"]
        with contextlib.suppress(OSError):
            studio.ask("GET", f"/takes/{take}/events")
            studio.ask("DELETE", f"/takes/{take}")
        return Verdict(path.name, "played")
    return Verdict(path.name, "refused", content.decode(errors="replace")[:200])


def _person(studio: Studio, i: int) -> Verdict:
    """Open an example, render it twice, and close it; a busy studio is asked again."""
    name = f"person {i}"
    path = list(example_paths().values())[i % 2]
    for _ in range(60):
        status, content = studio.upload(path)
        if status < 300:
            break
        time.sleep(1.0)
    else:
        return Verdict(name, "shut out", f"{status}: {content[:300]!r}")
    take = json.loads(content)["id"]
    studio.ask("GET", f"/takes/{take}/events")
    for mix in ("0.2", "0.8"):
        for _ in range(60):
            status, content = studio.ask("GET", f"/takes/{take}/render?mix={mix}")
            if status not in (409, 429, 503):
                break
            time.sleep(1.0)
        if status != 200 or content[:4] != b"RIFF":
            return Verdict(name, "no rendering", f"{status}: {content[:300]!r}")
    studio.ask("DELETE", f"/takes/{take}")
    return Verdict(name, "played")


def _hang_on(studio: Studio) -> None:
    """Send an upload one byte in two seconds."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", studio.port), timeout=5) as connection,
    ):
        head = f"POST /takes HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nContent-Length: 100000\r\n"
        head += f"Authorization: Bearer {studio.token}\r\n"
        connection.sendall(f"{head}Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n".encode())
        deadline = time.monotonic() + _SLOW_SECONDS
        while time.monotonic() < deadline:
            connection.sendall(b"-")
            time.sleep(2.0)


def _fuzzed(studio: Studio) -> list[Verdict]:
    """Let schemathesis try the interface, where it is installed."""
    program = shutil.which("schemathesis") or shutil.which("st")
    if program is None:
        return [Verdict("schemathesis", "left out", "not installed: pip install schemathesis")]
    headers = ["--header", f"Authorization: Bearer {studio.token}"]
    address = f"http://127.0.0.1:{studio.port}/openapi.json"
    limits = ["--max-examples", "25", "--request-timeout", "30"]
    done = subprocess.run(
        [program, "run", address, "--checks", "not_a_server_error", *limits, *headers],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode == 0:
        return [Verdict("schemathesis", "played")]
    return [Verdict("schemathesis", "server error", done.stdout[-2000:] + done.stderr[-500:])]
