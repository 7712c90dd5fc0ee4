"""How well notes survive, in chords and in one line: write `bench/chords.json` and `bench/CHORDS.md`.

    python bench/chords_bench.py --data DIR --judge judge/bin/python [--before SRC]

DIR has folders polyphonic, violin, flute and scores. Notes are heard by basic-pitch in an environment of its
own (`basic_pitch_notes.py` says how to make it) in the recording and in what the built-in voice makes of it,
and scored against the score, where there is one, and against the notes heard in the recording. Scores were
aligned to other copies of the recordings: a score is moved by the lag of the recording's notes. One-line
pieces must come out the same with `--lines auto` as with `--lines 1`, byte for byte. Speed is processor
time of one-line conversions, both ways and with the sources of `--before`, in turn.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import librosa
import numpy as np
import soundfile
from environment import ROOT, environment_lines

from violute.analysis.notes import Note
from violute.data.recordings import Recording, list_recordings, read_patterns, read_recording
from violute.evaluation.metrics.loudness import frame_loudness_db, loudness_l1_db
from violute.evaluation.metrics.notes import note_f1, note_rows
from violute.evaluation.metrics.onsets import WINDOW_SECONDS
from violute.evaluation.metrics.pitch import TOLERANCE_CENTS
from violute.examples import example_paths
from violute.voices.load import load_voice

RATE = 44_100
MIXES = (0.0, 0.5, 1.0)
LINE_COUNTS: tuple[Literal["1", "auto"], ...] = ("1", "auto")
LINES = ("john-garner_bwv1002_mov6", "john-garner_bwv1002_mov8", "minji-kim_bwv1003_mov4")


def main() -> None:
    """Measure and write both files."""
    options = _options()
    path = ROOT / "bench" / "chords.json"
    report: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if not options.skip_notes:
        pieces = [*list_recordings(options.data / "polyphonic")]
        pieces += [r for r in list_recordings(options.data / "violin") if r.name in LINES]
        pieces = [piece for piece in pieces if fnmatch(piece.name, options.pieces)]
        names = {piece.name for piece in pieces}
        kept = [row for row in report.get("notes", []) if row["piece"] not in names]
        report["notes"] = [row for piece in pieces for row in _note_rows(piece, options)] + kept
    if not options.skip_same:
        report["same"] = _same_rows(options.data)
    if not options.skip_speed:
        report["speed"] = _speed(options)
    report["environment"] = environment_lines(["numpy", "onnxruntime", "mir_eval"])
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (ROOT / "bench" / "CHORDS.md").write_text(_page(report), encoding="utf-8")
    print(_page(report))


def lag_seconds(reference: list[Note], estimate: list[Note], *, longest_seconds: float = 2.0) -> float:
    """Return how much later the estimate is as a whole, for scores aligned to another copy of a recording.

    It is the lag at which most notes of equal pitch begin together.

    Args:
        reference: Notes of the recording or score.
        estimate: Notes of the other.
        longest_seconds: Lags beyond this either way are not considered.

    Returns:
        Seconds, to be taken off the estimate; 0 where no pitch is on both sides.
    """
    (wanted, wanted_hz), (made, made_hz) = (note_rows(notes) for notes in (reference, estimate))
    same = np.abs(1200.0 * np.log2(made_hz[:, None] / wanted_hz[None])) <= TOLERANCE_CENTS
    lags = np.sort((made[:, 0][:, None] - wanted[:, 0][None])[same])
    lags = lags[np.abs(lags) <= longest_seconds]
    if lags.size == 0:
        return 0.0
    stops = np.searchsorted(lags, lags + WINDOW_SECONDS, side="right")
    first = int(np.argmax(stops - np.arange(len(lags))))
    return float(np.median(lags[first : stops[first]]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judge", type=Path, help="Python of the environment with basic-pitch")
    parser.add_argument("--before", type=Path, help="folder src of a checkout to compare the speed with")
    parser.add_argument("--repeats", type=int, default=5, help="of each conversion that is timed")
    parser.add_argument("--pieces", default="*", help="glob pattern: keep the notes of the others")
    parser.add_argument(
        "--skip-same", action="store_true", help="keep what came out the same in the last run"
    )
    parser.add_argument("--skip-notes", action="store_true", help="keep the notes of the last run")
    parser.add_argument("--skip-speed", action="store_true", help="keep the speed of the last run")
    return parser.parse_args()


def _note_rows(piece: Recording, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Convert a piece every way and score the notes that the judge hears."""
    print(piece.name, file=sys.stderr)
    voice = load_voice()
    audio = read_recording(piece, RATE, peak=0.9)
    source_db = frame_loudness_db(audio, RATE)
    rows: list[dict[str, Any]] = [{"piece": piece.name, "lines": "recording", "mix": None}]
    with tempfile.TemporaryDirectory() as folder:
        sounds = {Path(folder) / "0.wav": audio}
        for count in LINE_COUNTS:
            take = voice.analyse(audio, RATE, lines=count if count == "auto" else int(count))
            for mix in MIXES:
                output = take.render(mix)
                sounds[Path(folder) / f"{len(sounds)}.wav"] = output
                l1_db = loudness_l1_db(source_db, frame_loudness_db(output, RATE))
                rows.append(
                    {"piece": piece.name, "lines": count, "mix": mix, "loudness_l1_db": round(l1_db, 2)}
                )
        for path, sound in sounds.items():
            soundfile.write(path, sound, RATE, subtype="PCM_16")
        heard = _heard(options.judge, list(sounds))
    score = _score(options.data / "scores", piece.name)
    lag = lag_seconds(score, heard[0]) if score else 0.0
    moved = [Note(n.onset_seconds + lag, n.offset_seconds + lag, n.f0_hz) for n in score]
    for row, notes in zip(rows, heard, strict=True):
        row["n_notes"] = len(notes)
        row["f1_recording"] = round(note_f1(heard[0], notes), 4)
        if score:
            row["f1_score"] = round(note_f1(moved, notes), 4)
    return rows


