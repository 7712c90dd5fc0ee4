"""Example pieces that are analysed before anybody asks."""

import shutil

import pytest
from tones import SAMPLE_RATE, tone

from violute.audio.write import write
from violute.studio.limits import Limits
from violute.studio.work import worker as module
from violute.studio.work.jobs import AnalyseJob, Described
from violute.studio.work.worker import Worker
from violute.voices.load import DEFAULT_VOICE


@pytest.fixture
def piece(tmp_path, monkeypatch):
    """The only piece that the page offers."""
    path = tmp_path / "piece.wav"
    write(path, tone(440.0, 1.0), SAMPLE_RATE)
    monkeypatch.setattr(module, "pieces_for", lambda ends: {ends[0]: path})
    return path


def job_of(folder, piece, **changes):
    """Ask for a piece as the studio does where it was sent: a copy in a folder of its own."""
    folder.mkdir()
    shutil.copyfile(piece, folder / "source")
    asked = {"take": "id", "name": "my own name.wav", "voice": DEFAULT_VOICE, "lines": "auto"} | changes
    return AnalyseJob(
        source=folder / "source", preview=folder / "a.wav", parameters=folder / "a.bin", **asked
    )


def test_what_was_prefetched_is_what_an_analysis_makes_and_is_not_analysed_again(
    piece, tmp_path, monkeypatch
):
    ready, other = Worker(Limits()), Worker(Limits())
    ready.warm_up(DEFAULT_VOICE)
    ready.prefetch(lambda: False)
    early, asked = job_of(tmp_path / "early", piece), job_of(tmp_path / "asked", piece)
    voice = ready._voice(DEFAULT_VOICE)
    monkeypatch.setattr(type(voice), "analyse_source", lambda *_, **__: pytest.fail("analysed again"))
    reports = []
    analysed = ready.analyse(early, reports.append)
    assert Described(1.0, SAMPLE_RATE, 1) in reports
    monkeypatch.undo()
    assert analysed == other.analyse(asked, lambda _: None)
    assert early.preview.read_bytes() == asked.preview.read_bytes()
    assert early.parameters.read_bytes() == asked.parameters.read_bytes()


def test_another_recording_or_number_of_lines_is_analysed(piece, tmp_path):
    worker = Worker(Limits())
    worker.warm_up(DEFAULT_VOICE)
    worker.prefetch(lambda: False)
    other = tmp_path / "other.wav"
    write(other, tone(660.0, 1.0), SAMPLE_RATE)
    for number, (source, lines) in enumerate([(other, "auto"), (piece, 1)]):
        job = job_of(tmp_path / str(number), source, take=str(number), lines=lines)
        worker.analyse(job, lambda _: None)
        assert not any(kept.responds_to(job) for kept in worker._prefetched)
    assert len(worker._prefetched) == 1


def test_whatever_else_is_wanted_comes_first_and_leaves_the_rest_for_later(piece):
    worker = Worker(Limits())
    worker.warm_up(DEFAULT_VOICE)
    calls = iter([False, False, False, True])
    worker.prefetch(lambda: next(calls))
    assert (len(worker._to_prefetch), worker._prefetched) == (1, [])
    worker.prefetch(lambda: False)
    assert (worker._to_prefetch, len(worker._prefetched)) == ([], 1)
