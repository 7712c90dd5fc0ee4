"""Pitch on held-out pieces, now and at another revision; a section of `bench/PITCH.md`.

    python bench/pitch_pieces.py --data FOLDER --select bench/held_out_pieces.txt [--before 348b7f0]

Nobody wrote down what sounds in each frame of these recordings. For right counts what two of three other
trackers, swift-f0, pYIN and Harvest, say within 50 cents of each other, where the piece is within 30 dB of
its loudest; other frames count for nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
from environment import ROOT, environment_lines
from jaxtyping import Float, Float32
from other_revision import source_of
from pitch_bench import OCTAVE_CENTS, RIGHT_CENTS, trackers
from pitch_speed import BEFORE
from results_page import write_section

from violute.analysis.analyser import analyse
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.rates import HOP_LENGTH, SAMPLE_RATE

PEERS = ("swift-f0", "pYIN", "WORLD Harvest")
LOUD_DB = 30.0

WORKER = """
import sys
import numpy as np
from violute.analysis.analyser import analyse
given = np.load(sys.argv[1])
np.savez(sys.argv[2], **{name: analyse(given[name]).f0_hz[0] for name in given})
"""


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with flute/ and violin/")
    parser.add_argument("--select", type=Path, required=True, help="patterns of the pieces, one a line")
    parser.add_argument("--before", default=BEFORE, help="revision to compare with")
    given = parser.parse_args()
    clips = find_clips(given.data, ("flute", "violin"), select=read_patterns(given.select))
    sounds = {clip.name: clip.read(SAMPLE_RATE) for clip in clips}
    agreed = {name: _agreed(audio) for name, audio in sounds.items()}
    with tempfile.TemporaryDirectory() as folder, source_of(given.before) as before:
        np.savez(Path(folder) / "sounds.npz", **sounds)  # type: ignore[arg-type]  # stubs: its own options
        tracks = [_tracked(Path(folder), source) for source in (before, ROOT / "src")]
    lines = [
        "# Held-out pieces",
        "",
        "Written by `bench/pitch_pieces.py`, whose head says what counts.",
        "",
        "| instrument | frames | tracker | within 50 cents | octave errors |",
        "|---|---|---|---|---|",
    ]
    for instrument in ("flute", "violin"):
        names = [clip.name for clip in clips if clip.instrument == instrument]
        for title, track in zip((given.before, "now"), tracks, strict=True):
            cents = np.concatenate([_cents(track[name], agreed[name]) for name in names])
            octaves = np.rint(cents / 1200.0)
            is_octave = (octaves != 0) & (np.abs(cents - 1200.0 * octaves) < OCTAVE_CENTS)
            shares = f"{np.mean(np.abs(cents) < RIGHT_CENTS):.4f} | {np.mean(is_octave):.4f}"
            lines.append(f"| {instrument} | {len(cents)} | {title} | {shares} |")
    lines += ["", *environment_lines(["numpy", "swift-f0", "librosa", "pyworld"])]
    write_section(ROOT / "bench" / "PITCH.md", "\n".join(lines))
    print("\n".join(lines))


def _agreed(audio: Float32[np.ndarray, " sample"]) -> Float[np.ndarray, " frame"]:
    """Return what two of the peers agree on, frame by frame in Hz; 0 where they do not or it is soft."""
    loudness_db = analyse(audio).loudness_db[0]
    seconds = np.arange(len(loudness_db)) * HOP_LENGTH / SAMPLE_RATE
    heard = []
    for name in PEERS:
        at, f0_hz = trackers()[name](audio)
        nearest = np.abs(np.asarray(at)[:, None] - seconds).argmin(axis=0)
        heard.append(np.nan_to_num(np.asarray(f0_hz, np.float64)[nearest]))
    found = np.zeros(len(seconds))
    for first, second in combinations(heard, 2):
        is_both = (first > 0.0) & (second > 0.0)
        apart = 1200.0 * np.abs(np.log2(np.where(is_both, first, 1.0) / np.where(is_both, second, 1.0)))
        found = np.where((found == 0.0) & is_both & (apart < RIGHT_CENTS), np.sqrt(first * second), found)
    return np.where(loudness_db > loudness_db.max() - LOUD_DB, found, 0.0)


def _tracked(folder: Path, source: Path) -> dict[str, np.ndarray]:
    """Let a revision of the library track all sounds."""
    command = [sys.executable, "-c", WORKER, str(folder / "sounds.npz"), str(folder / "tracks.npz")]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(source)}, check=True)
    return dict(np.load(folder / "tracks.npz"))


def _cents(
    f0_hz: Float[np.ndarray, " frame"], agreed_hz: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, " counted"]:
    is_counted = agreed_hz > 0.0
    return 1200.0 * np.log2(np.maximum(f0_hz[is_counted], 1.0) / agreed_hz[is_counted])


if __name__ == "__main__":
    main()
