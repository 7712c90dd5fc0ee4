"""The bench: every contender plays every clip, in several processes, and can be stopped at any moment.

What is done stays in the work folder (`bench.job`); a later run goes on from there.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import soundfile

from violute.errors import InputError
from violute.evaluation.bench.clips import Clip
from violute.evaluation.bench.contenders import Lineup, contender_entries
from violute.evaluation.bench.cost import measure_cost
from violute.evaluation.bench.ends import EndSound, end_distances
from violute.evaluation.bench.environment import environment
from violute.evaluation.bench.figures import (
    DIAL_MIXES,
    MIXES,
    deviation_edges_cents,
)
from violute.evaluation.bench.job import Job, do_job
from violute.evaluation.bench.schema import (
    SCHEMA,
    SCHEMA_VERSION,
    ClipEntry,
    Document,
    FailureEntry,
    ResultEntry,
)
from violute.evaluation.bench.summary import summarise
from violute.evaluation.metrics.pitch import PitchJudge
from violute.evaluation.metrics.timbre_distance import patch_embeddings
from violute.rates import SAMPLE_RATE
from violute.voices.contract import OnProgress
from violute.worklist.engine import Engine

COST_SECONDS = 10.0

StartStage = Callable[[str], OnProgress]
"""Opens a stage of the run under a title and returns what moves it."""


COMPILED = ("librosa.core.audio", "librosa.core.pitch", "librosa.util.utils")
"""Modules of which numba compiles something as they are imported."""


def run_bench(
    lineup: Lineup,
    clips: Sequence[Clip],
    folder: Path,
    *,
    pitch_judge: PitchJudge = "harvest",
    engine: Engine = Engine(1),  # noqa: B008  # frozen
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
        engine: Who does the jobs.
        arguments: Of the command line, for the document.
        with_cost: Measure speed and memory too, which takes a process for each contender.
        on_stage: Called with a title for each stage; gives what is called with the share done.

    Returns:
        The document, and the jobs that succeeded, whose renderings lie in the work folder.

    Raises:
        InputError: There are no clips, nobody could play any, or the folder cannot be made.
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
    failures = _run_jobs(jobs, engine, on_stage("playing and measuring"))
    results: list[ResultEntry] = []
    clip_entries: dict[str, ClipEntry] = {}
    failed = {(failure["contender"], failure["clip"]) for failure in failures}
    for job in jobs:
        if (job.contender, job.clip.name) in failed:
            continue
        stored = json.loads(job.path.read_text(encoding="utf-8"))
        results.append(stored["result"])
        clip_entries[job.clip.name] = stored["clip"]
    if not results:
        raise InputError(f"nobody could play any clip; the first said: {failures[0]['message']}")
    costs = _costs(lineup, [e["name"] for e in entries], clips[0], on_stage) if with_cost else {}
    done = {(result["contender"], result["clip"]) for result in results}
    played = [job for job in jobs if (job.contender, job.clip.name) in done]
    distances, floors = end_distances(lineup, _end_sounds(played, on_stage("distance to real instruments")))
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
        "summary": [*summarise(results, ordered), *distances],
        "costs": costs,
        "floors": floors,
        "failures": failures,
    }
    return document, played


def compile_librosa() -> None:
    """Have librosa compile, once for all processes, what it compiles as it is imported.

    Numba keeps that in files, which two processes that write at the same time spoil: both may crash.
    """
    for module in COMPILED:
        importlib.import_module(module)


def _run_jobs(jobs: Sequence[Job], engine: Engine, on_progress: OnProgress) -> list[FailureEntry]:
    compile_librosa()
    failures: list[FailureEntry | None] = []
    with closing(engine.results(do_job, jobs)) as results:
        for failure in results:
            failures.append(failure)
            on_progress(len(failures) / len(jobs))
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


def _end_sounds(jobs: Sequence[Job], on_progress: OnProgress) -> list[EndSound]:
    sounds: list[EndSound] = []
    for number, job in enumerate(jobs, start=1):
        for mix in (0.0, 1.0):
            audio, sample_rate = soundfile.read(job.rendering_path(mix), dtype="float32")
            sounds.append(
                {
                    "contender": job.contender,
                    "instrument": job.clip.instrument,
                    "group": job.clip.recording.name,
                    "mix": mix,
                    "patches": patch_embeddings(audio, sample_rate),
                }
            )
        on_progress(number / len(jobs))
    return sounds
