"""How the clarinet and cello voice plays four instruments, by a judge of its own; write `bench/LOW.md`.

    python bench/low_pair.py --data DIR [--voice FILE] [--limit 9]

DIR holds a folder for each of clarinet, cello, flute and violin. Phrases that neither voice nor judge has
heard are played at five mixes, in the room that hybrids stand in, 10 seconds of each; figures are medians
over phrases. The judge (`bench/judge_low.onnx`) is that of `bench/train_judge.py` with the clarinet in the
place of the flute and the cello in that of the violin; flutes, violins and failed sounds are its "other".
Pitch is swift-f0's, where it is sure, against its own of the recording, where that agrees with ours; it ends
at 2.1 kHz.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from environment import ROOT, environment_lines
from jaxtyping import Float
from results_page import write_section
from swift_f0 import SwiftF0

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import LOW
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import Clip, find_clips
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, pitch
from violute.evaluation.metrics.mix_path import spearman
from violute.rates import HOP_LENGTH
from violute.voices.load import load_voice
from violute.voices.mix import Output

RATE = 44_100
CLIP_SECONDS = 10.0
CLIPS_OF_A_RECORDING = 8
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
REGISTERS = ((0.5, -12.0), (0.5, 0.0), (0.5, 12.0), (1.0, -12.0), (1.0, 0.0))
"""Mixes, and semitones up, at which register is told from timbre: a judge knows cellos by both."""
LEAST_CONFIDENCE = 0.8
RANGE_HZ = (65.0, 1_900.0)
"""That the voice plays."""

INSTRUMENTS = ("clarinet", "cello", "flute", "violin")
HELD_OUT = ("held_out_low_pieces.txt", "held_out_pieces.txt")
JUDGE = ROOT / "bench" / "judge_low.onnx"
VOICE = "violute-clarinet-cello"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voice", default=VOICE, help="name or file")
    parser.add_argument("--judge", type=Path, default=JUDGE)
    parser.add_argument("--limit", type=int, default=9, help="phrases of each instrument at most")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "LOW.md")
    options = parser.parse_args()
    select = [pattern for name in HELD_OUT for pattern in read_patterns(ROOT / "bench" / name)]
    clips = find_clips(
        options.data,
        INSTRUMENTS,
        select=select,
        clip_seconds=CLIP_SECONDS,
        clips_per_recording=CLIPS_OF_A_RECORDING,
    )
    voice, judge = load_voice(options.voice), Judge(options.judge)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in INSTRUMENTS}
    for name in INSTRUMENTS:
        own = [clip for clip in clips if clip.instrument == name]
        for i in np.unique(np.linspace(0, len(own) - 1, min(len(own), options.limit)).round().astype(int)):
            rows[name].append(_figures(own[i], voice, judge))
    page = _page(rows)
    write_section(options.out, page)
    print(page)


def _figures(clip: Clip, voice: Any, judge: Judge) -> dict[str, Any]:
    """Play a clip at every mix, and measure."""
    audio = clip.read(RATE)
    take = voice.analyse(audio, RATE)
    source_db = loudness.frame_loudness_db(audio, RATE)
    source_hz = _pitch(audio, len(source_db))
    ours_hz = _fitted(analyse(audio, pitch_range=LOW).f0_hz[0], len(source_db))
    sounding = loudness.sounding_frames(source_db)
    heard: dict[str, Any] = {"real": judge.hear(audio, RATE), "verdicts": [], "cents": [], "loudness": []}
    for mix in MIXES:
        played = np.asarray(take.render(mix), np.float32)
        heard["verdicts"].append(judge.hear(played, RATE))
        played_hz = _pitch(played, len(source_db))
        frames = pitch.compared_frames(source_hz, played_hz, sounding, conditioning_hz=ours_hz)
        heard["cents"].append(pitch.cents_apart(source_hz, played_hz)[frames])
        played_db = _fitted(loudness.frame_loudness_db(played, RATE), len(source_db))
        heard["loudness"].append(loudness.loudness_l1_db(source_db, played_db))
    sung_hz = ours_hz[sounding]
    heard["median_hz"] = float(np.median(sung_hz))
    heard["registers"] = [_in_register(take, judge, sung_hz, *place) for place in REGISTERS]
    posteriors = np.array([one.posterior for one in heard["verdicts"]])
    heard["spearman"] = spearman(posteriors, np.array(MIXES))
    return heard


def _in_register(
    take: Any, judge: Judge, f0_hz: Float[np.ndarray, " frame"], mix: float, semitones: float
) -> float:
    """Return how much of a cello a transposed rendering is; NaN where that leaves the voice's range."""
    low_hz, high_hz = np.percentile(f0_hz, (5.0, 95.0)) * 2.0 ** (semitones / 12.0)
    if low_hz < RANGE_HZ[0] or high_hz > RANGE_HZ[1]:
        return np.nan
    rendering = take.render(mix, output=Output(transpose=semitones))
    return judge.hear(np.asarray(rendering, np.float32), RATE).posterior


