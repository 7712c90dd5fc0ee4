"""How near the ends come to real instruments: what counts as a recording."""

import numpy as np
import pytest
import soundfile
from tones import tone

from violute.data.recordings import list_recordings
from violute.evaluation.bench.contenders import Lineup
from violute.evaluation.bench.ends import end_distances
from violute.evaluation.metrics.timbre_distance import N_DIMENSIONS


@pytest.fixture
def lineup(tmp_path):
    """Four real recordings of each end."""
    for end, slope in (("low", -12.0), ("high", -3.0)):
        (tmp_path / end).mkdir()
        for i in range(4):
            audio = tone(400.0 + 50.0 * i, 1.2, db_per_octave=slope, seed=i)
            soundfile.write(tmp_path / end / f"{i}.wav", audio, 44_100)
    return Lineup((), ("low", "high"), tuple(tuple(list_recordings(tmp_path / e)) for e in ("low", "high")))


def sounds(groups: list[str]) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {
            "contender": "x",
            "instrument": "low",
            "group": group,
            "mix": mix,
            "patches": rng.normal(size=(3, N_DIMENSIONS)),
        }
        for mix in (0.0, 1.0)
        for group in groups
    ]


def test_clips_of_one_recording_are_one_recording(lineup):
    summary, floors = end_distances(lineup, sounds(["a", "a", "a", "b", "b", "b"]))
    assert {entry["n"] for entry in summary} == {2}
    assert all(entry["value"] is not None and entry["low"] is None for entry in summary)
    assert set(floors) == {"low", "high"}
    summary, _ = end_distances(lineup, sounds(["a", "b", "c", "d"]))
    assert {entry["n"] for entry in summary} == {4}
    assert all(entry["low"] <= entry["value"] <= entry["high"] for entry in summary)


def test_without_references_nothing_is_measured():
    assert end_distances(Lineup((), ("low", "high"), ((), ())), sounds(["a"])) == ([], {})