def _heard(judge: Path, paths: list[Path]) -> list[list[Note]]:
    """Let basic-pitch hear files."""
    command = [str(judge), str(ROOT / "bench" / "basic_pitch_notes.py"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the judge failed: {done.stderr.strip().splitlines()[-1:]}")
    return [
        [Note(onset, offset, librosa.midi_to_hz(midi)) for onset, offset, midi in notes]
        for notes in json.loads(done.stdout)
    ]


def _score(folder: Path, name: str) -> list[Note]:
    """Read the notes of a score with the seconds to which they were aligned; none where there is no score."""
    path = folder / f"{name}_notes.csv"
    if not path.exists():
        return []
    with path.open() as notes, (folder / f"{name}_alignments.csv").open() as seconds:
        return [
            Note(float(at["start"]), float(at["end"]), float(librosa.midi_to_hz(float(note["pitch"]))))
            for note, at in zip(csv.DictReader(notes), csv.DictReader(seconds), strict=True)
            if float(at["end"]) > float(at["start"])
        ]


def _same_rows(data: Path) -> list[dict[str, Any]]:
    """Compare `auto` with one line on every held-out line, on the lines of training, and on the examples."""
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    held = [r for name in ("flute", "violin") for r in list_recordings(data / name, select=patterns)]
    trained = [r for name in ("flute", "violin") for r in list_recordings(data / name, hold_out=patterns)]
    groups = {
        "held-out lines": held,
        "lines of training, one in five": trained[::5],
        "example pieces": [Recording(path.stem, path) for path in example_paths().values()],
    }
    voice = load_voice()
    rows = []
    for name, recordings in groups.items():
        others = []
        for recording in recordings:
            audio = read_recording(recording, RATE)
            digests = set()
            for count in (1, "auto"):
                take = voice.analyse(audio, RATE, lines=count)
                digests.add(hashlib.sha256(take.render(0.5).tobytes()).hexdigest())
            if len(digests) > 1:
                others.append(recording.name)
        rows.append({"group": name, "n": len(recordings), "differ": others})
    return rows


def _speed(options: argparse.Namespace) -> dict[str, Any]:
    """Processor seconds of one-line conversions, the ways in turn; and of starting up."""
    kim = next(r for r in list_recordings(options.data / "violin") if r.name == LINES[2])
    inputs = {path.stem: path for path in example_paths().values()} | {kim.name: kim.path}
    ways: dict[str, tuple[Path, list[str]]] = {
        "--lines 1": (ROOT / "src", ["--lines", "1"]),
        "--lines auto": (ROOT / "src", []),
    }
    if options.before:
        ways["before"] = (options.before, [])
    seconds: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.repeats):
            for name, path in inputs.items():
                for way, (src, flags) in ways.items():
                    command = [
                        "violute",
                        "convert",
                        str(path),
                        f"{folder}/out.wav",
                        "--force",
                        "--quiet",
                        *flags,
                    ]
                    spent = _processor_seconds(src, command)
                    seconds.setdefault(name, {}).setdefault(way, []).append(spent)
            for way, (src, _) in ways.items():
                spent = _processor_seconds(src, None)
                seconds.setdefault("import violute", {}).setdefault(way, []).append(spent)
    return {
        name: {way: round(statistics.median(times), 3) for way, times in by_way.items()}
        for name, by_way in seconds.items()
    }


def _processor_seconds(src: Path, command: list[str] | None) -> float:
    """Run a command of a checkout in a process of its own; None only imports the package."""
    arguments = ["-c", "import violute"] if command is None else ["-m", *command]
    environment = os.environ | {"PYTHONPATH": str(src)}
    started = os.times()
    subprocess.run([sys.executable, *arguments], env=environment, check=True)
    ended = os.times()
    return ended.children_user + ended.children_system - started.children_user - started.children_system


def _page(report: dict[str, Any]) -> str:
    lines = [
        "# Chords",
        "",
        "Written by `bench/chords_bench.py`; all figures stand in `chords.json`. F1 of notes as basic-pitch",
        "hears them, onsets within 50 ms and pitches within 50 cents, at mix 0, 0.5 and 1; loudness is the",
        "A-weighted L1.",
        "",
        "| piece | lines | F1, score | lost against the recording | F1, recording's notes | loudness, dB |",
        "|---|---|---|---|---|---|",
    ]
    rows = report.get("notes", [])
    for piece in dict.fromkeys(row["piece"] for row in rows):
        source = next(row for row in rows if row["piece"] == piece and row["mix"] is None)
        if "f1_score" in source:
            lines.append(f"| {piece} | the recording itself | {source['f1_score']:.3f} | | | |")
        for count in LINE_COUNTS:
            mixes = [row for row in rows if row["piece"] == piece and row["lines"] == count]
            scored = "f1_score" in source
            lost = [source["f1_score"] - row["f1_score"] for row in mixes] if scored else []
            lines.append(
                f"| {piece} | {count} "
                f"| {_three(row['f1_score'] for row in mixes) if scored else 'no score'} "
                f"| {_three(lost)} | {_three(row['f1_recording'] for row in mixes)} "
                f"| {', '.join(str(row['loudness_l1_db']) for row in mixes)} |"
            )
    lines += ["", "Converted with `--lines auto` and with `--lines 1`, byte for byte:", ""]
    for row in report.get("same", []):
        found = (
            "all the same"
            if not row["differ"]
            else f"{len(row['differ'])} differ: {', '.join(row['differ'])}"
        )
        lines.append(f"- {row['group']}: {row['n']}, {found}")
    lines += ["", "Processor seconds, whole process, medians:", ""]
    for name, ways in report.get("speed", {}).items():
        told = ", ".join(f"{way} {seconds:.2f}" for way, seconds in ways.items())
        lines.append(f"- {name}: {told}")
    return "\n".join([*lines, "", *report["environment"], ""])


def _three(values: Any) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
