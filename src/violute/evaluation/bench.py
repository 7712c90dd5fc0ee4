"""The bench: every contender plays every clip, in several processes, and can be stopped at any moment.

Each pair of contender and clip is a job with a JSON file of its own in the work folder, beside the
renderings that the report plays. A file names a fingerprint of everything that its figures depend on
(voice, clip, references, settings, code); a second run repeats only what is missing or differs.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import violute
from violute.errors import InputError, VioluteError
from violute.evaluation.bench_clips import Clip
from violute.evaluation.bench_contenders import Lineup, contender_entries, wake
from violute.evaluation.bench_cost import measure_cost
from violute.evaluation.bench_environment import environment
from violute.evaluation.bench_figures import (
    DIAL_MIXES,
    MIXES,
    SourceFacts,
    deviation_edges_cents,
    measure,
    play,
    source_facts,
)
from violute.evaluation.bench_schema import (
    SCHEMA,
    SCHEMA_VERSION,
    ClipEntry,
    Document,
    FailureEntry,
    ResultEntry,
    figure,
    to_json,
)
from violute.evaluation.bench_summary import summarise
from violute.evaluation.contender import Contender
from violute.evaluation.judge import Judge
from violute.evaluation.voice_report import PitchJudge
from violute.voices.contract import OnProgress

SAMPLE_RATE = 44_100
"""Rate at which recordings are handed to contenders, in Hz."""

KEPT_MIXES = (0.0, 0.5, 1.0)
"""Renderings that stay in the work folder, for the report to play."""

COST_SECONDS = 10.0

StartStage = Callable[[str], OnProgress]
"""Opens a stage of the run under a title and returns what moves it."""


@dataclass(frozen=True)
class Job:
    """One contender on one clip.

    Attributes:
        lineup: Everybody who plays.
        contender: Name.
        clip: To play.
        pitch_judge: Tracker of source and renderings.
        folder: Work folder.
    """

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


def run_bench(
    lineup: Lineup,
    clips: Sequence[Clip],
    folder: Path,
    *,
    pitch_judge: PitchJudge = "harvest",
    n_processes: int = 1,
    arguments: Sequence[str] = (),
    with_cost: bool = True,
    on_stage: StartStage = lambda _title: lambda _share: None,
) -> tuple[Document, list[Job]]:
    """Let everybody play everything.

    Args:
        lineup: Everybody who plays.
        clips: What is played, at least one.
        folder: Work folder; made if it doesn't exist.
        pitch_judge: Tracker of source and renderings.
        n_processes: Jobs at a time; 1 stays in this process.
        arguments: Of the command line, for the document.
        with_cost: Measure speed and memory too, which takes a process for each contender.
        on_stage: Called with a title for each stage; gives what is called with the share done.

    Returns:
        The document, and the jobs, whose renderings lie in the work folder.

    Raises:
        InputError: There are no clips, nobody could play any, or the folder cannot be made.
        VoiceError: A voice is damaged.
        AudioError: A clip cannot be read.
    """
    if not clips:
        raise InputError("there are no clips to play: select some recordings")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}): name another report") from None
    entries = contender_entries(lineup)
    # By clip, so that a process measures a recording once for several contenders.
    jobs = [Job(lineup, entry["name"], clip, pitch_judge, folder) for clip in clips for entry in entries]
    failures = _run_jobs(jobs, n_processes, on_stage("playing and measuring"))
    results: list[ResultEntry] = []
    clip_entries: dict[str, ClipEntry] = {}
    for job in jobs:
        if (job.contender, job.clip.name) in {(f["contender"], f["clip"]) for f in failures}:
            continue
        stored = json.loads(job.path.read_text(encoding="utf-8"))
        results.append(stored["result"])
        clip_entries[job.clip.name] = stored["clip"]
    if not results:
        raise InputError(f"nobody could play any clip; the first said: {failures[0]['message']}")
    costs = _costs(lineup, [e["name"] for e in entries], clips[0], on_stage) if with_cost else {}
    ordered = [clip_entries[clip.name] for clip in clips if clip.name in clip_entries]
    document: Document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "environment": environment(arguments),
        "settings": {
            "mixes": list(MIXES),
            "dial_mixes": list(DIAL_MIXES),
            "clip_seconds": max(entry["seconds"] for entry in ordered),
            "sample_rate": SAMPLE_RATE,
            "pitch_judge": pitch_judge,
            "deviation_edges_cents": deviation_edges_cents().tolist(),
            "references": {
                end: len(members) for end, members in zip(lineup.ends, lineup.references, strict=True)
            },
        },
        "contenders": entries,
        "clips": ordered,
        "results": results,
        "summary": summarise(results, ordered),
        "costs": costs,
        "failures": failures,
    }
    return document, jobs


def fingerprint(job: Job) -> str:
    """Return a digest of everything that the figures of a job depend on.

    Raises:
        AudioError: The clip cannot be read.
    """
    voice = next((v for v in job.lineup.voices if v.name == job.contender), None)
    is_baseline = voice is None
    facts = {
        "schema_version": SCHEMA_VERSION,
        "code": code_digest(),
        "voice": job.lineup.voices[0].sha256 if voice is None else voice.sha256,
        "contender": job.contender,
        "references": [[asdict(r) for r in rs] for rs in job.lineup.references] if is_baseline else [],
        "clip": hashlib.sha256(job.clip.read(SAMPLE_RATE).tobytes()).hexdigest(),
        "group": job.clip.group,
        "mixes": [MIXES, DIAL_MIXES, KEPT_MIXES],
        "pitch_judge": job.pitch_judge,
    }
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return a digest of the code that plays and measures; reports may change without a repeat."""
    package = Path(violute.__file__).parent
    digest = hashlib.sha256()
    for room in ("audio", "analysis", "synthesis", "voices", "evaluation"):
        for path in sorted((package / room).glob("*.py")):
            is_reporting = path.stem.startswith(("bench", "report", "listening"))
            if room != "evaluation" or not is_reporting or path.stem.endswith("figures"):
                digest.update(path.read_bytes())
    digest.update((package / "evaluation" / "judge.onnx").read_bytes())
    return digest.hexdigest()


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
    """Play, measure and store one job, unless it is done; a contender that cannot play is reported.

    Raises:
        OSError: The work folder cannot be written.
    """
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
        soundfile.write(job.rendering_path(mix), audio, SAMPLE_RATE, subtype="PCM_16")
    clip: ClipEntry = {
        "name": job.clip.name,
        "instrument": job.clip.instrument,
        "group": job.clip.group,
        "seconds": len(facts.audio) / SAMPLE_RATE,
        "source": facts.figures,
        "timbre": [figure(value) for value in facts.timbre],
    }
    result = {"contender": job.contender, "clip": job.clip.name, **measured, "cost": cost}
    _store(job.path, {"fingerprint": wanted, "clip": clip, "result": result})
    return None


