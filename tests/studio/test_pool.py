"""The pool of workers by itself: what becomes of jobs where workers die, hang or are cancelled."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tones import SAMPLE_RATE, tone

from violute.audio import file_source
from violute.audio.containers.foreign import decode_foreign
from violute.audio.write import write
from violute.errors import AudioError
from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.work.jobs import Progressed, Refused, Rendered, RenderJob, Stopped
from violute.studio.work.pool import WorkerPool
from violute.studio.work.worker import Worker
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import Mix


@pytest.fixture
def job(tmp_path):
    write(tmp_path / "a.wav", tone(440.0, 1.0), SAMPLE_RATE)
    return RenderJob(
        "a", tmp_path / "a.wav", "a.wav", DEFAULT_VOICE, "auto", Mix.at(0.5), tmp_path / "out.wav"
    )


def run_in_pool(tmp_path, use, **limits):
    """Run a coroutine function with a pool of one worker."""

    async def running():
        pool = WorkerPool(replace(Limits(), n_workers=1, **limits), DEFAULT_VOICE, tmp_path)
        pool.start()
        try:
            await use(pool)
        finally:
            await pool.close()

    asyncio.run(running())


def test_a_worker_that_dies_while_idle_costs_no_job(tmp_path, job):
    async def use(pool):
        assert isinstance(await pool.submit(job).outcome(), Rendered)
        (worker,) = pool._idle
        # Stopped, it counts as alive still when the next job comes, and dies before it has begun.
        os.kill(worker._process.pid, signal.SIGSTOP)
        ticket = pool.submit(job)
        assert await ticket.outcome(0.5) is None
        os.kill(worker._process.pid, signal.SIGKILL)
        assert isinstance(await ticket.outcome(), Rendered)

    run_in_pool(tmp_path, use)


def test_a_worker_that_dies_at_work_loses_its_job_alone(tmp_path, job):
    async def use(pool):
        def kill(report):
            assert isinstance(report, Progressed)
            (process,) = worker_ids()
            os.kill(process, signal.SIGKILL)

        outcome = await pool.submit(job, kill).outcome()
        assert isinstance(outcome, Refused)
        assert outcome.message.startswith("a.wav brought the analysis down")
        assert isinstance(await pool.submit(job).outcome(), Rendered)

    run_in_pool(tmp_path, use)


def test_a_job_that_takes_too_long_is_ended(tmp_path, job):
    async def use(pool):
        outcome = await pool.submit(job).outcome()
        assert outcome == Refused("a.wav took longer than 0.05 s: try again, or cut it")

    run_in_pool(tmp_path, use, job_seconds=0.05)


def test_a_full_queue_refuses_and_a_cancelled_job_makes_room(tmp_path, job):
    async def use(pool):
        first, second = pool.submit(job), pool.submit(job)
        with pytest.raises(RefusalError, match="as much to do as it takes on"):
            pool.submit(job)
        await second.cancel()
        assert await second.outcome() == Stopped()
        third = pool.submit(job)
        await first.cancel()
        assert await first.outcome() == Stopped()
        assert isinstance(await third.outcome(), Rendered)

    run_in_pool(tmp_path, use, max_waiting=1)


def worker_ids():
    """Ids of this process's workers."""

    return [child.pid for child in multiprocessing.active_children() if child.name == "violute-worker"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_recording_that_is_too_long_is_not_decoded_to_its_end(tmp_path, job, monkeypatch):
    write(tmp_path / "long.wav", tone(440.0, 20.0), SAMPLE_RATE)
    subprocess.run(["ffmpeg", "-v", "error", "-i", "long.wav", "source.m4a"], cwd=tmp_path, check=True)
    ends = []

    def decode(*given):
        ends.append(given[-1])
        decode_foreign(*given)

    monkeypatch.setattr(file_source, "decode_foreign", decode)
    worker = Worker(replace(Limits(), max_seconds=2.0))
    long = replace(job, source=tmp_path / "source.m4a", name="long.m4a")
    with pytest.raises(AudioError, match=r"long\.m4a lasts longer than the 2 s that the studio takes"):
        worker.render(long, lambda _: None)
    assert ends == [3.0]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="only Linux lists processes as files")
def test_a_program_that_decodes_for_a_cancelled_job_ends_with_it(tmp_path, job, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ffmpeg").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 100\n")
    (programs / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "source.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(500))
    noted = tmp_path / "pid"

    async def use(pool):
        ticket = pool.submit(replace(job, source=tmp_path / "source.m4a"))
        while not (noted.exists() and noted.read_text()):
            assert await ticket.outcome(0.05) is None
        assert is_running(int(noted.read_text()))
        await ticket.cancel()

    run_in_pool(tmp_path, use)
    assert not is_running(int(noted.read_text()))


def is_running(pid):
    """Whether a process works; one that nobody has taken leave of yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
