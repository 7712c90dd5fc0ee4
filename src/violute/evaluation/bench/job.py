"""One job of the bench: one contender on one clip, with a file of its own.

The file names a fingerprint of everything that its figures depend on (voice, clip, references,
settings, code), so a second run repeats only what is missing or differs. Beside it lie the
renderings that the report plays.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from violute.audio.write import write
from violute.errors import VioluteError
from violute.evaluation.bench.clips import Clip
from violute.evaluation.bench.code_digest import code_digest
from violute.evaluation.bench.contenders import Lineup, open_contender
from violute.evaluation.bench.figures import (
    DIAL_MIXES,
    MIXES,
    SourceFacts,
    measure,
    play,
    source_facts,
)
from violute.evaluation.bench.schema import (
    SCHEMA_VERSION,
    ClipEntry,
    FailureEntry,
    figure,
    to_json,
)
from violute.evaluation.bench.strangers import is_stranger
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.pitch import PitchJudge
from violute.evaluation.report.listening import HeardClip
from violute.rates import SAMPLE_RATE
from violute.voices.contract import Player
from violute.voices.load import load_voice
from violute.whole_file import disk_errors, replace_text

KEPT_MIXES = (0.0, 0.5, 1.0)
"""Renderings that stay in the work folder, for the report to play."""


@dataclass(frozen=True)
class Job:
    """One contender on one clip, with its file in a work folder."""

    lineup: Lineup
    contender: str
    clip: Clip
    pitch_judge: PitchJudge
    folder: Path

    @property
    def path(self) -> Path:
        """The job's own JSON file."""
        stem = f"{slug(self.contender)}--{slug(self.clip.name)}"
        return self.folder / f"{stem}.json"

    def rendering_path(self, mix: float) -> Path:
        """Where the rendering at one of `KEPT_MIXES` lies."""
        return self.path.with_name(f"{self.path.stem}-mix{mix:.2f}.flac")


def slug(name: str) -> str:
    """Return a name that any file system takes, told apart from others by a few digits."""
    digits = hashlib.sha256(name.encode()).hexdigest()[:6]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-")[:60] + "-" + digits


def fingerprint(job: Job) -> str:
    """Return a digest of everything that the figures of a job depend on."""
    voice = next((v for v in job.lineup.voices if v.name == job.contender), None)
    is_baseline = voice is None
    facts = {
        "schema_version": SCHEMA_VERSION,
        "code": code_digest(),
        "first": job.lineup.voices[0].sha256,
        "voice": job.lineup.voices[0].sha256 if voice is None else voice.sha256,
        "contender": job.contender,
        "references": [[asdict(r) for r in rs] for rs in job.lineup.references] if is_baseline else [],
        "clip": hashlib.sha256(job.clip.read(SAMPLE_RATE).tobytes()).hexdigest(),
        "group": job.clip.recording.name,
        "mixes": [MIXES, DIAL_MIXES, KEPT_MIXES],
        "pitch_judge": job.pitch_judge,
    }
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def is_done(job: Job, wanted: str) -> bool:
    """Say whether a job's file is whole and has the fingerprint `wanted`."""
    try:
        stored = json.loads(job.path.read_text(encoding="utf-8"))
        return bool(stored["fingerprint"] == wanted) and all(
            job.rendering_path(m).is_file() for m in KEPT_MIXES
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def do_job(job: Job) -> FailureEntry | None:
    """Play, measure and store one job, unless it is done; a contender that cannot play is reported."""
    try:
        wanted = fingerprint(job)
        if is_done(job, wanted):
            return None
        facts = _facts(job.clip, job.pitch_judge)
        renderings, cost = play(_contender(job.lineup, job.contender), facts)
        measured = measure(renderings, facts, judge=_judge(), pitch_judge=job.pitch_judge)
    except VioluteError as error:
        return {"contender": job.contender, "clip": job.clip.name, "message": str(error)}
    for mix in KEPT_MIXES:
        audio = np.clip(renderings[DIAL_MIXES.index(mix)], -1.0, 1.0)
        write(job.rendering_path(mix), audio, SAMPLE_RATE, subtype="PCM_16")
    result = {"contender": job.contender, "clip": job.clip.name, **measured, "cost": cost}
    heard = load_voice(job.lineup.voices[0].path).card.training_data
    entries = {"fingerprint": wanted, "clip": clip_entry(job.clip, facts, heard), "result": result}
    with disk_errors(job.path):
        replace_text(job.path, to_json(entries))
    return None


def clip_entry(clip: Clip, facts: SourceFacts, training_data: Sequence[str]) -> ClipEntry:
    """Describe a clip for the document, to a voice that learned from `training_data`."""
    return {
        "name": clip.name,
        "instrument": clip.instrument,
        "group": clip.recording.name,
        "seconds": len(facts.audio) / facts.sample_rate,
        "source": facts.figures,
        "timbre": [figure(value) for value in facts.timbre],
        "is_stranger": is_stranger(clip.recording.source, clip.instrument, training_data),
    }


def hear(jobs: Sequence[Job], clips: Sequence[Clip], n_clips: int) -> list[HeardClip]:
    """Read the renderings that a report plays, of `n_clips` of each instrument, evenly picked."""
    heard: list[HeardClip] = []
    for instrument in dict.fromkeys(clip.instrument for clip in clips):
        members = [clip for clip in clips if clip.instrument == instrument]
        picks = np.unique(np.linspace(0, len(members) - 1, min(n_clips, len(members))).round().astype(int))
        for clip in (members[i] for i in picks):
            renderings = {
                (job.contender, mix): soundfile.read(job.rendering_path(mix), dtype="float32")[0]
                for job in jobs
                if job.clip == clip
                for mix in KEPT_MIXES
            }
            heard.append(HeardClip(clip.name, clip.read(SAMPLE_RATE), renderings, SAMPLE_RATE))
    return heard


@lru_cache(maxsize=1)
def _judge() -> Judge:
    return Judge()


@lru_cache(maxsize=2)
def _facts(clip: Clip, pitch_judge: PitchJudge) -> SourceFacts:
    return source_facts(clip.read(SAMPLE_RATE), SAMPLE_RATE, judge=_judge(), pitch_judge=pitch_judge)


@lru_cache(maxsize=32)
def _contender(lineup: Lineup, name: str) -> Player:
    return open_contender(lineup, name)
