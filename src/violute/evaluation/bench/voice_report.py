"""Measure a voice on recordings: pitch, loudness, timing, ends and the path between them.

    python -m violute.evaluation.bench.voice_report --voice FILE --data DIR --select LIST --out report

writes report.json and report.md. DIR holds a folder for each instrument; its name is the
instrument's. Every figure is computed on 20 s of a recording, of a long one on several such clips.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soxr
from jaxtyping import Float, Float32

from violute.analysis.analyser import analyse
from violute.data.recordings import Recording, list_recordings, read_patterns, read_recording
from violute.errors import AudioError, InputError, VioluteError
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, mix_path, onsets, pitch
from violute.evaluation.report.tables import markdown_report
from violute.rates import SAMPLE_RATE
from violute.rates import SAMPLE_RATE as ANALYSIS_RATE
from violute.voices.contract import OnProgress, Voice
from violute.voices.load import load_voice

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
CLIP_SECONDS = 20.0
MOST_EXCERPTS = 4
PitchJudge = Literal["harvest", "pyin"]
Figures = dict[str, float | None]
"""Figures by path-like name; None where there was nothing to measure."""


def conditioning_f0(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> Float[np.ndarray, " frame"]:
    """Track pitch as conversion does: Hz every 10 ms, 0 where unpitched."""
    if sample_rate != ANALYSIS_RATE:
        audio = soxr.resample(audio, sample_rate, ANALYSIS_RATE)
    controls = analyse(audio)
    return np.where(controls.periodicity[0] > 0.0, controls.f0_hz[0], 0.0).astype(np.float64)


def evaluate_clip(
    voice: Voice,
    audio: Float32[np.ndarray, " sample"],
    sample_rate: int,
    *,
    mixes: Sequence[float] = MIXES,
    judge: Judge | None = None,
    pitch_judge: PitchJudge = "harvest",
) -> dict[str, Any]:
    """Render one clip at every mix and measure each rendering, and their path.

    Args:
        voice: To evaluate.
        audio: A performance of one line.
        sample_rate: In Hz.
        mixes: Rising, at least two.
        judge: Of the instrument; None is the one that ships.
        pitch_judge: Tracker of source and renderings.

    Returns:
        `source` (figures of the recording itself), `mixes` (a list of figures, one a mix) and
        `path` (figures of the dial).

    Raises:
        AudioError: The clip cannot be used, or a rendering has another length.
    """
    judge = Judge() if judge is None else judge
    take = voice.analyse(audio, sample_rate)
    renderings = [np.asarray(take.render(mix=mix), dtype=np.float32) for mix in mixes]
    for mix, rendering in zip(mixes, renderings, strict=True):
        if rendering.shape != audio.shape:
            raise AudioError(
                f"mix {mix:g} has shape {rendering.shape}, its source {audio.shape}: mend the voice"
            )
    clips = [audio, *renderings]
    f0_hz = [pitch.judge_f0(clip, sample_rate, judge=pitch_judge) for clip in clips]
    loudness_db = [loudness.frame_loudness_db(clip, sample_rate) for clip in clips]
    conditioning_hz = conditioning_f0(audio, sample_rate)
    # Trackers differ by a frame in how they count the last one.
    n_frames = min(len(track) for track in (*f0_hz, *loudness_db, conditioning_hz))
    f0, loud = (np.stack([track[:n_frames] for track in tracks]) for tracks in (f0_hz, loudness_db))
    sounding = loudness.sounding_frames(loud[0])
    conditioning_hz = conditioning_hz[:n_frames]
    found = [onsets.note_onsets(f0[i], loud[i]) for i in range(len(clips))]
    by_mix, posteriors, timbres = [], [], []
    for i, (mix, rendering) in enumerate(zip(mixes, renderings, strict=True), start=1):
        frames = pitch.compared_frames(f0[0], f0[i], sounding, conditioning_hz=conditioning_hz)
        posteriors.append(_posterior(judge, rendering, sample_rate))
        timbres.append(mix_path.timbre_point(rendering, sample_rate))
        by_mix.append(
            {
                "mix": float(mix),
                "pitch/raw_accuracy": _figure(pitch.raw_pitch_accuracy(f0[0], f0[i], frames)),
                "pitch/median_deviation_cents": _figure(pitch.median_deviation_cents(f0[0], f0[i], frames)),
                "pitch/octave_errors": _figure(pitch.octave_error_rate(f0[0], f0[i], frames)),
                "pitch/coverage": _figure(frames.sum() / max(int(sounding.sum()), 1)),
                "loudness/l1_db": _figure(loudness.loudness_l1_db(loud[0], loud[i])),
                "loudness/correlation": _figure(loudness.loudness_correlation(loud[0], loud[i])),
                "onsets/f1": _figure(onsets.onset_f1(found[0], found[i])),
                "judge/posterior": _figure(posteriors[-1]),
            }
        )
    dial = np.array(mixes, dtype=np.float64)
    cepstra = np.stack([point.cepstrum for point in timbres])
    agreed = pitch.compared_frames(f0[0], conditioning_hz, sounding)
    path = {
        "mix/spearman": mix_path.spearman(np.array(posteriors), dial),
        "mix/centroid_r2": mix_path.path_linearity_r2(
            np.array([[point.centroid_octaves] for point in timbres]), dial
        ),
        "mix/tilt_r2": mix_path.path_linearity_r2(
            np.array([[point.tilt_db_per_octave] for point in timbres]), dial
        ),
        "mix/mfcc_r2": mix_path.path_linearity_r2(cepstra, dial),
        "mix/step_cv": mix_path.step_cv(cepstra, dial),
        "mix/pitch_drift_cents": mix_path.pitch_drift_cents(f0[1:], agreed),
        "mix/loudness_drift_db": mix_path.loudness_drift_db(loud[1:], sounding),
    }
    source = {
        "judge/posterior": _figure(_posterior(judge, audio, sample_rate)),
        "pitch/judges_agree": _figure(pitch.raw_pitch_accuracy(f0[0], conditioning_hz, agreed)),
        "onsets/n": float(len(found[0])),
    }
    return {"source": source, "mixes": by_mix, "path": {name: _figure(v) for name, v in path.items()}}


def evaluate_voice(
    voice: Voice,
    recordings: Sequence[Recording],
    mixes: Sequence[float] = MIXES,
    *,
    clip_seconds: float = CLIP_SECONDS,
    pitch_judge: PitchJudge = "harvest",
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Measure a voice on recordings; an instrument is the name of a recording's folder.

    Args:
        voice: To evaluate.
        recordings: Performances of one line.
        mixes: Rising, at least two.
        clip_seconds: Recordings are cut to this length, long ones into several clips.
        pitch_judge: Tracker of source and renderings.
        on_progress: Called with the share of recordings done.

    Returns:
        `mixes`, `clips` (as from `evaluate_clip`, with name, instrument and seconds) and `medians`
        (`mixes` and `path`, by instrument).

    Raises:
        InputError: No recordings, or mixes that don't rise from 0 to 1.
        AudioError: A recording cannot be read or used.
    """
    if not recordings:
        raise InputError("there are no recordings to evaluate on: select some")
    if len(mixes) < 2 or any(b <= a for a, b in itertools.pairwise(mixes)):
        raise InputError(f"mixes {list(mixes)} do not rise: give at least two, from 0 to 1")
    judge = Judge()
    clips = []
    for done, recording in enumerate(recordings, start=1):
        whole = read_recording(recording, SAMPLE_RATE)
        for start_seconds in excerpt_starts(len(whole) / SAMPLE_RATE, clip_seconds):
            start = round(start_seconds * SAMPLE_RATE)
            audio = whole[start : start + round(clip_seconds * SAMPLE_RATE)]
            figures = evaluate_clip(
                voice, audio, SAMPLE_RATE, mixes=mixes, judge=judge, pitch_judge=pitch_judge
            )
            about = {
                "name": recording.name,
                "instrument": recording.path.parent.name,
                "start_seconds": start_seconds,
                "seconds": len(audio) / SAMPLE_RATE,
            }
            clips.append({**about, **figures})
        if on_progress is not None:
            on_progress(done / len(recordings))
    by_instrument: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for clip in clips:
        by_instrument[clip["instrument"]].append(clip)
    medians = {
        instrument: {
            "n_clips": len(members),
            "mixes": [_medians([m["mixes"][i] for m in members]) for i in range(len(mixes))],
            "path": _medians([m["path"] for m in members]),
            "source": _medians([m["source"] for m in members]),
        }
        for instrument, members in sorted(by_instrument.items())
    }
    return {
        "voice": voice.card.name,
        "ends": list(voice.card.ends),
        "pitch_judge": pitch_judge,
        "mixes": list(mixes),
        "clips": clips,
        "medians": medians,
    }


