"""Playing along beside converting: what 20 ms of patience cost, measured alike.

    python bench/stream_bench.py --data DIR --select bench/held_out_pieces.txt --out bench/STREAM

plays every held-out recording as a stream, shifts the result back by the stream's latency and measures it as
`violute bench` measures conversions, beside the same voice converting. Then it feeds
one recording hop by hop and times each hop, and compares trackers. Writes JSON and Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from held_out_figures import hear, medians
from stream_pitch import tracker_table

from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.evaluation.bench.figures import MIXES
from violute.evaluation.judge.classifier import Judge
from violute.families.ddsp.stream import HarmonicStream
from violute.families.ddsp.voice import HarmonicVoice
from violute.voices.load import load_voice

RATE = 44_100
HOP_LENGTH = 441
CLIP_SECONDS = 20.0
MOST_CLIPS = 4
FIGURES = (
    "pitch/raw_accuracy",
    "pitch/median_deviation_cents",
    "pitch/octave_errors",
    "loudness/l1_db",
    "onsets/f1",
    "judge/posterior",
)


class StreamedTake:
    """A recording that is played again for each mix."""

    def __init__(self, voice: HarmonicVoice, audio: np.ndarray) -> None:
        self._voice, self._audio = voice, audio

    def render(self, mix: float = 0.5, **_: Any) -> np.ndarray:
        """Play it, and take the latency off."""
        stream = self._voice.stream(mix)
        return np.concatenate([stream.push(self._audio), stream.flush()])[stream.latency_samples :]


class StreamedVoice:
    """The built-in voice, playing along."""

    def __init__(self, voice: HarmonicVoice) -> None:
        self._voice, self.card = voice, voice.card

    def analyse(self, audio: np.ndarray, sample_rate: int, **_: Any) -> StreamedTake:
        """Keep the recording."""
        assert sample_rate == RATE
        return StreamedTake(self._voice, audio)


def hop_milliseconds(voice: HarmonicVoice, audio: np.ndarray) -> np.ndarray:
    """Time each hop of a recording that arrives in real time's blocks."""
    stream, times = voice.stream(), []
    for start in range(0, len(audio) - HOP_LENGTH, HOP_LENGTH):
        began = time.perf_counter()
        stream.push(audio[start : start + HOP_LENGTH])
        times.append(1e3 * (time.perf_counter() - began))
    return np.array(times[20:])  # the first ones build tables


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", required=True, type=Path)
    parser.add_argument("--limit", type=int, help="recordings of each instrument at most")
    parser.add_argument("--out", type=Path, default=Path("bench/STREAM"))
    given = parser.parse_args()
    voice = load_voice()
    assert isinstance(voice, HarmonicVoice)
    clips = find_clips(
        given.data,
        ("violin", "flute"),
        select=read_patterns(given.select),
        limit=given.limit,
        clip_seconds=CLIP_SECONDS,
        clips_per_recording=MOST_CLIPS,
    )
    hop_ms = hop_milliseconds(voice, clips[0].read(RATE))
    judge = Judge()
    heard = hear(clips, judge)
    report: dict[str, Any] = {
        "command": shlex.join(["python", "bench/stream_bench.py", *sys.argv[1:]]),
        "latency_ms": 1e3 * HarmonicStream.latency_samples / RATE,
        "hop_ms": {name: float(np.percentile(hop_ms, q)) for name, q in (("median", 50), ("99 %", 99))},
    }
    rows = []
    for name, player in (("converted", voice), ("streamed", StreamedVoice(voice))):
        report[name] = medians(player, heard, judge)
        for instrument, measured in report[name].items():
            rows += [
                (instrument, at["mix"], name, [at[figure] for figure in FIGURES])
                for at in measured["mixes"]
                if at["mix"] in MIXES[::2]
            ]
    n_recordings = len({clip.group for clip in clips})
    about = (
        f"`{report['command']}`: {n_recordings} held-out recordings, pitch judged by harvest. Latency "
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
    for instrument, mix, name, values in sorted(rows, key=lambda row: row[:2]):
        cells = " | ".join("-" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"| {instrument} | {mix:g} | {name} | {cells} |")
    lines += [
        "",
        "## Pitch trackers",
        "",
        "Held against the analysis of the whole recording, on its voiced frames; medians over clips.",
        "",
        *tracker_table(clips),
    ]
    given.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    given.out.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
