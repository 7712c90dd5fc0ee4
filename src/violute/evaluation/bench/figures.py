"""The figures of one contender on one clip: every metric of this room, in one pass.

A recording's own facts (pitch, loudness, onsets, notes) are measured once and serve all contenders.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import soxr
from jaxtyping import Bool, Float, Float32, Int

from violute.analysis.analyser import analyse
from violute.analysis.notes import Note, segment_notes
from violute.analysis.polyphony import estimate as polyphony
from violute.analysis.polyphony.estimate import PolyphonyMeter
from violute.errors import AudioError
from violute.evaluation.bench.schema import (
    DEVIATION_LIMIT_CENTS,
    DEVIATION_STEP_CENTS,
    Figures,
    figure,
    number,
)
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, mix_path, onsets, pitch
from violute.evaluation.metrics.fusion import mean_f0_tracks, roughness
from violute.evaluation.metrics.loudness import fitted
from violute.evaluation.metrics.notes import chord_notes, note_f1
from violute.evaluation.metrics.pitch import PitchJudge
from violute.evaluation.metrics.spectral import log_spectral_distance_db, multi_resolution_distance
from violute.rates import SAMPLE_RATE
from violute.voices.contract import Player

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where every figure is measured."""

PATH_MIXES = tuple(i / 10 for i in range(11))
"""Where colour and posterior are measured, for the figures of the dial."""

DIAL_MIXES = tuple(sorted({*MIXES, *PATH_MIXES}))
"""Everything that is rendered."""


