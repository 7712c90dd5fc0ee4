"""One worker: a process that keeps voices and takes, and analyses and renders one job at a time.

Strangers' files are opened here and nowhere else, so that a decoder that hangs or dies takes no more
with it than its own job.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from violute.analysis.polyphony.chords import Lines
from violute.audio.file_source import FileSource
from violute.audio.formats import subtype_for
from violute.errors import AudioError, VioluteError, VoiceError
from violute.examples import pieces_for
from violute.families.ddsp.live_file import live_bytes
from violute.rates import SAMPLE_RATE
from violute.studio.limits import Limits
from violute.studio.work.jobs import (
    Analysed,
    AnalyseJob,
    Cancel,
    Described,
    Exported,
    ExportJob,
    Job,
    Outcome,
    Progressed,
    Refused,
    Rendered,
    RenderJob,
    Report,
    Stopped,
    Transposed,
    TransposeJob,
)
from violute.studio.work.live_gains import live_gains
from violute.studio.work.prefetched import Prefetched
from violute.studio.work.preview import write_preview
from violute.voices.contract import OnProgress
from violute.voices.live_parameters import live_parameters
from violute.voices.load import find_voice, load_voice
from violute.voices.take import Take
from violute.whole_file import disk_errors, replace_bytes

MAX_FRAMES = 120_000
"""Takes are kept for the next rendering up to so many frames together (20 minutes, about 100 MB)."""

MAX_VOICES = 3
REPORT_SECONDS = 0.05
REST_SECONDS = 1.0
"""Time without a job after which a worker prefetches: sooner, it would slow a page that is being opened."""

PREFETCHES = "prefetches-"
"""What the folders of jobs that nobody asked for begin with."""

ANALYSIS_SHARE = 0.7
"""Share of an analysis job that is analysis proper, for progress only."""


class CancelledError(BaseException):
    """The job is not wanted any more; no error, so nothing that mends errors may catch it."""


def work(connection: Connection, voice: str, limits: Limits, scratch: Path) -> None:
    """Work until the other end hangs up: jobs and `Cancel` come in, reports and one outcome a job go out."""
    # Ctrl-C reaches every process of a terminal; this one ends when its server does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that what it starts can be killed with it
    tempfile.tempdir = str(scratch)
    worker = Worker(limits)
    worker.warm_up(voice)
    try:
        while True:
            if not connection.poll(REST_SECONDS):
                worker.prefetch(connection.poll)
            job = connection.recv()
            if not isinstance(job, Cancel):  # one that came too late for its job
                connection.send(_outcome(worker, job, _reporter(connection)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _outcome(worker: Worker, job: Job, report: Callable[[Report], None]) -> Outcome:
    try:
        match job:
            case AnalyseJob():
                return worker.analyse(job, report)
            case RenderJob():
                return worker.render(job, report)
            case TransposeJob():
                return worker.transpose(job, report)
            case ExportJob():
                return worker.export(job, report)
        raise TypeError(f"{type(job).__name__} is no job of a worker")
    except CancelledError:
        return Stopped()
    except VioluteError as error:
        return Refused(_without_paths(str(error), job))


def _reporter(connection: Connection) -> Callable[[Report], None]:
    """Return what passes reports on, not too many, and notices that the job was cancelled."""
    last = 0.0

    def report(what: Report) -> None:
        nonlocal last
        if connection.poll():
            connection.recv()  # nothing but Cancel comes while a job runs, or the end of the server
            raise CancelledError
        if isinstance(what, Described) or time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            connection.send(what)

    return report


def _without_paths(message: str, job: Job) -> str:
    """Call files by the names that their owner knows, for where they lie here is nobody's business."""
    names = {str(job.source): job.name, job.voice: Path(job.voice).stem}
    if isinstance(job, RenderJob | TransposeJob | ExportJob):
        names[str(job.destination)] = job.destination.name
    names |= dict.fromkeys((str(job.source.parent), tempfile.gettempdir()), "the studio's folder")
    for path, name in names.items():
        message = message.replace(path, name)
    return message


