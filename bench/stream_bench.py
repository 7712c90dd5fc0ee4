"""Playing along beside converting: what 20 ms of patience cost, measured alike.

    python bench/stream_bench.py --data DIR --select bench/held_out_pieces.txt --out bench/STREAM

plays every held-out recording as a stream, shifts the result back by the stream's latency and measures it as
`violute bench` measures conversions, beside the same voice converting. Then it feeds one recording hop by hop
and takes the time of each hop, and compares trackers. Writes JSON and Markdown tables; `--parts` measures
some of them again and keeps the others.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from stream_pitch import tracker_table

from violute.analysis.analyser import analyse
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import Clip, find_clips
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, onsets, pitch
from violute.evaluation.metrics.loudness import fitted
from violute.families.ddsp.stream import HarmonicStream
from violute.families.ddsp.voice import HarmonicVoice
from violute.voices.load import load_voice

RATE = 44_100
HOP_LENGTH = 441
CLIP_SECONDS = 20.0
SHORTEST_SECONDS = 2.5
MOST_CLIPS = 4
MIXES = (0.0, 0.5, 1.0)
PARTS = ("converted", "streamed", "trackers")
FIGURES = (
    "pitch/raw_accuracy",
    "pitch/median_deviation_cents",
    "pitch/octave_errors",
    "loudness/l1_db",
    "onsets/f1",
    "judge/posterior",
)

Render = Callable[[HarmonicVoice, Float32[np.ndarray, " sample"], float], Float32[np.ndarray, " sample"]]


def streamed(
    voice: HarmonicVoice, audio: Float32[np.ndarray, " sample"], mix: float
) -> Float32[np.ndarray, " sample"]:
    """Play a recording as it comes, and take the latency off."""
    stream = voice.stream(mix)
    return np.concatenate([stream.push(audio), stream.flush()])[stream.latency_samples :]


def converted(
    voice: HarmonicVoice, audio: Float32[np.ndarray, " sample"], mix: float
) -> Float32[np.ndarray, " sample"]:
    """Convert a recording."""
    return np.asarray(voice.analyse(audio, RATE).render(mix), np.float32)


class Heard:
    """What the judges hear in a recording, and how renderings of it compare: as in `violute bench`."""

    def __init__(self, clip: Clip, judge: Judge) -> None:
        self.clip, self.audio, self._judge = clip, clip.read(RATE), judge
        controls = analyse(self.audio)
        tracks = (
            pitch.judge_f0(self.audio, RATE),
            np.where(controls.periodicity[0] > 0.0, controls.f0_hz[0], 0.0),
            loudness.frame_loudness_db(self.audio, RATE),
        )
        n_frames = min(len(track) for track in tracks)
        self._f0_hz, self._conditioning_hz, self._loudness_db = (track[:n_frames] for track in tracks)
        self._onsets = onsets.note_onsets(self._f0_hz, self._loudness_db)

    def figures(self, rendering: Float32[np.ndarray, " sample"]) -> list[float]:
        """Measure a rendering: `FIGURES`."""
        n_frames = len(self._f0_hz)
        f0_hz = fitted(pitch.judge_f0(rendering, RATE), n_frames)
        loudness_db = fitted(loudness.frame_loudness_db(rendering, RATE), n_frames, loudness.SILENCE_DB)
        frames = pitch.compared_frames(
            self._f0_hz,
            f0_hz,
            loudness.sounding_frames(self._loudness_db),
            conditioning_hz=self._conditioning_hz,
        )
        cents = pitch.cents_apart(self._f0_hz, f0_hz)[frames]
        return [
            pitch.raw_pitch_accuracy(cents),
            pitch.median_deviation_cents(cents),
            pitch.octave_error_rate(cents),
            loudness.loudness_l1_db(self._loudness_db, loudness_db),
            onsets.onset_f1(self._onsets, onsets.note_onsets(f0_hz, loudness_db)),
            self._judge.hear(rendering, RATE).posterior,
        ]


def medians(
    voice: HarmonicVoice, heard: Sequence[Heard], render: Render
) -> dict[str, list[dict[str, float]]]:
    """Return medians over recordings by instrument and mix; each counts once, as the median of its clips."""
    rows: dict[str, list[dict[str, float]]] = {}
    for instrument in dict.fromkeys(item.clip.instrument for item in heard):
        own = [item for item in heard if item.clip.instrument == instrument]
        for mix in MIXES:
            groups = defaultdict(list)
            for item in own:
                groups[item.clip.recording.name].append(item.figures(render(voice, item.audio, mix)))
            values = np.nanmedian([np.nanmedian(group, axis=0) for group in groups.values()], axis=0)
            rows.setdefault(instrument, []).append(
                {"mix": mix, **dict(zip(FIGURES, map(float, values), strict=True))}
            )
    return rows


def hop_milliseconds(
    voice: HarmonicVoice, audio: Float32[np.ndarray, " sample"]
) -> Float[np.ndarray, " hop"]:
    """Take the processor time of each hop of a recording that arrives in real time's blocks."""
    stream, times = voice.stream(), []
    for start in range(0, len(audio) - HOP_LENGTH, HOP_LENGTH):
        began = time.process_time()
        stream.push(audio[start : start + HOP_LENGTH])
        times.append(1e3 * (time.process_time() - began))
    return np.array(times[20:])  # the first ones build tables


