"""Load a studio with more than it takes, look whether it stays up, and write `bench/STUDIO.md`.

    python bench/studio_load.py [--uploads 200]

Three measurements of a real server, `violute studio` in a process of its own, with the built-in voice:

- a flood: uploads of good, bad and hostile files from eight senders at once, a fifth of them cancelled,
  beside connections that break off; the page's own small requests are timed meanwhile, memory and disk
  are watched;
- eight sessions at once, each with a recording of its own: sent, listened to, rendered three times;
- one session alone: from sending a clip of 30 seconds to what the page needs to play it.
"""

import argparse
import io
import itertools
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import soundfile
from environment import ROOT, environment_lines

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a server and hostile files already

from hostile_files import HOSTILE, NAMES
from studio_server import StudioServer, settled, wait_until

from violute.examples import example_paths

REPORT = ROOT / "bench" / "STUDIO.md"
N_SESSIONS = 8
CLIP_SECONDS = 30
MAX_DISK_MEGABYTES = 200
EVERY_SECONDS = 0.1


@dataclass
class Watch:
    """What a watcher saw: waits for small requests in seconds, most memory and disk in bytes."""

    waits: list[float] = field(default_factory=list)
    memory: int = 0
    disk: int = 0

    def row(self, name: str) -> str:
        """Write it as a row of the table."""
        waits_ms = sorted(1e3 * wait for wait in self.waits)
        late = waits_ms[int(0.99 * (len(waits_ms) - 1))]
        return (
            f"| {name} | {len(waits_ms)} | {statistics.median(waits_ms):.0f} | {late:.0f} "
            f"| {waits_ms[-1]:.0f} | {self.memory / 1e6:.0f} | {self.disk / 1e6:.0f} |"
        )


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=200)
    n_uploads = parser.parse_args().uploads
    with tempfile.TemporaryDirectory() as name:
        with StudioServer(Path(name), "--max-disk-megabytes", str(MAX_DISK_MEGABYTES)) as server:
            with server.client(timeout=300) as client:
                alone = [one_session(client, number) for number in range(5)]
                with watched(server, client) as quiet:
                    time.sleep(3.0)
                with watched(server, client) as flooded:
                    statuses, left = flood(server, client, n_uploads)
                with watched(server, client) as busy:
                    sessions = together(client)
            processes = server.workers()
        complaint = "Traceback" in server.said()
        files = [path for path in server.temporary.rglob("*") if path.is_file()]
    slow, all_at_once = (
        f"median {statistics.median(waits):.2f}, slowest {max(waits):.2f}" for waits in (alone, sessions)
    )
    answers = ", ".join(f"{count} times {status}" for status, count in sorted(statuses.items()))
    lines = [
        "# The studio's server under load",
        "",
        *environment_lines(["numpy", "onnxruntime", "fastapi", "uvicorn"]),
        "",
        f"{n_uploads} uploads from {N_SESSIONS} senders at once (good, bad and hostile files under hostile",
        f"names, a fifth cancelled), beside {3 * len(BROKEN)} connections that break off; then {N_SESSIONS}",
        "sessions at once. Meanwhile a small request of the page every tenth of a second: milliseconds until",
        f"its answer. Memory is that of the server and its {len(processes)} workers, disk that of all",
        f"recordings (the limit was {MAX_DISK_MEGABYTES} MB).",
        "",
        "| | requests | median ms | 99 % ms | slowest ms | most memory MB | most disk MB |",
        "|---|---|---|---|---|---|---|",
        quiet.row("nothing else"),
        flooded.row("flood"),
        busy.row(f"{N_SESSIONS} sessions"),
        "",
        f"Answers to the uploads: {answers} (202 taken; 4xx and 5xx refused with a sentence).",
        f"Recordings left of the flood: {left}. Files left when the server had ended: {len(files)}.",
        f"Tracebacks: {'yes' if complaint else 'none'}.",
        "",
        f"A clip of {CLIP_SECONDS} s, sent by one session alone, until source and live parameters were",
        f"fetched, in seconds: {slow}. The same in {N_SESSIONS} sessions at once, three",
        f"renderings each included: {all_at_once}.",
        "",
    ]
    REPORT.write_text("\n".join(lines))
    print("\n".join(lines))


