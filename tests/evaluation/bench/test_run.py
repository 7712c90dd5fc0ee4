"""The bench on tones: what is played, what is kept, what is repeated, what it costs."""

import errno
import json
import re
import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from bench_voice import BuzzVoice
from command_line import put_voice
from full_disk import full_disk
from tones import tone

from violute.errors import AudioError, DataError, InputError
from violute.evaluation.bench import job as bench_job
from violute.evaluation.bench.clips import find_clips, find_references
from violute.evaluation.bench.contenders import Lineup, contender_entries, open_contender, voice_files
from violute.evaluation.bench.job import KEPT_MIXES, Job, hear, is_done
from violute.evaluation.bench.run import COMPILED, run_bench
from violute.evaluation.bench.schema import to_json
from violute.evaluation.metrics.onsets import attack_times
from violute.families.table import FAMILIES, Family

RATE = 44_100
ENDS = ("low", "high")
NO_REFERENCES = ((), ())


@pytest.fixture
def data(tmp_path):
    """A folder of two instruments; the sines of the voice play 440 Hz at mix 0 and 880 Hz at mix 1."""
    for instrument, f0_hz in (("low", 440.0), ("high", 880.0)):
        (tmp_path / instrument).mkdir()
        soundfile.write(tmp_path / instrument / f"{instrument} tone.wav", tone(f0_hz, 0.7), RATE)
    return tmp_path


@pytest.fixture
def lineup(tmp_path, monkeypatch):
    monkeypatch.setitem(FAMILIES, "sines", Family("bench_voice:BuzzVoice"))
    put_voice(tmp_path)
    return Lineup(
        voice_files([str(tmp_path / "voices" / "sines.onnx")]), ENDS, NO_REFERENCES, with_baselines=False
    )


def clips_of(data, **settings):
    return find_clips(data, ENDS, **{"shortest_seconds": 0.5, **settings})


def test_everybody_plays_and_nothing_is_played_twice(data, lineup, monkeypatch):
    stages = []
    clips = clips_of(data)
    document, jobs = run_bench(
        lineup,
        clips,
        data / "work",
        with_cost=False,
        on_stage=lambda title: stages.append(title) or stages.append,
    )
    assert json.loads(to_json(document))["settings"]["sample_rate"] == RATE
    assert [clip["name"] for clip in document["clips"]] == ["low/low tone", "high/high tone"]
    accuracy = {
        (result["clip"], row["mix"]): row["pitch/raw_accuracy"]
        for result in document["results"]
        for row in result["mixes"]
    }
    assert accuracy["low/low tone", 0.0] == accuracy["high/high tone", 1.0] == 1.0
    assert accuracy["low/low tone", 1.0] == accuracy["high/high tone", 0.0] == 0.0
    octaves = {
        result["clip"]: result["deviation_counts"][-1] for result in document["results"]
    }  # at mix 1, an octave too high for the low tone: beyond the histogram, in its last bin
    assert octaves["low/low tone"][-1] == sum(octaves["low/low tone"]) > 30
    assert stages[0] == "playing and measuring"
    assert stages[2] == 1.0

    heard = hear(jobs, clips, 1)
    assert [clip.name for clip in heard] == ["low/low tone", "high/high tone"]
    assert set(heard[0].renderings) == {("sines", mix) for mix in KEPT_MIXES}
    np.testing.assert_allclose(heard[0].source, tone(440.0, 0.7), atol=1e-4)

    # What is measured was looked at above; from here on only who plays again matters.
    monkeypatch.setattr(bench_job, "measure", lambda *_, **__: document["results"][0])
    played = []
    real_play = bench_job.play
    monkeypatch.setattr(bench_job, "play", lambda *given: played.append(1) or real_play(*given))
    again, _ = run_bench(lineup, clips, data / "work", with_cost=False)
    assert played == []
    assert again["results"] == json.loads(to_json(document))["results"]

    # A damaged file, a missing rendering, another recording: each is played again, the other is not.
    jobs[0].path.write_text("{", encoding="utf-8")
    run_bench(lineup, clips, data / "work", with_cost=False)
    assert len(played) == 1
    jobs[1].rendering_path(0.5).unlink()
    run_bench(lineup, clips, data / "work", with_cost=False)
    assert len(played) == 2
    soundfile.write(data / "high" / "high tone.wav", tone(880.0, 0.7, level_db=-20.0), RATE)
    run_bench(lineup, clips, data / "work", with_cost=False)
    assert len(played) == 3
    assert not is_done(jobs[0], "another fingerprint")


def test_who_cannot_play_is_told_and_the_others_go_on(data, lineup, monkeypatch):
    def perform(self, source, measurement, on_progress, lines):
        raise AudioError("no sound today: come again")

    soundfile.write(data / "high" / "silence.wav", np.zeros(RATE), RATE)
    clips = clips_of(data, select=["high tone", "silence"])
    document, jobs = run_bench(lineup, clips, data / "work", with_cost=False)
    assert len(jobs) == 1
    (failure,) = document["failures"]
    assert (failure["contender"], failure["clip"]) == ("sines", "high/silence")
    monkeypatch.setattr(BuzzVoice, "perform", perform)
    bench_job._contender.cache_clear()
    with pytest.raises(InputError, match="the first said: no sound today"):
        run_bench(lineup, clips_of(data), data / "other", with_cost=False)


def test_a_full_disk_is_one_line_and_no_rendering_is_half_there(data, lineup, monkeypatch):
    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    clips, work = clips_of(data), data / "work"
    with full_disk(1_000), pytest.raises(AudioError, match="disk is full"):
        run_bench(lineup, clips, work, with_cost=False)
    assert list(work.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(bench_job, "replace_text", full)
        with pytest.raises(DataError, match="the disk is full"):
            run_bench(lineup, clips, work, with_cost=False)
    document, _ = run_bench(lineup, clips, work, with_cost=False)
    assert (len(document["results"]), document["failures"]) == (2, [])


def test_baselines_stand_behind_the_voices(data, lineup):
    everybody = Lineup(lineup.voices, ENDS, NO_REFERENCES)
    entries = contender_entries(everybody)
    assert [entry["kind"] for entry in entries] == ["voice", "baseline", "baseline", "baseline"]
    assert [entry["name"] for entry in entries] == ["sines", "source", "layering", "cross_fade"]
    assert all(entry["description"] for entry in entries[1:])
    audio = tone(440.0, 0.5)
    np.testing.assert_array_equal(open_contender(everybody, "source").analyse(audio, RATE).render(0.5), audio)
    recording = find_references(data, ENDS, [], select=None)
    full = Lineup(lineup.voices, ENDS, tuple(tuple(recording[end]) for end in ENDS))
    assert len(contender_entries(full)) == 7
    with pytest.raises(InputError, match="nobody of that name"):
        open_contender(lineup, "source")


def test_names_of_jobs_fit_a_file_system(lineup, data):
    clips = clips_of(data)
    paths = {
        Job(lineup, name, clip, "harvest", data).path for name in ("a/b", "a b", "ä" * 300) for clip in clips
    }
    assert len(paths) == 6
    assert all(len(path.name) < 200 and path.parent == data for path in paths)


def test_all_that_librosa_compiles_as_it_is_imported_is_compiled_before_processes_start():
    attack_times(tone(440.0, 1.0), RATE)
    package = Path(librosa.__file__).parent
    compiling = {
        ".".join(("librosa", *path.relative_to(package).with_suffix("").parts))
        for path in package.rglob("*.py")
        if re.search(r"^@(numba\.(gu)?|gu)vectorize", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert compiling & sys.modules.keys() <= set(COMPILED) <= compiling