def page(report: dict[str, Any]) -> list[str]:
    """Write what was measured as Markdown."""
    about = (
        f"`{report['command']}`: {report['n_recordings']} recordings, pitch judged by harvest. Latency "
        f"{report['latency_ms']:.1f} ms. A hop of 10 ms takes {report['hop_ms']['median']:.1f} ms (median), "
        f"{report['hop_ms']['99 %']:.1f} ms (99 % of hops)."
    )
    lines = [
        "# Playing along",
        "",
        about,
        "",
        "| in | mix | | " + " | ".join(FIGURES) + " |",
        "|---|---|---|" + "---|" * len(FIGURES),
    ]
    rows = [
        (instrument, row["mix"], part, row)
        for part in PARTS[:2]
        for instrument, of_mixes in report.get(part, {}).items()
        for row in of_mixes
    ]
    for instrument, mix, part, row in sorted(rows, key=lambda row: row[:3]):
        cells = " | ".join(f"{row[name]:.3f}" for name in FIGURES)
        lines.append(f"| {instrument} | {mix:g} | {part} | {cells} |")
    if "trackers" in report:
        against = (
            "Held against the analysis of the whole recording, on its voiced frames; medians over clips."
        )
        lines += ["", "## Pitch trackers", "", against, "", *report["trackers"]]
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", type=Path, help="file of glob patterns; without it all recordings")
    parser.add_argument("--limit", type=int, help="recordings of each instrument at most")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, default=Path("bench/STREAM"))
    given = parser.parse_args()
    voice = load_voice()
    assert isinstance(voice, HarmonicVoice)
    clips = find_clips(
        given.data,
        ("violin", "flute"),
        select=read_patterns(given.select) if given.select else None,
        limit=given.limit,
        clip_seconds=CLIP_SECONDS,
        shortest_seconds=SHORTEST_SECONDS,
        clips_per_recording=MOST_CLIPS,
    )
    kept = given.out.with_suffix(".json")
    report: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    hop_ms = hop_milliseconds(voice, clips[0].read(RATE))
    options = [item for item in sys.argv[1:] if item not in ("--parts", *PARTS)]
    report |= {
        "command": shlex.join(["python", "bench/stream_bench.py", *options]),
        "n_recordings": len({clip.recording.name for clip in clips}),
        "latency_ms": 1e3 * HarmonicStream.latency_samples / RATE,
        "hop_ms": {name: float(np.percentile(hop_ms, q)) for name, q in (("median", 50), ("99 %", 99))},
    }
    heard = [Heard(clip, Judge()) for clip in clips] if set(given.parts) - {"trackers"} else []
    for part, render in (("streamed", streamed), ("converted", converted)):
        if part in given.parts:
            report[part] = medians(voice, heard, render)
    if "trackers" in given.parts:
        report["trackers"] = tracker_table(clips)
    lines = page(report)
    kept.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    given.out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