def clip(number: int) -> bytes:
    """A recording of 30 seconds, another one for each number."""
    audio, sample_rate = soundfile.read(example_paths()["violin"], dtype="float32")
    audio = np.roll(np.tile(audio, 3)[: CLIP_SECONDS * sample_rate], 1_000 * number)
    content = io.BytesIO()
    soundfile.write(content, audio, sample_rate, format="WAV")
    return content.getvalue()


def one_session(client: httpx.Client, number: int, *, renderings: int = 0) -> float:
    """Send a clip and fetch what the page needs; return the seconds that took."""
    content = clip(number)
    started = time.perf_counter()
    state = settled(client, client.post("/takes", files={"file": ("clip.wav", content)}).json())
    assert state["status"] == "ready", state
    at = f"/takes/{state['id']}"
    for part in ("source", "parameters"):
        assert client.get(f"{at}/{part}").status_code == 200
    for mix in range(renderings):
        assert client.get(f"{at}/render", params={"mix": mix / 2}).status_code == 200
    seconds = time.perf_counter() - started
    client.delete(at)
    return seconds


def together(client: httpx.Client) -> list[float]:
    """Run the sessions at once and return how long each took."""
    with ThreadPoolExecutor(N_SESSIONS) as threads:
        return list(threads.map(lambda number: one_session(client, number, renderings=3), range(N_SESSIONS)))


def flood(server: StudioServer, client: httpx.Client, n_uploads: int) -> tuple[Counter[int], int]:
    """Send everything at once; return the answers and how many recordings stayed that nobody wanted."""
    kinds = [("good.wav", clip(0)), *((name, content) for name, (content, _) in HOSTILE.items())]
    before = len(server.stored())

    def upload(number: int) -> int:
        _, content = kinds[number % len(kinds)]
        answer = client.post("/takes", files={"file": (NAMES[number % len(NAMES)] or "nameless", content)})
        if answer.status_code == 202:
            at = f"/takes/{answer.json()['id']}"
            if number % 5:
                settled(client, answer.json())
            client.delete(at)
        return answer.status_code

    with ThreadPoolExecutor(N_SESSIONS + 1) as threads:
        broken = threads.submit(break_off, server)
        statuses = Counter(threads.map(upload, range(n_uploads)))
        broken.result()
    wait_until(lambda: len(server.stored()) <= before, 60)
    return statuses, len(server.stored()) - before


BROKEN = (
    b"",
    b"GET / HT",
    b"POST /takes HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    b"Content-Length: 400000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; "
    b'name="file"; filename="a"\r\n\r\n' + b"\0" * 9_000,
    b"\x16\x03\x01\x02\0" + b"\0" * 300,
)


def break_off(server: StudioServer) -> None:
    """Open connections, begin to speak, close one half of some, and leave."""
    sockets = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(3 * len(BROKEN))]
    for number, (raw, beginning) in enumerate(zip(sockets, itertools.cycle(BROKEN), strict=False)):
        raw.sendall(
            beginning.replace(b"{port}", str(server.port).encode()).replace(b"{token}", server.token.encode())
        )
        if number % 2:
            raw.shutdown(socket.SHUT_WR)
    time.sleep(2.0)
    for raw in sockets:
        raw.close()


@contextmanager
def watched(server: StudioServer, client: httpx.Client) -> Iterator[Watch]:
    """Time small requests, and look at memory and disk, while the block runs."""
    seen, is_over = Watch(), threading.Event()

    def look() -> None:
        while not is_over.is_set():
            started = time.perf_counter()
            assert client.get("/limits").status_code == 200
            seen.waits.append(time.perf_counter() - started)
            seen.memory = max(seen.memory, server.memory_bytes())
            seen.disk = max(seen.disk, server.stored_bytes())
            time.sleep(EVERY_SECONDS)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


if __name__ == "__main__":
    main()