MOST_POLYPHONIC_SHARE = 0.2
"""A clip with more of its frames polyphonic is chords; lines in a hall read up to 0.12, chords from 0.25."""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a recording before anybody plays it.

    Attributes:
        audio: Mono.
        sample_rate: In Hz.
        f0_hz: The judge's track.
        conditioning_hz: The track that conditions our voices.
        loudness_db: A-weighted, frame by frame.
        onset_seconds: Attacks.
        notes: Of one line, from the judge's track.
        chord_notes: Notes that may sound together.
        figures: Of the recording itself.
        timbre: Mean cepstrum.
    """

    audio: Float32[np.ndarray, " sample"]
    sample_rate: int
    f0_hz: Float[np.ndarray, " frame"]
    conditioning_hz: Float[np.ndarray, " frame"]
    loudness_db: Float[np.ndarray, " frame"]
    onset_seconds: Float[np.ndarray, " onset"]
    notes: list[Note]
    chord_notes: list[Note]
    figures: Figures
    timbre: Float[np.ndarray, " coefficient"]

    @property
    def is_one_line(self) -> bool:
        """Whether a tracker of one line can follow it; chords are measured by their notes alone."""
        return (self.figures["notes/polyphonic_share"] or 0.0) < MOST_POLYPHONIC_SHARE


def source_facts(
    audio: Float32[np.ndarray, " sample"], sample_rate: int, *, judge: Judge, pitch_judge: PitchJudge
) -> SourceFacts:
    """Measure a recording.

    Raises:
        AudioError: It is empty, silent or not finite.
    """
    tracks = [
        _judged_f0(audio.tobytes(), sample_rate, pitch_judge),
        _conditioning_f0(audio, sample_rate),
        loudness.frame_loudness_db(audio, sample_rate),
    ]
    n_frames = min(len(track) for track in tracks)
    f0_hz, conditioning_hz, loudness_db = (track[:n_frames] for track in tracks)
    sounding = loudness.sounding_frames(loudness_db)
    agreed = pitch.compared_frames(f0_hz, conditioning_hz, sounding)
    apart_cents = pitch.cents_apart(f0_hz, conditioning_hz)[agreed]
    onset_seconds = onsets.note_onsets(f0_hz, loudness_db)
    colours, cepstrum = _colour_figures(audio, sample_rate, judge)
    figures = {
        **colours,
        "notes/polyphonic_share": polyphonic_share(audio, sample_rate),
        "pitch/judges_agree": figure(pitch.raw_pitch_accuracy(apart_cents)),
        "onsets/n": float(len(onset_seconds)),
        **_fusion_figures(audio, sample_rate),
    }
    return SourceFacts(
        audio=audio,
        sample_rate=sample_rate,
        f0_hz=f0_hz,
        conditioning_hz=conditioning_hz,
        loudness_db=loudness_db,
        onset_seconds=onset_seconds,
        notes=segment_notes(np.where(sounding, f0_hz, 0.0), onset_seconds),
        chord_notes=chord_notes(audio, sample_rate),
        figures=figures,
        timbre=cepstrum,
    )


def play(
    contender: Player, facts: SourceFacts, mixes: Sequence[float] = DIAL_MIXES
) -> tuple[list[Float32[np.ndarray, " sample"]], Figures]:
    """Render a recording at every mix, and take the time.

    Returns:
        Renderings, and `cost/analyse_seconds` and `cost/render_seconds` (median of one mix).

    Raises:
        AudioError: The clip cannot be used, or a rendering has another length or is not finite.
    """
    begun = time.perf_counter()
    take = contender.analyse(facts.audio, facts.sample_rate)
    analyse_seconds = time.perf_counter() - begun
    renderings, seconds = [], []
    for mix in mixes:
        begun = time.perf_counter()
        rendering = np.asarray(take.render(mix), dtype=np.float32)
        seconds.append(time.perf_counter() - begun)
        if rendering.shape != facts.audio.shape or not np.isfinite(rendering).all():
            raise AudioError(
                f"mix {mix:g} gave {rendering.shape} samples for {facts.audio.shape}, or some that are not "
                "finite: mend the contender"
            )
        renderings.append(rendering)
    return renderings, {
        "cost/analyse_seconds": analyse_seconds,
        "cost/render_seconds": float(np.median(seconds)),
    }


def measure(
    renderings: Sequence[Float32[np.ndarray, " sample"]],
    facts: SourceFacts,
    *,
    judge: Judge,
    pitch_judge: PitchJudge = "harvest",
) -> dict[str, Any]:
    """Measure renderings at `DIAL_MIXES` against their recording.

    Returns:
        `mixes`, `dial`, `timbre`, `path` and `deviation_counts` as in `schema.ResultEntry`.

    Raises:
        ShapeError: There are not as many renderings as mixes.
    """
    rate = facts.sample_rate
    dial, cepstra = [], []
    for mix, rendering in zip(DIAL_MIXES, renderings, strict=True):
        colours, cepstrum = _colour_figures(rendering, rate, judge)
        cepstra.append(cepstrum)
        dial.append({"mix": mix, **colours})
    n_frames = len(facts.f0_hz)
    chosen = [renderings[DIAL_MIXES.index(mix)] for mix in MIXES]
    f0_hz = np.stack([fitted(_judged_f0(r.tobytes(), rate, pitch_judge), n_frames) for r in chosen])
    loudness_db = np.stack(
        [fitted(loudness.frame_loudness_db(r, rate), n_frames, loudness.SILENCE_DB) for r in chosen]
    )
    sounding = loudness.sounding_frames(facts.loudness_db)
    followed = sounding & facts.is_one_line
    by_mix, counts = [], []
    for i, (mix, rendering) in enumerate(zip(MIXES, chosen, strict=True)):
        frames = pitch.compared_frames(facts.f0_hz, f0_hz[i], followed, conditioning_hz=facts.conditioning_hz)
        onset_seconds = onsets.note_onsets(f0_hz[i], loudness_db[i])
        heard_hz = np.where(loudness.sounding_frames(loudness_db[i]), f0_hz[i], 0.0)
        cents = pitch.cents_apart(facts.f0_hz, f0_hz[i])[frames]
        counts.append(deviation_counts(cents).tolist())
        values = {
            "pitch/raw_accuracy": pitch.raw_pitch_accuracy(cents),
            "pitch/median_deviation_cents": pitch.median_deviation_cents(cents),
            "pitch/octave_errors": pitch.octave_error_rate(cents),
            "pitch/coverage": float(frames.sum() / max(int(sounding.sum()), 1)),
            "loudness/l1_db": loudness.loudness_l1_db(facts.loudness_db, loudness_db[i]),
            "loudness/correlation": loudness.loudness_correlation(facts.loudness_db, loudness_db[i]),
            "onsets/f1": onsets.onset_f1(facts.onset_seconds, onset_seconds),
            "notes/f1": note_f1(facts.notes, segment_notes(heard_hz, onset_seconds)),
            "notes/chords_f1": note_f1(facts.chord_notes, chord_notes(rendering, rate)),
            "spectral/multi_resolution": multi_resolution_distance(facts.audio, rendering, rate),
            "spectral/log_spectral_distance_db": log_spectral_distance_db(facts.audio, rendering, rate),
        }
        if not facts.is_one_line:
            values |= {"onsets/f1": np.nan, "notes/f1": np.nan}
        entry: Figures = {"mix": mix, **{name: figure(value) for name, value in values.items()}}
        for name in ("judge/posterior", "judge/other"):
            entry[name] = dial[DIAL_MIXES.index(mix)][name]
        entry |= _fusion_figures(rendering, rate)
        by_mix.append(entry)
    agreed = pitch.compared_frames(facts.f0_hz, facts.conditioning_hz, followed)
    return {
        "mixes": by_mix,
        "dial": dial,
        "timbre": [[figure(value) for value in cepstrum] for cepstrum in cepstra],
        "path": _path_figures(dial, np.stack(cepstra), f0_hz, loudness_db, agreed, sounding),
        "deviation_counts": counts,
    }


def deviation_counts(cents: Float[np.ndarray, " compared"]) -> Int[np.ndarray, " bin"]:
    """Count frames by their deviation in cents; the first and last bin take what lies outside."""
    edges = deviation_edges_cents()
    clipped = np.clip(cents, edges[0] + 1e-6, edges[-1] - 1e-6)
    return np.histogram(clipped, edges)[0]


def deviation_edges_cents() -> Float[np.ndarray, " edge"]:
    """Return the edges of the bins of `deviation_counts`."""
    n_bins = round(2.0 * DEVIATION_LIMIT_CENTS / DEVIATION_STEP_CENTS)
    return np.linspace(-DEVIATION_LIMIT_CENTS, DEVIATION_LIMIT_CENTS, n_bins + 1)


def _path_figures(
    dial: list[Figures],
    cepstra: Float[np.ndarray, "mix coefficient"],
    f0_hz: Float[np.ndarray, "stop frame"],
    loudness_db: Float[np.ndarray, "stop frame"],
    agreed: Bool[np.ndarray, " frame"],
    sounding: Bool[np.ndarray, " frame"],
) -> Figures:
    even = [DIAL_MIXES.index(mix) for mix in PATH_MIXES]
    mixes = np.array(PATH_MIXES)
    posteriors, centroids, tilts = (
        np.array([number(dial[i][name]) for i in even])
        for name in ("judge/posterior", "timbre/centroid_octaves", "timbre/tilt_db_per_octave")
    )
    points = cepstra[even]
    values = {
        "mix/spearman": mix_path.spearman(posteriors, mixes),
        "mix/centroid_r2": mix_path.path_linearity_r2(centroids[:, None], mixes),
        "mix/tilt_r2": mix_path.path_linearity_r2(tilts[:, None], mixes),
        "mix/mfcc_r2": mix_path.path_linearity_r2(points, mixes),
        "mix/step_cv": mix_path.step_cv(points, mixes),
        "mix/pitch_drift_cents": mix_path.pitch_drift_cents(f0_hz, agreed),
        "mix/loudness_drift_db": mix_path.loudness_drift_db(loudness_db, sounding),
    }
    return {name: figure(value) for name, value in values.items()}


def polyphonic_share(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> float:
    """Return the share of a recording's sounding frames with several notes at once, 0 to 1."""
    meter = PolyphonyMeter()
    meter.push(soxr.resample(audio, sample_rate, polyphony.SAMPLE_RATE))
    return meter.share()


