"""Notes of held-out flute phrases, now and at another revision; a section of `bench/PITCH.md`.

    python bench/pitch_pieces.py --data FOLDER --select bench/held_out_pieces.txt [--before 348b7f0]

Nobody wrote down what sounds in each frame of these phrases, and other trackers agree on wrong octaves where
a hard attack sounds below its note. But each detached phrase is there legato too, which pYIN hears without
trouble: its notes are what should be heard. Counted are notes to be put in, taken out or exchanged to come
from the one sequence to the other; what goes on after the legato phrase has ended does not count.
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
from jaxtyping import Float, Float32
from other_revision import source_of
from pitch_bench import trackers
from pitch_speed import BEFORE
from results_page import write_section

from violute.analysis.analyser import analyse
from violute.analysis.conditioning import hz_to_midi
from violute.analysis.pitch_range import HIGH
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.rates import HOP_LENGTH, SAMPLE_RATE

LEGATO = ("legato", "nonlegato", "tenuto", "tongued-slur")
"""Articulations, in the names of files, whose notes are heard without trouble."""

PEERS = ("swift-f0", "pYIN", "WORLD Harvest")
LOUD_DB = 30.0
SHORTEST_FRAMES = 5

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
    parser.add_argument("--data", type=Path, required=True, help="folder with flute/")
    parser.add_argument("--select", type=Path, required=True, help="patterns of the pieces, one a line")
    parser.add_argument("--before", default=BEFORE, help="revision to compare with")
    given = parser.parse_args()
    clips = find_clips(given.data, ("flute",), select=read_patterns(given.select))
    phrases = {tuple(clip.name.split("flute_")[-1].split("_phrase_mezzo-forte_")): clip for clip in clips}
    legato = {key[0]: clip.read(SAMPLE_RATE) for key, clip in phrases.items() if key[-1] in LEGATO}
    detached = {
        "_".join(key): clip.read(SAMPLE_RATE)
        for key, clip in phrases.items()
        if key[0] in legato and key[-1] not in LEGATO
    }
    with tempfile.TemporaryDirectory() as folder, source_of(given.before) as before:
        np.savez(Path(folder) / "sounds.npz", **detached)  # type: ignore[arg-type]  # stubs: its own options
        ours = [_tracked(Path(folder), source) for source in (before, ROOT / "src")]
    lines = [
        "# Held-out phrases",
        "",
        "Written by `bench/pitch_pieces.py`, whose head says what counts: notes that are wrong.",
        "",
        f"| phrase | notes | {given.before} | now | {' | '.join(PEERS)} |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, audio in detached.items():
        first = name.split("_")[0]
        wanted = _notes(_by_peer("pYIN", legato[first]), legato[first])
        heard = [track[name] for track in ours] + [_by_peer(peer, audio) for peer in PEERS]
        wrong = [str(_apart(_notes(f0_hz, audio), wanted)) for f0_hz in heard]
        lines.append(f"| {name.replace('_', ', ')} | {len(wanted)} | {' | '.join(wrong)} |")
    lines += ["", *environment_lines(["numpy", "swift-f0", "librosa", "pyworld"])]
    write_section(ROOT / "bench" / "PITCH.md", "\n".join(lines))
    print("\n".join(lines))


def _by_peer(name: str, audio: Float32[np.ndarray, " sample"]) -> Float[np.ndarray, " frame"]:
    """Return what another tracker hears, in the frames of ours."""
    at, f0_hz = trackers()[name](audio, HIGH)
    seconds = np.arange(len(audio) // HOP_LENGTH + 1) * HOP_LENGTH / SAMPLE_RATE
    nearest = np.abs(np.asarray(at)[:, None] - seconds).argmin(axis=0)
    return np.nan_to_num(np.asarray(f0_hz, np.float64)[nearest])


def _tracked(folder: Path, source: Path) -> dict[str, np.ndarray]:
    """Let a revision of the library track all sounds."""
    command = [sys.executable, "-c", WORKER, str(folder / "sounds.npz"), str(folder / "tracks.npz")]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(source)}, check=True)
    return dict(np.load(folder / "tracks.npz"))


def _notes(f0_hz: Float[np.ndarray, " frame"], audio: Float32[np.ndarray, " sample"]) -> list[int]:
    """Return the notes that last, one after the other, by their numbers in MIDI; repeated ones once."""
    loudness_db = analyse(audio).loudness_db[0]
    midi = np.rint(hz_to_midi(np.maximum(f0_hz[: len(loudness_db)], 1.0))).astype(int)
    midi[loudness_db[: len(midi)] < loudness_db.max() - LOUD_DB] = 0
    edges = np.flatnonzero(np.diff(midi)) + 1
    notes: list[int] = []
    for run in np.split(midi, edges):
        if len(run) >= SHORTEST_FRAMES and run[0] > 0 and (not notes or notes[-1] != run[0]):
            notes.append(int(run[0]))
    return notes


def _apart(heard: list[int], wanted: list[int]) -> int:
    """Edit distance from a beginning of what was heard, whichever is nearest, to what was wanted."""
    before = list(range(len(heard) + 1))
    for i, note in enumerate(wanted, start=1):
        here = [i]
        for j, other in enumerate(heard, start=1):
            here.append(min(before[j] + 1, here[j - 1] + 1, before[j - 1] + (note != other)))
        before = here
    return min(before)


if __name__ == "__main__":
    main()
