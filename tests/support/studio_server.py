"""A studio in a process of its own, on a free port, with the voice of sines among the voices.

Run as a script it is the command line itself, so that workers, which import their parent's main module,
know the family of sines too.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from command_line import put_voice

from violute.families.table import FAMILIES, Family
from violute.studio.work.worker import PREFETCHES

if TYPE_CHECKING:  # the workers import this file too
    import httpx

FAMILIES["sines"] = Family("fake_voice:SineVoice")

PREFIX = "violute-studio-"
T = TypeVar("T")


class StudioServer:
    """`violute studio --no-browser`, ready to be asked; a context manager.

    Args:
        folder: To run in, with `voices/sines.onnx`; its temporary files go to `folder/temporary`.
        arguments: More of the command line.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        if not (folder / "voices").exists():
            put_voice(folder)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__, "studio", "--no-browser", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            start_new_session=True,  # so that a test's Ctrl-C reaches the studio and its workers alone
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._seen: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self._address()
        """As printed, with a token if there is one."""
        self.url, _, self.token = self.address.partition("/?token=")
        self.port = int(self.url.rpartition(":")[2])

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that shows the token, as a script does."""
        import httpx

        bearer = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(
            **{"base_url": self.url, "timeout": 60, "headers": bearer, "verify": False} | options
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGINT, *, whole_terminal: bool = True) -> int:
        """Send a signal, as Ctrl-C does to every process of the terminal, and return the exit code."""
        if self.process.poll() is None:
            (os.killpg if whole_terminal else os.kill)(self.process.pid, number)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        self._reader.join(5)
        self.process.stdout.close()
        return code

    def said(self) -> str:
        """Return everything that was printed so far, address included."""
        while not self._lines.empty():
            self._seen.append(self._lines.get() or "")
        return "".join(self._seen)

    def stored(self) -> list[str]:
        """List what lies in the folder for temporary files, but for the locks and what nobody asked for."""
        walked = os.walk(self.temporary)  # not rglob(), which minds that folders go meanwhile
        paths = (Path(folder, name) for folder, _, names in walked for name in names if name != "in-use")
        return sorted(str(path.relative_to(self.temporary)) for path in paths if PREFETCHES not in str(path))

    def stored_bytes(self) -> int:
        """Return the size of all that lies there."""
        walked = os.walk(self.temporary)
        return sum(size_of(Path(folder, name)) for folder, _, names in walked for name in names)

    def workers(self) -> list[int]:
        """Return the ids of the server's processes that do not only track resources."""
        return [pid for pid in _children(self.process.pid) if b"spawn_main" in _command_of(pid)]

    def memory_bytes(self) -> int:
        """Return the resident memory of the server and its workers."""
        return sum(_resident(pid) for pid in (self.process.pid, *self.workers()))

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _address(self) -> str:
        while True:
            line = self._lines.get(timeout=60)
            if line is None:
                raise RuntimeError(f"the studio did not start: {''.join(self._seen)}")
            self._seen.append(line)
            if found := re.search(r"https?://\S+", line):
                return found[0]


def wait_until(happened: Callable[[], T], seconds: float = 60.0) -> T:
    """Return the first true value of a function, asked again and again."""
    deadline = time.monotonic() + seconds
    while not (value := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


def settled(client: httpx.Client, take: dict[str, Any]) -> dict[str, Any]:
    """Follow a take's events to its end, check that they go forward, and return the last state."""
    states = []
    with client.stream("GET", f"/takes/{take['id']}/events", timeout=60) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        states = [json.loads(line[5:]) for line in events.iter_lines() if line.startswith("data:")]
    shares = [state["progress"] for state in states]
    assert shares == sorted(shares)
    return states[-1]


def size_of(path: Path) -> int:
    """Return a file's size; 0 if it is none or has just gone."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


if __name__ == "__main__":
    from violute.cli.main import main

    main()
