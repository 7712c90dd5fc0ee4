"""What RAVE reaches on held-out pieces, before and after stage two, as JSON.

    python bench/rave_figures.py --data DIR --stage-one STAGE1.onnx --stage-two voices/rave.onnx
        --out bench/rave.json [--limit N] [--seconds S]

DIR has folders flute, violin and polyphonic. Pieces are those of bench/held_out_pieces.txt, and excerpts of
the held-out chords; for the timbre distances also the held-out single notes and clips, every few of them, as
the real recordings are mostly notes. Measured:

- spectral/multi_resolution at a piece's own end (loudness matched: the voice and the measure both do), beside
  untrained decoders with as much loudness matching: one with the linear shortcut that the recipe begins with,
  which plays the heard bands at once, and one without it, as the paper's begins;
- timbre/kernel_audio_distance to real recordings, of recordings sent to the other end and to their own, with
  intervals; how it changes from stage one to two, with the interval of the change; and how far the real
  recordings' halves lie apart;
- judge/posterior at five mixes, its Spearman correlation, note F1 of chords.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from distance_change import kernel_audio_distance_change
from scipy.stats import spearmanr

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.intervals import Interval
from violute.evaluation.metrics.notes import chord_notes, note_f1
from violute.evaluation.metrics.spectral import multi_resolution_distance
from violute.evaluation.metrics.timbre_distance import (
    kernel_audio_distance,
    patch_embeddings,
    real_to_real_floor,
)
from violute.families.rave.data import SoundLine
from violute.families.rave.recipes import rave_small
from violute.families.rave.task import RaveTask
from violute.families.task import Corpus
from violute.transforms.spectrogram import PEAK
from violute.voices.load import load_voice

RATE = 44_100
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
INSTRUMENTS = ("flute", "violin")
VIOLIN_STARTS = (10.0, 50.0, 90.0, 130.0)
CHORD_STARTS = (20.0, 60.0, 100.0, 140.0)
N_REAL = 40
N_NOTES = 24
"""Held-out notes and clips of each instrument whose colour is measured besides the pieces'."""
HERE = Path(__file__).parent

Pieces = dict[str, list[np.ndarray]]
Rendered = dict[str, list[list[np.ndarray]]]


def held_out(data: Path, seconds: float, limit: int | None) -> Pieces:
    """Excerpts by what plays in them: flute, violin, chords."""
    patterns = read_patterns(HERE / "held_out_pieces.txt")
    n_samples = round(seconds * RATE)
    flute = [
        read_recording(r, RATE, peak=PEAK)[:n_samples]
        for r in list_recordings(data / "flute", select=patterns)
    ]
    violin = _cut(data / "violin", patterns, VIOLIN_STARTS, seconds)
    return {
        "flute": flute[:limit],
        "violin": violin[:limit],
        "chords": chord_excerpts(data, seconds)[:limit],
    }


def chord_excerpts(data: Path, seconds: float) -> list[np.ndarray]:
    """Excerpts of the held-out chords."""
    return _cut(data / "polyphonic", ["minji-kim_bwv1003_mov3*"], CHORD_STARTS, seconds)