def _run_jobs(jobs: Sequence[Job], n_processes: int, on_progress: OnProgress) -> list[FailureEntry]:
    failures: list[FailureEntry | None] = []
    if n_processes <= 1:
        for job in jobs:
            failures.append(do_job(job))
            on_progress(len(failures) / len(jobs))
    else:
        # Fresh processes: a fork of one that has run threads of ONNX Runtime may hang.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
            futures: list[Future[FailureEntry | None]] = [pool.submit(do_job, job) for job in jobs]
            try:
                for future in as_completed(futures):
                    failures.append(future.result())
                    on_progress(len(failures) / len(jobs))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return sorted(
        (failure for failure in failures if failure is not None), key=lambda f: (f["contender"], f["clip"])
    )


def _costs(
    lineup: Lineup, names: Sequence[str], clip: Clip, on_stage: StartStage
) -> dict[str, dict[str, float | None]]:
    audio = clip.read(SAMPLE_RATE)[: int(COST_SECONDS * SAMPLE_RATE)]
    on_progress = on_stage("speed and memory")
    costs = {}
    for done, name in enumerate(names, start=1):
        costs[name] = measure_cost(lineup, name, audio, SAMPLE_RATE)
        on_progress(done / len(names))
    return costs


def _store(path: Path, entries: dict[str, Any]) -> None:
    """Write a file that is whole or not there."""
    part = path.with_name(path.name + ".part")
    part.write_text(to_json(entries), encoding="utf-8")
    part.replace(path)


@lru_cache(maxsize=1)
def _judge() -> Judge:
    return Judge()


@lru_cache(maxsize=2)
def _facts(clip: Clip, pitch_judge: PitchJudge) -> SourceFacts:
    return source_facts(clip.read(SAMPLE_RATE), SAMPLE_RATE, judge=_judge(), pitch_judge=pitch_judge)


@lru_cache(maxsize=32)
def _contender(lineup: Lineup, name: str) -> Contender:
    return wake(lineup, name)
