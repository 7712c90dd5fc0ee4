"""How many notes of chords each family keeps, on the same held-out excerpts, as JSON and as a table.

    python bench/double_stops.py --data DIR --voices vae=voices/vae.onnx ... --out bench/double_stops.json

DIR has the folder polyphonic. Excerpts are double and triple stops of a violin that no family has heard.
Measured, each a mean over the excerpts: note F1 of the rendering's chords, heard by the
reader of harmonic series that reads the recording, and the judge's posterior. A name without a file
stands for the built-in voice. Figures that OUT holds already are kept, unless the voice's file has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from violute.data.recordings import list_recordings, read_recording
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.notes import chord_notes, note_f1
from violute.rates import SAMPLE_RATE as RATE
from violute.transforms.spectrogram import PEAK
from violute.voices.load import DEFAULT_VOICE, find_voice, load_voice

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
EXCERPT_STARTS = (20.0, 60.0, 100.0, 140.0)


def chord_excerpts(data: Path, seconds: float) -> list[np.ndarray]:
    """Read the excerpts."""
    recording = list_recordings(data / "polyphonic", select=["minji-kim_bwv1003_mov3*"])[0]
    whole = read_recording(recording, RATE, peak=PEAK)
    return [whole[round(start * RATE) : round((start + seconds) * RATE)] for start in EXCERPT_STARTS]


def measured(voice: Any, pieces: list[np.ndarray], judge: Judge) -> dict[str, Any]:
    """Note F1 and posterior at every mix."""
    scores, posteriors = [], []
    for piece in pieces:
        notes, take = chord_notes(piece, RATE), voice.analyse(piece, RATE)
        rendered = [take.render(mix) for mix in MIXES]
        scores.append([note_f1(notes, chord_notes(one, RATE)) for one in rendered])
        posteriors.append([judge.hear(one, RATE).posterior for one in rendered])
    return {
        "n": len(pieces),
        "notes/chords_f1": [round(float(value), 4) for value in np.mean(scores, axis=0)],
        "judge/posterior": [round(float(value), 4) for value in np.mean(posteriors, axis=0)],
    }


def table(families: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [f"| notes/chords_f1 at mix | {' | '.join(f'{mix:g}' for mix in MIXES)} |", "|---" * 6 + "|"]
    for name, figures in families.items():
        rows.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in figures['notes/chords_f1'])} |")
    return "\n".join(rows)


def main() -> None:
    """Measure each voice that is new or has changed, and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voices", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    known = json.loads(arguments.out.read_text())["families"] if arguments.out.exists() else {}
    pieces, judge = chord_excerpts(arguments.data, arguments.seconds), Judge()
    families: dict[str, Any] = {}
    for given in arguments.voices:
        name, _, path = given.partition("=")
        file = find_voice(path or DEFAULT_VOICE)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if known.get(name, {}).get("sha256") == digest:
            families[name] = known[name]
            continue
        families[name] = {"sha256": digest, **measured(load_voice(file), pieces, judge)}
        print(name, families[name]["notes/chords_f1"], flush=True)
        document = {"command": shlex.join(["python", *sys.argv]), "mixes": MIXES, "families": families}
        arguments.out.write_text(json.dumps(document, indent=1) + "\n")
    print(table(families))


if __name__ == "__main__":
    main()
