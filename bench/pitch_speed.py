"""Processor time of the analysis against that of another revision, by turns; a section of `bench/PITCH.md`.

    python bench/pitch_speed.py [--before 348b7f0] [--repeats 21]

Two processes, one of each revision, analyse the example pieces one after the other, so that what else the
machine does meets both alike. What counts is the median of the ratios of neighbouring turns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from environment import ROOT, environment_lines
from other_revision import source_of
from results_page import write_section

from violute.audio.read import read
from violute.audio.resample import resample
from violute.examples import example_paths
from violute.rates import SAMPLE_RATE

BEFORE = "348b7f0"
"""Before short octaves, trills and undertones were looked after."""

WORKER = """
import sys, time
import numpy as np
from violute.analysis.analyser import analyse
audio = np.load(sys.argv[1])
for line in sys.stdin:
    began = time.process_time()
    analyse(audio)
    print(time.process_time() - began, flush=True)
"""


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--before", default=BEFORE, help="revision to compare with")
    parser.add_argument("--repeats", type=int, default=21)
    given = parser.parse_args()
    pieces = []
    for path in example_paths().values():
        audio, sample_rate = read(path)
        pieces.append(resample(np.atleast_2d(audio).mean(axis=0), sample_rate, SAMPLE_RATE))
    sound = np.concatenate(pieces)
    with tempfile.TemporaryDirectory() as folder, source_of(given.before) as past:
        piece = Path(folder) / "pieces.npy"
        np.save(piece, sound)
        workers = [_start(source, piece) for source in (past, ROOT / "src")]
        seconds = np.array([[_turn(worker) for worker in workers] for _ in range(given.repeats + 1)])[1:]
        for worker in workers:
            worker.communicate()
    low, ratio, high = np.percentile(seconds[:, 1] / seconds[:, 0], [25, 50, 75])
    before, now = np.median(seconds, axis=0)
    found = (
        f"Processor time now over that of revision {given.before}: {ratio:.3f} (quartiles {low:.3f} and "
        f"{high:.3f} of {given.repeats} turns; {now:.3f} against {before:.3f} s for "
        f"{len(sound) / SAMPLE_RATE:.0f} s of sound)."
    )
    lines = ["# Speed of the analysis", "", found, "", *environment_lines(["numpy"])]
    write_section(ROOT / "bench" / "PITCH.md", "\n".join(lines))
    print(found)


def _start(source: Path, piece: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(piece)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"},
    )


def _turn(worker: subprocess.Popen[str]) -> float:
    """Let a process analyse the piece once; return its processor time in seconds."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


if __name__ == "__main__":
    main()