def excerpt_starts(seconds: float, clip_seconds: float) -> list[float]:
    """Where to cut a recording: up to `MOST_EXCERPTS` clips, evenly spread over a long one."""
    n_clips = int(min(max(seconds // (2.0 * clip_seconds), 1.0), MOST_EXCERPTS))
    step = (seconds - clip_seconds) / max(n_clips - 1, 1) if n_clips > 1 else 0.0
    return [round(i * step, 2) for i in range(n_clips)]


def _posterior(judge: Judge, audio: Float32[np.ndarray, " sample"], sample_rate: int) -> float:
    """Judge a clip; NaN for silence, which a voice under evaluation may well produce."""
    logits = judge.logits(audio, sample_rate)
    return float(1.0 / (1.0 + np.exp(-logits.mean()))) if logits.size else float("nan")


def _figure(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _medians(rows: Sequence[Figures]) -> Figures:
    columns = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    return {name: float(np.median(np.array(v))) if v else None for name, v in columns.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m violute.evaluation.bench.voice_report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--voice", help="voice file or name (default: the built-in voice)")
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each instrument")
    parser.add_argument("--select", type=Path, help="file of glob patterns: measure these recordings only")
    parser.add_argument("--shortest", type=float, default=3.0, help="skip shorter ones, seconds (default 3)")
    parser.add_argument("--limit", type=int, help="recordings of each folder at most, evenly picked")
    parser.add_argument("--pitch-judge", choices=("harvest", "pyin"), default="harvest")
    parser.add_argument(
        "--instruments", nargs="+", default=["violin", "flute"], help="folders (default both)"
    )
    parser.add_argument("--out", type=Path, default=Path("report"), help="report without ending")
    options = parser.parse_args(arguments)
    try:
        select = read_patterns(options.select) if options.select else None
        chosen: list[Recording] = []
        for instrument in options.instruments:
            listed = list_recordings(options.data / instrument, select=select)
            listed = [
                r for r in listed if len(read_recording(r, SAMPLE_RATE)) >= options.shortest * SAMPLE_RATE
            ]
            if options.limit and len(listed) > options.limit:
                picks = np.linspace(0, len(listed) - 1, options.limit).round().astype(int)
                listed = [listed[i] for i in picks]
            chosen += listed

        def report(share: float) -> None:
            sys.stderr.write(f"{100 * share:.0f} % of {len(chosen)} recordings\n")

        figures = evaluate_voice(
            load_voice(options.voice), chosen, pitch_judge=options.pitch_judge, on_progress=report
        )
        table = markdown_report(figures)
        options.out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        options.out.with_suffix(".md").write_text(table, encoding="utf-8")
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{options.out}: cannot be written ({error.strerror}): choose another place\n")
        return 2
    sys.stdout.write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
