"""Small jobs in a process that is watched: crashes, hangs, memory, tracebacks, what it leaves behind."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from violute.errors import VioluteError

HANG_SECONDS = 10.0
MOST_BYTES = 1 << 30
_UNIT = 1 if sys.platform == "darwin" else 1024

Act = Callable[[Path, Path], str]
"""Takes the damaged file and an empty folder of its own; returns "played", or raises what Violute raises."""


@dataclass(frozen=True)
class Verdict:
    """What became of one damaged file.

    Attributes:
        name: Of the file, with its number.
        outcome: "played", "refused" (one line that says what to do), or a finding: "crash", "hang", "memory",
            "traceback", "noise" (text of a library on standard error) or "rest" (a partial output).
        detail: The line, or the traceback.
    """

    name: str
    outcome: str
    detail: str = ""

    @property
    def is_finding(self) -> bool:
        """Whether something has to be mended."""
        return self.outcome not in ("played", "refused", "left out")


def examine(act: Act, files: Sequence[Path], *, n_processes: int = 2) -> list[Verdict]:
    """Let `act` have each file, in processes that are started anew where one dies."""
    shares = [files[i::n_processes] for i in range(n_processes)]
    with ThreadPoolExecutor(n_processes) as pool:
        return [verdict for share in pool.map(lambda share: _watch(act, share), shares) for verdict in share]


def _watch(act: Act, files: Sequence[Path]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    process: Any = None
    ours: Any = None
    for path in files:
        if process is None or not process.is_alive():
            ours, theirs = get_context("spawn").Pipe()
            process = get_context("spawn").Process(target=_work, args=(act, theirs), daemon=True)
            process.start()
            theirs.close()
            ours.recv()  # it has imported everything
        ours.send(str(path))
        try:
            if ours.poll(HANG_SECONDS):
                verdicts.append(Verdict(path.name, *ours.recv()))
                if verdicts[-1].outcome == "memory":  # it ends by itself
                    process.join()
                continue
            verdicts.append(Verdict(path.name, "hang", f"longer than {HANG_SECONDS:g} s"))
        except (EOFError, ConnectionError):
            process.join(5.0)
            verdicts.append(Verdict(path.name, "crash", f"exit code {process.exitcode}"))
        process.kill()
        process.join()
        process = None
    if process is not None:
        process.kill()
    return verdicts


def _work(act: Act, pipe: Connection) -> None:
    noise = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
    os.dup2(noise.fileno(), 2)
    pipe.send("ready")
    while True:
        path = Path(pipe.recv())
        noise.seek(0)
        noise.truncate()
        with tempfile.TemporaryDirectory() as folder:
            outcome, detail = _tried(act, path, Path(folder))
            rest = sorted(p.name for p in Path(folder).rglob("*"))
        if outcome == "refused" and rest:
            outcome, detail = "rest", f"{detail}; left {rest}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
        noise.seek(0)
        heard = noise.read().decode(errors="replace")
        if outcome in ("played", "refused") and heard:
            outcome, detail = "noise", heard[:500]
        if peak > MOST_BYTES:
            pipe.send(("memory", f"{peak / 1e6:.0f} MB"))
            return  # the peak never falls: the next file gets a process of its own
        pipe.send((outcome, detail))


def _tried(act: Act, path: Path, folder: Path) -> tuple[str, str]:
    try:
        return act(path, folder), ""
    except VioluteError as error:
        line = str(error)
        return ("refused", line) if "\n" not in line and line else ("traceback", f"not one line: {line!r}")
    except Exception:  # noqa: BLE001 - whatever is raised otherwise is what this looks for
        return "traceback", traceback.format_exc(limit=-4)
