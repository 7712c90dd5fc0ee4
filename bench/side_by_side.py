"""Voices side by side on the strangers of development: how surely they turn, and what of the notes is left.

    python bench/side_by_side.py --data ../shared/data --voices one=ONE.onnx other=OTHER.onnx

plays some recordings of each instrument, of players that no voice has heard, at mixes 0, 0.5 and 1, and adds
the figures of each recording to bench/side_by_side.json; of two voices also how the second differs from the
first on the same recordings, as means with intervals of 95 %. Figures are those of the strangers exam; of the
notes, what is left of them at the far end. Those of a voice file that are there are kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from environment import ROOT
from exam.figures import Source, measure_source
from jaxtyping import Float

from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, onsets, pitch
from violute.evaluation.metrics.intervals import Interval, mean_interval
from violute.rates import SAMPLE_RATE
from violute.voices.contract import Player
from violute.voices.load import find_voice, load_voice
from violute.whole_file import replace_text

MIXES = (0.0, 0.5, 1.0)
INSTRUMENTS = ("flute", "violin")
SHORTEST_SECONDS = 2.5

Sources = Mapping[str, Source]
"""By name of the clip, which begins with the instrument."""

Heard = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Clip, figure, one value a mix; of what is left of the notes, one value."""


def development_sources(data: Path, judge: Judge, limit: int = 4, seconds: float = 3.0) -> dict[str, Source]:
    """Measure the beginnings of some strangers of development.

    Args:
        data: Folder with folders flute and violin.
        judge: Ours.
        limit: Recordings of each instrument.
        seconds: Of each.
    """
    clips = find_clips(
        data,
        INSTRUMENTS,
        select=read_patterns(ROOT / "bench" / "strangers_dev_pieces.txt"),
        limit=limit,
        clip_seconds=seconds,
        shortest_seconds=SHORTEST_SECONDS,
        clips_per_recording=1,
    )
    return {clip.name: measure_source(clip.read(SAMPLE_RATE), SAMPLE_RATE, judge=judge) for clip in clips}


def hear(voice: Player, sources: Sources, judge: Judge) -> dict[str, dict[str, list[float | None]]]:
    """Let a voice play every clip at every mix."""
    heard = {}
    for name, source in sources.items():
        take = voice.analyse(source.audio, source.sample_rate)
        renderings = [np.asarray(take.render(mix), np.float32) for mix in MIXES]
        opinions = [judge.hear(rendering, source.sample_rate) for rendering in renderings]
        heard[name] = {
            "judge/posterior": _rounded(*(opinion.posterior for opinion in opinions)),
            "judge/other": _rounded(*(opinion.other for opinion in opinions)),
            **_kept(renderings[far_end(name)], source),
        }
    return heard


def far_end(clip: str) -> int:
    """Return the place among the mixes of the other instrument."""
    return -1 if clip.startswith("flute") else 0


def _kept(rendering: Float[np.ndarray, " sample"], source: Source) -> dict[str, list[float | None]]:
    rate = source.sample_rate
    tracks = pitch.judge_f0(rendering, rate), loudness.frame_loudness_db(rendering, rate)
    n_frames = min(len(source.f0_hz), *map(len, tracks))
    f0_hz, loudness_db = (track[:n_frames] for track in tracks)
    compared = source.trusted[:n_frames] & (f0_hz > 0.0)
    cents = pitch.cents_apart(source.f0_hz[:n_frames], f0_hz)[compared]
    return {
        "pitch/raw_accuracy": _rounded(pitch.raw_pitch_accuracy(cents)),
        "pitch/octave_errors": _rounded(pitch.octave_error_rate(cents)),
        "onsets/f1": _rounded(onsets.onset_f1(source.onset_seconds, onsets.note_onsets(f0_hz, loudness_db))),
    }


def _rounded(*values: float | None) -> list[float | None]:
    return [round(float(v), 4) if v is not None and v == v else None for v in values]