def held_out_notes(data: Path, name: str, seconds: float, limit: int | None) -> list[np.ndarray]:
    """Held-out notes and clips of an instrument, evenly picked."""
    pieces = set(read_patterns(HERE / "held_out_pieces.txt"))
    patterns = [one for one in read_patterns(HERE / "held_out.txt") if one not in pieces]
    recordings = list_recordings(data / name, select=patterns)
    picked = recordings[:: max(1, len(recordings) // N_NOTES)][:limit]
    return [read_recording(r, RATE, peak=PEAK)[: round(seconds * RATE)] for r in picked]


def _cut(path: Path, select: list[str], starts: tuple[float, ...], seconds: float) -> list[np.ndarray]:
    n_samples = round(seconds * RATE)
    whole = read_recording(list_recordings(path, select=select)[0], RATE, peak=PEAK)
    pieces = [whole[round(start * RATE) :][:n_samples] for start in starts]
    return [piece for piece in pieces if len(piece) == n_samples]


def real_patches(data: Path, name: str) -> list[np.ndarray]:
    """Patches of real recordings of an instrument, evenly picked, the held-out ones among them."""
    recordings = list_recordings(data / name)
    picked = recordings[:: max(1, len(recordings) // N_REAL)]
    return [patch_embeddings(read_recording(r, RATE, peak=PEAK)[: 10 * RATE], RATE) for r in picked]


def untrained(folder: Path, *, has_shortcut: bool) -> Any:
    """A voice of the recipe small that no step was taken with."""
    recipe = rave_small()
    recipe = replace(recipe, network=replace(recipe.network, has_shortcut=has_shortcut))
    noise = (3000 * np.random.default_rng(0).standard_normal((2, 4 * RATE))).astype(np.int16)
    lines = [SoundLine("noise", "noise", end, noise[end], RATE / 2) for end in (0, 1)]
    task = RaveTask(Corpus(INSTRUMENTS, lines, [], torch.device("cpu"), {}), recipe)
    path = folder / f"untrained-{has_shortcut}.onnx"
    task.export(path)
    return load_voice(path)


def spectral(voice: Any, pieces: Pieces) -> dict[str, float]:
    """Mean distance of pieces to themselves played at their own end."""
    ends = {"flute": 0.0, "violin": 1.0, "chords": 1.0}
    distances = {
        name: [
            multi_resolution_distance(one, voice.analyse(one, RATE).render(ends[name]), RATE) for one in group
        ]
        for name, group in pieces.items()
    }
    means = {name: round(float(np.mean(values)), 4) for name, values in distances.items()}
    return {**means, "all": round(float(np.mean(np.concatenate(list(distances.values())))), 4)}


def rendered(voice: Any, pieces: Pieces, mixes: tuple[float, ...]) -> Rendered:
    """Each piece at each mix."""
    made: Rendered = {}
    for name, group in pieces.items():
        takes = [voice.analyse(one, RATE) for one in group]
        made[name] = [[take.render(mix) for mix in mixes] for take in takes]
    return made


def dial(made: Rendered, pieces: Pieces, judge: Judge) -> dict[str, Any]:
    """Posterior at each mix, medians over pieces; its rank correlation, piece by piece and of the medians."""
    result: dict[str, Any] = {}
    for name in pieces:
        group = made[name]
        posteriors = np.array([[judge.posterior(one, RATE) for one in row] for row in group])
        medians = np.median(posteriors, axis=0)
        result[name] = {
            "n": len(group),
            "source": round(float(np.median([judge.posterior(one, RATE) for one in pieces[name]])), 4),
            "judge/posterior": [round(float(v), 4) for v in medians],
            "mix/spearman": round(float(spearmanr(MIXES, medians).statistic), 3),
            "mix/spearman, mean over pieces": round(
                float(np.mean([spearmanr(MIXES, row).statistic for row in posteriors])), 3
            ),
        }
    notes = [chord_notes(one, RATE) for one in pieces["chords"]]
    scores = [
        [note_f1(n, chord_notes(one, RATE)) for one in row]
        for n, row in zip(notes, made["chords"], strict=True)
    ]
    result["chords"]["notes/chords_f1"] = [round(float(v), 4) for v in np.mean(scores, axis=0)]
    return result


def distances(patches: dict[str, list[np.ndarray]], real: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """Distance of each group to real recordings of the instrument that it was sent to."""
    return {
        name: rounded(kernel_audio_distance(group, real[name.split(" to ")[1]]))
        for name, group in patches.items()
    }


def colours(made: Rendered) -> dict[str, list[np.ndarray]]:
    """Patches of what was sent to an end, by whence and whither."""
    found = {}
    for end, name in enumerate(INSTRUMENTS):
        for source in (*INSTRUMENTS, "chords"):
            rows = [*made[source], *made.get(f"{source} notes", [])]
            found[f"{source} to {name}"] = [patch_embeddings(row[-1 if end else 0], RATE) for row in rows]
    return found


def rounded(interval: Interval) -> dict[str, float]:
    """An interval as JSON."""
    return {key: round(float(getattr(interval, key)), 5) for key in ("estimate", "low", "high", "n")}


def main() -> None:
    """Measure both stages and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stage-one", type=Path, required=True)
    parser.add_argument("--stage-two", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    pieces = held_out(arguments.data, arguments.seconds, arguments.limit)
    notes = {
        f"{name} notes": held_out_notes(arguments.data, name, arguments.seconds, arguments.limit)
        for name in INSTRUMENTS
    }
    real = {name: real_patches(arguments.data, name) for name in INSTRUMENTS}
    judge = Judge()
    results: dict[str, Any] = {
        "command": shlex.join(["python", *sys.argv]),
        "pieces": {name: len(group) for name, group in {**pieces, **notes}.items()},
        "timbre/real_to_real": {name: rounded(real_to_real_floor(real[name])) for name in INSTRUMENTS},
    }
    as_they_are = colours({name: [[one] for one in group] for name, group in {**pieces, **notes}.items()})
    results["timbre/sources"] = distances(as_they_are, real)
    with tempfile.TemporaryDirectory() as folder:
        results["spectral/multi_resolution"] = {
            "untrained, with shortcut": spectral(untrained(Path(folder), has_shortcut=True), pieces),
            "untrained, without": spectral(untrained(Path(folder), has_shortcut=False), pieces),
        }
    patches: list[dict[str, list[np.ndarray]]] = []
    for stage, path in (("stage one", arguments.stage_one), ("stage two", arguments.stage_two)):
        voice = load_voice(path)
        results["spectral/multi_resolution"][stage] = spectral(voice, pieces)
        made = {**rendered(voice, pieces, MIXES), **rendered(voice, notes, (MIXES[0], MIXES[-1]))}
        patches.append(colours(made))
        results[stage] = {
            "dial": dial(made, pieces, judge),
            "timbre/kernel_audio_distance": distances(patches[-1], real),
        }
        print(stage, json.dumps(results[stage]), flush=True)
    results["timbre/kernel_audio_distance, change by stage two"] = {
        name: rounded(kernel_audio_distance_change(before, patches[1][name], real[name.split(" to ")[1]]))
        for name, before in patches[0].items()
    }
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results["timbre/kernel_audio_distance, change by stage two"], indent=1))
    print(json.dumps(results["spectral/multi_resolution"], indent=1))


if __name__ == "__main__":
    main()