def _pitch(audio: Float[np.ndarray, " sample"], n_frames: int) -> Float[np.ndarray, " frame"]:
    """Pitch that swift-f0 hears, in frames of 10 ms; 0 where it is not sure."""
    found = _tracker().detect(audio, RATE)
    seconds = np.arange(n_frames) * (HOP_LENGTH / RATE)
    nearest = np.abs(np.asarray(found.timestamps)[:, None] - seconds).argmin(axis=0)
    is_sure = np.asarray(found.confidence)[nearest] > LEAST_CONFIDENCE
    return np.where(is_sure, np.asarray(found.pitch_hz, np.float64)[nearest], 0.0)


@cache
def _tracker() -> SwiftF0:
    return SwiftF0()


def _fitted(track: Float[np.ndarray, " _frame"], n_frames: int) -> Float[np.ndarray, " frame"]:
    return np.pad(track, (0, max(n_frames - len(track), 0)), mode="edge")[:n_frames]


def _page(rows: dict[str, list[dict[str, Any]]]) -> str:
    titles = (
        "in",
        "phrases",
        *(f"cello at {mix:g}" for mix in MIXES),
        "neither at 0, .5, 1",
        "Spearman",
        "real: cello, neither",
        "within 50 cents, worst mix",
        "octave errors, worst",
        "loudness L1, worst",
    )
    lines = [
        "# Clarinet and cello",
        "",
        "Written by `bench/low_pair.py`, whose head says what is measured. Each instrument of the pair has",
        "one player, in training and in what was held out alike; flutes and violins are strangers to the",
        "voice, and to the judge they are of players that it heard as neither.",
        "",
        f"| {' | '.join(titles)} |",
        "|---" * len(titles) + "|",
    ]
    for name, heard in rows.items():
        verdicts = np.array([[tuple(v) for v in one["verdicts"]] for one in heard])
        middle = np.median(verdicts, axis=0)
        real = np.median([tuple(one["real"]) for one in heard], axis=0)
        cents = [np.concatenate([one["cents"][i] for one in heard]) for i in range(len(MIXES))]
        cells = [
            name,
            str(len(heard)),
            *(f"{value:.2f}" for value in middle[:, 0]),
            ", ".join(f"{middle[i, 1]:.2f}" for i in (0, 2, 4)),
            f"{np.median([one['spearman'] for one in heard]):.2f}",
            f"{real[0]:.2f}, {real[1]:.2f}",
            f"{min(pitch.raw_pitch_accuracy(c) for c in cents):.3f}",
            f"{100.0 * max(pitch.octave_error_rate(c) for c in cents):.1f} %",
            f"{np.median([one['loudness'] for one in heard], axis=0).max():.2f} dB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "How much of a cello the same phrases are an octave lower and an octave higher, medians of those",
        "that stay within the voice's range. The judge knows cellos by their register as well.",
        "",
        "| in | median pitch | "
        + " | ".join(f"at {mix:g}, {semitones:+g} semitones" for mix, semitones in REGISTERS)
        + " |",
        "|---" * (2 + len(REGISTERS)) + "|",
    ]
    for name, heard in rows.items():
        medians = np.nanmedian([one["registers"] for one in heard], axis=0)
        median_hz = np.median([one["median_hz"] for one in heard])
        lines.append(f"| {name} | {median_hz:.0f} Hz | {' | '.join(f'{value:.2f}' for value in medians)} |")
    return "\n".join([*lines, "", *environment_lines(["numpy", "onnxruntime", "swift-f0"]), ""])


if __name__ == "__main__":
    main()