class Worker:
    """Does the jobs, and keeps the voices and the takes of the last recordings for the next ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._voice = lru_cache(MAX_VOICES)(load_voice)
        self._takes: OrderedDict[tuple[str, str, Lines], Take] = OrderedDict()
        self._to_prefetch: list[tuple[str, Path]] = []  # voices and pieces
        self._prefetched: list[Prefetched] = []

    def warm_up(self, voice: str) -> None:
        """Load a voice and have it play a short tone, so that the first musician doesn't wait for that.

        A voice that cannot be loaded is left to complain when somebody asks for it.
        """
        seconds = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
        tone = (0.1 * np.sin(2.0 * np.pi * 440.0 * seconds)).astype(np.float32)
        with contextlib.suppress(VioluteError):
            loaded = self._voice(voice)
            loaded.analyse(tone, SAMPLE_RATE).render(0.5)
            self._to_prefetch = [(voice, path) for path in pieces_for(loaded.card.ends).values()]

    def prefetch(self, is_wanted: Callable[[], bool]) -> None:
        """Analyse the pieces that the page offers with the first voice, until something else is wanted."""

        def look(_: Report) -> None:
            if is_wanted():
                raise CancelledError

        with contextlib.suppress(CancelledError, VioluteError, OSError):
            while self._to_prefetch:
                look(Progressed(0.0))
                voice, path = self._to_prefetch[0]
                with tempfile.TemporaryDirectory(prefix=PREFETCHES) as folder:
                    preview, parameters = Path(folder) / "preview.wav", Path(folder) / "parameters.bin"
                    job = AnalyseJob(path.name, path, path.name, voice, "auto", preview, parameters)
                    analysed = self.analyse(job, look)
                    self._prefetched.append(Prefetched.of(job, analysed, self._takes.pop(_key(job))))
                del self._to_prefetch[0]

    def analyse(self, job: AnalyseJob, report: Callable[[Report], None]) -> Analysed:
        """Analyse a recording, and write its preview and its live parameters.

        Raises:
            VioluteError: The recording is none that the studio takes, or the voice cannot be used.
        """
        report(Progressed(0.0))
        recording = self._open(job)
        n_samples, rate = recording.n_samples, recording.sample_rate
        report(Described(n_samples / rate, rate, recording.n_channels))
        for piece in self._prefetched:
            if piece.responds_to(job):
                self._keep(job, piece.take)
                _write(job.preview, piece.preview)
                if piece.parameters is not None:
                    _write(job.parameters, piece.parameters)
                return piece.analysed
        source_gain = write_preview(recording, job.preview)
        take = self._take(job, recording, lambda share: report(Progressed(ANALYSIS_SHARE * share)))
        gains = None
        if take.performance.is_live:
            _write(job.parameters, live_parameters(take.performance.live_tracks()))
            rest = 1.0 - ANALYSIS_SHARE
            gains = live_gains(take, 0.0, lambda share: report(Progressed(ANALYSIS_SHARE + rest * share)))
        warnings = tuple(_without_paths(line, job) for line in take.warnings)
        return Analysed(warnings, gains, source_gain, take.n_lines)

    def render(self, job: RenderJob, report: Callable[[Report], None]) -> Rendered:
        """Render a recording into a file, as `violute convert` does.

        Raises:
            VioluteError: The format cannot hold it, nothing lies in the span, the disk is full, or the voice
                cannot be used.
        """
        report(Progressed(0.0))
        recording = self._open(job)
        subtype = subtype_for(job.destination, recording.subtype, job.bits)
        take = self._take(job, recording, lambda share: report(Progressed(0.5 * share)))
        take.render_to(
            job.destination,
            job.mix,
            output=job.output,
            subtype=subtype,
            span=job.span,
            on_progress=lambda share: report(Progressed(0.5 + 0.5 * share)),
        )
        return Rendered(tuple(_without_paths(line, job) for line in take.warnings_for(job.mix)))

    def transpose(self, job: TransposeJob, report: Callable[[Report], None]) -> Transposed:
        """Write the live parameters of a recording at another pitch.

        Raises:
            VioluteError: There are none, or the disk is full.
        """
        report(Progressed(0.0))
        take = self._take(job, self._open(job), lambda share: report(Progressed(0.5 * share)))
        tracks = take.performance_at(job.semitones).live_tracks()
        _write(job.destination, live_parameters(tracks))
        return Transposed(
            live_gains(take, job.semitones, lambda share: report(Progressed(0.8 + 0.2 * share)))
        )

    def export(self, job: ExportJob, report: Callable[[Report], None]) -> Exported:
        """Write a voice as the real-time core reads it.

        Raises:
            VioluteError: It is none that the core plays, or the disk is full.
        """
        report(Progressed(0.0))
        path = find_voice(job.voice)
        try:
            _write(job.destination, live_bytes(path))
        except VoiceError as error:
            raise VoiceError(str(error).replace(str(path), job.name)) from None
        return Exported()

    def _open(self, job: Job) -> FileSource:
        # What is decoded by another program is decoded as far as that at most.
        recording = FileSource(job.source, end_seconds=self._limits.max_seconds + 1.0)
        recording.name = job.name
        self._limits.check(recording)
        return recording

    def _take(self, job: Job, recording: FileSource, on_progress: OnProgress) -> Take:
        """Return the take of a recording, from before if it is still here."""
        key = _key(job)
        if key not in self._takes:
            voice = self._voice(job.voice)
            self._keep(job, voice.analyse_source(recording, lines=job.lines, on_progress=on_progress))
        self._takes.move_to_end(key)
        return self._takes[key]

    def _keep(self, job: Job, take: Take) -> None:
        self._takes[_key(job)] = take
        while len(self._takes) > 1 and sum(map(_held_frames, self._takes.values())) > MAX_FRAMES:
            self._takes.popitem(last=False)


def _key(job: Job) -> tuple[str, str, Lines]:
    return job.take, job.voice, job.lines


def _write(path: Path, content: bytes) -> None:
    """Write a file whole.

    Raises:
        AudioError: The disk refuses.
    """
    with disk_errors(path, "make room on the disk of temporary files", error=AudioError):
        replace_bytes(path, content)


def _held_frames(take: Take) -> int:
    """Count the frames that a take keeps levels of: each line of chords has its own, beside the one line."""
    return take.performance.n_frames * (take.n_lines + (take.n_lines > 1))