def _conditioning_f0(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> Float[np.ndarray, " frame"]:
    """Track pitch as conversion does: Hz every 10 ms, 0 where unpitched."""
    if sample_rate != SAMPLE_RATE:
        audio = soxr.resample(audio, sample_rate, SAMPLE_RATE)
    controls = analyse(audio)
    return np.where(controls.periodicity[0] > 0.0, controls.f0_hz[0], 0.0).astype(np.float64)


def _colour_figures(
    audio: Float32[np.ndarray, " sample"], sample_rate: int, judge: Judge
) -> tuple[Figures, Float[np.ndarray, " coefficient"]]:
    """Say what the judge hears and how bright a sound is, and return its mean cepstrum."""
    colour, heard = mix_path.timbre_point(audio, sample_rate), judge.hear(audio, sample_rate)
    return {
        "judge/posterior": figure(heard.posterior),
        "judge/other": figure(heard.other),
        "timbre/centroid_octaves": figure(colour.centroid_octaves),
        "timbre/tilt_db_per_octave": figure(colour.tilt_db_per_octave),
    }, colour.cepstrum


def _fusion_figures(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> Figures:
    return {
        "fusion/f0_tracks": figure(mean_f0_tracks(audio, sample_rate)),
        "fusion/roughness": figure(roughness(audio, sample_rate)),
    }


@lru_cache(maxsize=16)
def _judged_f0(audio: bytes, sample_rate: int, judge: PitchJudge) -> Float[np.ndarray, " frame"]:
    """Track the pitch of float32 samples, once for renderings that several contenders share.

    The tracker takes most of a bench's time; baselines play a voice's own ends, and the source as it is.
    """
    return pitch.judge_f0(np.frombuffer(audio, dtype=np.float32), sample_rate, judge=judge)