def qualities(heard: Heard) -> dict[str, Float[np.ndarray, " clip"]]:
    """Return what is compared, one value a clip, in the order of their names; NaN where nothing was measured.

    `far` is the probability of the instrument that the clip is turned into, at its end, and `neither` that of
    neither there; `own` is the probability of its own instrument at its own end; `middle` how far mix 0.5 is
    from even.
    """
    found: dict[str, list[float]] = {}
    for name, figures in sorted(heard.items()):
        values = {key: np.array(row, dtype=np.float64) for key, row in figures.items()}
        far = far_end(name)
        # At the end that is the violin's, the posterior is the probability; at the other, what it lacks.
        ends = values["judge/posterior"][[far, -1 - far]]
        far_posterior, own_posterior = ends if far else 1.0 - ends
        row = {
            "far": far_posterior,
            "own": 1.0 - own_posterior,
            "middle": abs(values["judge/posterior"][1] - 0.5),
            "neither": values["judge/other"][far],
            "pitch": values["pitch/raw_accuracy"][0],
            "octave errors": values["pitch/octave_errors"][0],
            "onsets": values["onsets/f1"][0],
        }
        for key, value in row.items():
            found.setdefault(key, []).append(float(value))
    return {key: np.array(column) for key, column in found.items()}


def difference(of: Heard, against: Heard) -> dict[str, Interval]:
    """Return how a voice differs from another on the same clips, as means with intervals."""
    pairs = {key: (values, qualities(against)[key]) for key, values in qualities(of).items()}
    apart = {key: a - b for key, (a, b) in pairs.items()}
    return {key: mean_interval(values[np.isfinite(values)]) for key, values in apart.items()}


def table(voices: Mapping[str, Heard]) -> list[str]:
    """Lay out medians of the posterior over recordings, by instrument and mix, and means of the rest."""
    at = " / ".join(f"{mix:g}" for mix in MIXES)
    names = ["neither there", "pitch there", "octave errors", "onset F1"]
    lines = [f"| | flute in, mix {at} | violin in, mix {at} | " + " | ".join(names) + " |", "|---" * 7 + "|"]
    for name, heard in voices.items():
        cells = []
        for instrument in INSTRUMENTS:
            own = [clip["judge/posterior"] for key, clip in heard.items() if key.startswith(instrument)]
            cells.append(" / ".join(f"{v:.2f}" for v in np.median(np.array(own, dtype=np.float64), axis=0)))
        found = qualities(heard)
        cells += [f"{np.nanmean(found[key]):.2f}" for key in ("neither", "pitch", "octave errors", "onsets")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def rounded(interval: Interval) -> dict[str, float]:
    """Write an interval as JSON."""
    return {key: round(float(getattr(interval, key)), 4) for key in ("estimate", "low", "high", "n")}


def main() -> None:
    """Hear each voice that is new or has changed, and write the figures."""
    as_it_is = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_it_is)
    parser.add_argument("--data", type=Path, required=True, help="folder with folders flute and violin")
    parser.add_argument("--voices", nargs="+", required=True, metavar="NAME=VOICE")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "side_by_side.json")
    given = parser.parse_args()
    document: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    voices, judge, sources = document.setdefault("voices", {}), Judge(), None
    named = dict(entry.split("=", 1) for entry in given.voices)
    for name, path in named.items():
        file = find_voice(path)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if voices.get(name, {}).get("sha256") != digest:
            sources = sources or development_sources(given.data, judge)
            voices[name] = {"sha256": digest, "heard": hear(load_voice(file), sources, judge)}
            replace_text(given.out, json.dumps(document, indent=1) + "\n")
    if len(named) == 2:
        first, other = named
        apart = difference(voices[other]["heard"], voices[first]["heard"])
        own = {key: rounded(interval) for key, interval in apart.items()}
        document.setdefault("differences", {})[f"{other} less {first}"] = own
        for key, interval in apart.items():
            print(f"{key} {interval.estimate:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})")
        replace_text(given.out, json.dumps(document, indent=1) + "\n")
    print("\n".join(table({name: voices[name]["heard"] for name in named})))


if __name__ == "__main__":
    main()
