"""What the exam measures of one recording under one condition, played at five mixes.

The notes are followed by trackers that are not ours: the source's pitch is trusted where WORLD's Harvest
and pYIN agree on it, and the rendering's is Harvest's there. A frame in which the rendering has no pitch
is no error of pitch, so how many there are is a figure of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from exam.conditions import Mono
from exam.tagger import Tagger
from violute.errors import AudioError
from violute.evaluation.bench.schema import Figures, figure
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics import loudness, mix_path, onsets, pitch
from violute.evaluation.metrics.loudness import fitted
from violute.voices.contract import Player

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Source(NamedTuple):
    """A recording as it came, and what is known of it before anybody plays it.

    Attributes:
        audio: Mono.
        sample_rate: In Hz.
        f0_hz: Harvest's track.
        loudness_db: Frame by frame.
        trusted: Sounding frames on which both trackers agree.
        onset_seconds: Where notes begin.
        figures: Of the recording itself.
    """

    audio: Mono
    sample_rate: int
    f0_hz: Float[np.ndarray, " frame"]
    loudness_db: Float[np.ndarray, " frame"]
    trusted: Bool[np.ndarray, " frame"]
    onset_seconds: Float[np.ndarray, " onset"]
    figures: Figures


def measure_source(audio: Mono, sample_rate: int, *, judge: Judge, tagger: Tagger | None = None) -> Source:
    """Measure a recording, once for all voices.

    Args:
        audio: Of the recording.
        sample_rate: In Hz.
        judge: Ours.
        tagger: From elsewhere, for a second opinion.

    Raises:
        AudioError: It is empty or not finite.
    """
    f0_hz = pitch.judge_f0(audio, sample_rate)
    loudness_db = loudness.frame_loudness_db(audio, sample_rate)
    n_frames = min(len(f0_hz), len(loudness_db))
    f0_hz, loudness_db = f0_hz[:n_frames], loudness_db[:n_frames]
    pyin = fitted(pitch.judge_f0(audio, sample_rate, judge="pyin"), n_frames)
    sounding = loudness.sounding_frames(loudness_db)
    trusted = pitch.compared_frames(f0_hz, f0_hz, sounding, conditioning_hz=pyin)
    figures = {
        **_opinions(audio, sample_rate, judge, tagger),
        "pitch/judges_agree": figure(float(trusted.sum() / max(sounding.sum(), 1))),
    }
    begun = onsets.note_onsets(f0_hz, loudness_db)
    return Source(audio, sample_rate, f0_hz, loudness_db, trusted, begun, figures)


def examine(voice: Player, source: Source, *, judge: Judge, tagger: Tagger | None = None) -> dict[str, Any]:
    """Let a voice play a recording at every mix; compare with the recording as it came.

    Returns:
        `source` (figures of the recording), `mixes` (figures of each mix) and `mix/spearman`.

    Raises:
        AudioError: The voice cannot play it, or a rendering has another length or is not finite.
    """
    take = voice.analyse(source.audio, source.sample_rate)
    rows: list[Figures] = []
    for mix in MIXES:
        rendering = np.asarray(take.render(mix), dtype=np.float32)
        if rendering.shape != source.audio.shape or not np.isfinite(rendering).all():
            raise AudioError(
                f"mix {mix:g} gave {rendering.shape} for {source.audio.shape}, or samples that are not finite"
            )
        opinions = _opinions(rendering, source.sample_rate, judge, tagger)
        rows.append({"mix": mix, **opinions, **_kept(rendering, source)})
    posteriors = np.array([row["judge/posterior"] for row in rows], dtype=np.float64)
    return {
        "source": source.figures,
        "mixes": rows,
        "mix/spearman": figure(mix_path.spearman(posteriors, np.array(MIXES))),
    }


def _opinions(audio: Mono, sample_rate: int, judge: Judge, tagger: Tagger | None) -> Figures:
    heard = judge.hear(audio, sample_rate)
    figures = {"judge/posterior": figure(heard.posterior), "judge/other": figure(heard.other)}
    if tagger is not None:
        second = tagger.hear(audio, sample_rate)
        figures |= {"tagger/posterior": figure(second.posterior), "tagger/mass": figure(second.mass)}
    return figures


def _kept(rendering: Mono, source: Source) -> Figures:
    """Say what is left of the notes."""
    rate, n_frames = source.sample_rate, len(source.f0_hz)
    f0_hz = fitted(pitch.judge_f0(rendering, rate), n_frames)
    loudness_db = fitted(loudness.frame_loudness_db(rendering, rate), n_frames, loudness.SILENCE_DB)
    compared = source.trusted & (f0_hz > 0.0)
    cents = pitch.cents_apart(source.f0_hz, f0_hz)[compared]
    return {
        "pitch/raw_accuracy": figure(pitch.raw_pitch_accuracy(cents)),
        "pitch/octave_errors": figure(pitch.octave_error_rate(cents)),
        "pitch/coverage": figure(compared.sum() / source.trusted.sum()) if source.trusted.any() else None,
        "onsets/f1": figure(onsets.onset_f1(source.onset_seconds, onsets.note_onsets(f0_hz, loudness_db))),
    }
