"""Measure our pitch tracker beside swift-f0, pYIN and WORLD's Harvest; write `bench/PITCH.md`.

    python bench/pitch_bench.py --data FOLDER [--every 4]

A frame counts where it is steady: its A-weighted loudness lies within 20 dB of the note's peak, and it is
none of the first and last 60 ms. Orchestras do not tune to 440 Hz, so each tracker may tune itself: the
median of its deviations below 160 cents is taken off, note by note. A frame without an answer counts as
wrong, so every tracker is asked for its best guess, however sure it is; Harvest has none where it hears no
voice.

Clarinet and cello are heard in the low range of the analysis, flute and violin in the high one, and by ours
in the low one too, as a voice of low instruments hears them.

Below that stands what becomes of the made sequences of `bench/pitch_sequences.py`: a change of a trill is
kept if both its notes are there in a voiced frame of their middle half; elsewhere a note is right if three
quarters of its inner frames are voiced and within 50 cents.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import librosa
import numpy as np
import world
from environment import ROOT, environment_lines
from jaxtyping import Float, Float32
from labelled_notes import INSTRUMENTS, MISNAMED, RANGES, Note, labelled_notes
from pitch_sequences import sequence_tables
from results_page import write_section
from swift_f0 import SwiftF0

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import HIGH, LOW, PitchRange
from violute.rates import HOP_LENGTH, SAMPLE_RATE

STEADY_DB = 20.0
EDGE_FRAMES = 6
TUNING_CENTS = 160.0
RIGHT_CENTS = 50.0
OCTAVE_CENTS = 100.0
HIGH_HZ = 2000.0
LOW_HZ = 190.0
CHOSEN_ON = (
    "The constants of `analysis/pitch.py`, `pitch_range.py` and `octave_repair.py` were chosen on these",
    "notes and on the seeded sequences below, so these figures are not blind. A staccato F4 of the flute's",
    "phrases led to one condition more. The sequences are heard as `violute convert` hears them, with",
    "`--lines auto`.",
)

LOW_NAME = "Violute, low range"

Tracker = Callable[[Float32[np.ndarray, " sample"], PitchRange], tuple[np.ndarray, np.ndarray]]
"""Takes mono sound at `SAMPLE_RATE` and where to seek, gives moments in seconds and pitches in Hz."""


@dataclass
class Tally:
    """What one tracker did with one instrument."""

    cents: list[Float[np.ndarray, " frame"]] = field(default_factory=list)
    true_hz: list[Float[np.ndarray, " frame"]] = field(default_factory=list)
    seconds: float = 0.0
    wall: float = 0.0
    processor: float = 0.0


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with flute/, violin/ and so on")
    parser.add_argument("--every", type=int, default=1, help="take one note in so many")
    parser.add_argument("--only", nargs="+", choices=tuple(trackers()), help="trackers; default: all")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "PITCH.md")
    options = parser.parse_args()
    chosen = {name: track for name, track in trackers().items() if name in (options.only or trackers())}
    tallies = {(name, instrument): Tally() for instrument in INSTRUMENTS for name in chosen}
    n_notes = dict.fromkeys(INSTRUMENTS, 0)
    for track in chosen.values():
        track(np.sin(np.arange(SAMPLE_RATE, dtype=np.float32) / 16.0), LOW)
    for instrument, pitch_range in RANGES.items():
        for note in labelled_notes(options.data, instrument, SAMPLE_RATE, every=options.every):
            steady = _steady_seconds(note, pitch_range)
            n_notes[instrument] += 1
            for name, track in chosen.items():
                heard = LOW if name == LOW_NAME else pitch_range
                if name != LOW_NAME or pitch_range == HIGH:
                    _add(tallies[name, instrument], note, steady, track, heard)
    page = _page(tallies, n_notes)
    write_section(options.out, page)
    print(page)


def trackers() -> dict[str, Tracker]:
    """Return ours and its peers, by name."""
    swift = SwiftF0()

    def ours(audio: Float32[np.ndarray, " sample"], pitch_range: PitchRange) -> tuple[np.ndarray, np.ndarray]:
        f0_hz = analyse(audio, pitch_range=pitch_range).f0_hz[0]
        return np.arange(len(f0_hz)) * (HOP_LENGTH / SAMPLE_RATE), f0_hz

    def swift_f0(
        audio: Float32[np.ndarray, " sample"],
        pitch_range: PitchRange,  # noqa: ARG001 - it has one range
    ) -> tuple[np.ndarray, np.ndarray]:
        found = swift.detect(audio, SAMPLE_RATE)
        return found.timestamps, found.pitch_hz

    def pyin(audio: Float32[np.ndarray, " sample"], pitch_range: PitchRange) -> tuple[np.ndarray, np.ndarray]:
        with warnings.catch_warnings():
            # Silence at the edges of a note has no periods to find.
            warnings.simplefilter("ignore", RuntimeWarning)
            f0_hz, _, _ = librosa.pyin(
                audio,
                sr=SAMPLE_RATE,
                fmin=pitch_range.lowest_hz,
                fmax=pitch_range.highest_hz,
                frame_length=pitch_range.windows[-1].n_fft,
                hop_length=HOP_LENGTH,
                fill_na=None,
            )
        return np.arange(len(f0_hz)) * (HOP_LENGTH / SAMPLE_RATE), f0_hz

    def harvest(
        audio: Float32[np.ndarray, " sample"], pitch_range: PitchRange
    ) -> tuple[np.ndarray, np.ndarray]:
        f0_hz, seconds = world.harvest(audio, SAMPLE_RATE, pitch_range)
        return seconds, f0_hz

    return {"Violute": ours, LOW_NAME: ours, "swift-f0": swift_f0, "pYIN": pyin, "WORLD Harvest": harvest}


def _steady_seconds(note: Note, pitch_range: PitchRange) -> Float[np.ndarray, " frame"]:
    """Moments of a note that count, the same for every tracker."""
    loudness_db = analyse(note.audio, pitch_range=pitch_range).loudness_db[0]
    is_steady = loudness_db > loudness_db.max() - STEADY_DB
    sounding = np.flatnonzero(is_steady)
    is_steady[: sounding[0] + EDGE_FRAMES] = False
    is_steady[sounding[-1] + 1 - EDGE_FRAMES :] = False
    return np.flatnonzero(is_steady) * (HOP_LENGTH / SAMPLE_RATE)


def _add(
    tally: Tally,
    note: Note,
    steady_seconds: Float[np.ndarray, " frame"],
    track: Tracker,
    pitch_range: PitchRange,
) -> None:
    started, used = time.perf_counter(), time.process_time()
    seconds, f0_hz = track(note.audio, pitch_range)
    tally.wall += time.perf_counter() - started
    tally.processor += time.process_time() - used
    tally.seconds += note.seconds
    if len(steady_seconds) == 0:
        return
    nearest = np.abs(np.asarray(seconds)[:, None] - steady_seconds).argmin(axis=0)
    heard_hz = np.nan_to_num(np.asarray(f0_hz, np.float64)[nearest])
    cents = 1200.0 * np.log2(np.maximum(heard_hz, 1.0) / note.true_hz)
    near = cents[np.abs(cents) < TUNING_CENTS]
    tally.cents.append(cents - (np.median(near) if len(near) else 0.0))
    tally.true_hz.append(np.full(len(cents), note.true_hz))


def _page(tallies: dict[tuple[str, str], Tally], n_notes: dict[str, int]) -> str:
    played = ", ".join(f"{n} of the {instrument}" for instrument, n in n_notes.items())
    left_out = ", ".join(f"`{name}`" for name in MISNAMED)
    titles = (
        "instrument",
        "tracker",
        "within 50 cents",
        "octave errors",
        "above 2 kHz: within 50 cents",
        "octave errors",
        "below 190 Hz: within 50 cents",
        "octave errors",
        "median deviation",
        "times real time",
        "per core",
    )
    lines = [
        "# Pitch on labelled notes",
        "",
        "Written by `bench/pitch_bench.py`, whose head says what counts.",
        f"Notes of the Philharmonia Orchestra: {played}.",
        f"Left out, for they sound otherwise than they are named: {left_out}.",
        "",
        *CHOSEN_ON,
        "",
        f"| {' | '.join(titles)} |",
        "|---" * len(titles) + "|",
    ]
    for (name, instrument), tally in tallies.items():
        if not tally.cents:
            continue
        cents, true_hz = np.concatenate(tally.cents), np.concatenate(tally.true_hz)
        cells = [
            instrument,
            name,
            *_shares(cents),
            *_shares(cents[true_hz > HIGH_HZ]),
            *_shares(cents[true_hz < LOW_HZ]),
            f"{np.median(np.abs(cents)):.1f} cents",
            f"{tally.seconds / tally.wall:.0f}x",
            f"{tally.seconds / tally.processor:.0f}x",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    packages = ["numpy", "swift-f0", "librosa", "pyworld"]
    return "\n".join([*lines, *sequence_tables(), "", *environment_lines(packages), ""])


def _shares(cents: Float[np.ndarray, " frame"]) -> tuple[str, str]:
    """Shares of frames that are right and that are whole octaves off."""
    if len(cents) == 0:
        return "-", "-"
    octaves = np.rint(cents / 1200.0)
    is_octave = (octaves != 0) & (np.abs(cents - 1200.0 * octaves) < OCTAVE_CENTS)
    return f"{np.mean(np.abs(cents) < RIGHT_CENTS):.3f}", f"{100.0 * np.mean(is_octave):.1f} %"


if __name__ == "__main__":
    main()
