"""Our mutator of recordings against atheris, for the same processor time; into `bench/SIEGE.md`.

    pip install atheris
    python bench/fuzzers.py [--minutes 10]

Both feed `violute.audio.read` in a process of their own, with the Python code of `violute.audio`
instrumented; atheris begins with the same whole recordings that ours damages. Counted are the edges that
libFuzzer sees.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sieges.mutation import damaged, recordings

FUZZERS = ("ours", "atheris")
MARK = "minute"


def main() -> int:
    """Let both run, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of processor time, each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--feed", choices=FUZZERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.feed:
        _feed(given.feed, given.minutes, given.seed)
    from siege import write_page  # here, since what it imports could not be instrumented any more

    rows = {fuzzer: _run(fuzzer, given.minutes, given.seed) for fuzzer in FUZZERS}
    write_page({"minutes": given.minutes, "seed": given.seed, "rows": rows}, key="fuzzers")
    print(rows)
    return 0


def _run(fuzzer: str, minutes: float, seed: int) -> dict[str, object]:
    """Run one of them; returns what it tried, and the edges and findings it had after each minute."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for name, content in recordings().items():
            (corpus / name).write_bytes(content)
        command = [sys.executable, __file__, "--feed", fuzzer, "--minutes", str(minutes), "--seed", str(seed)]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if MARK not in ended.stderr:
        raise SystemExit(
            f"{fuzzer} did not run: {(ended.stderr.strip() or 'it said nothing').splitlines()[-1]}"
        )
    edges, by_minute, tried = 0, [], "0"
    for line in ended.stderr.splitlines():
        if found := re.search(r" cov: (\d+)", line):
            edges = int(found[1])
        if line.startswith(MARK):
            tried = line.split()[-1]
            by_minute.append(edges)
    return {"tried": int(tried), "edges": by_minute, "found": ended.stderr.count("Uncaught Python exception")}


def _feed(fuzzer: str, minutes: float, seed: int) -> None:
    """Read one damaged recording after the other until the processor time is up; never returns."""
    import atheris

    with atheris.instrument_imports(include=["violute.audio"]):
        from violute.audio.read import read
    from violute.errors import VioluteError

    path = Path("damaged")
    whole = recordings()
    numbers = itertools.count(1)
    began, marks = _processor_seconds(), itertools.count(1)
    mark = next(marks)

    def one(content: bytes) -> None:
        nonlocal mark
        number = next(numbers)
        if _processor_seconds() - began > 60.0 * min(mark, minutes):
            sys.stderr.write(f"{MARK} {mark} {number}\n")
            sys.stderr.flush()
            if mark >= minutes:
                os._exit(0)
            mark = next(marks)
        if fuzzer == "ours":
            name = list(whole)[number % len(whole)]
            content = damaged(whole[name], np.random.default_rng([seed, number]), list(whole.values()))
        path.write_bytes(content)
        try:
            read(path)
        except VioluteError as error:
            if "\n" in str(error):
                raise AssertionError("not one line") from error

    warnings.simplefilter("ignore")
    options = ["corpus", f"-seed={seed}", "-rss_limit_mb=2048", "-timeout=10", "-max_len=100000"]
    atheris.Setup([sys.argv[0], *options], one)
    atheris.Fuzz()


def _processor_seconds() -> float:
    """Return what this process and the readers that it started have taken."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    sys.exit(main())
