"""Chords in the bench: what needs a track of one line is left out, and said to be."""

import bench_document
import numpy as np
import pytest
from tones import tone

from violute.evaluation.bench.figures import DIAL_MIXES, measure, source_facts
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.report.tables import markdown

RATE = 44_100


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def at_the_middle(audio: np.ndarray, judge: Judge) -> dict:
    facts = source_facts(audio, RATE, judge=judge, pitch_judge="harvest")
    measured = measure([audio] * len(DIAL_MIXES), facts, judge=judge)
    return next(row for row in measured["mixes"] if row["mix"] == 0.5) | measured["path"] | facts.figures


def test_chords_have_notes_and_no_track(judge):
    chord = (tone(440.0, 2.0) + tone(587.3, 2.0) + tone(740.0, 2.0)) / 3.0
    row = at_the_middle(chord.astype(np.float32), judge)
    assert row["notes/polyphonic_share"] > 0.5
    left_out = (
        "pitch/raw_accuracy",
        "pitch/median_deviation_cents",
        "onsets/f1",
        "notes/f1",
        "mix/pitch_drift_cents",
    )
    assert [row[name] for name in left_out] == [None] * 5
    assert row["pitch/coverage"] == 0.0
    assert row["notes/chords_f1"] == pytest.approx(1.0)
    assert row["fusion/f0_tracks"] > 1.5


def test_a_line_has_both(judge):
    row = at_the_middle(np.asarray(tone(440.0, 2.0), dtype=np.float32), judge)
    assert row["notes/polyphonic_share"] == 0.0
    assert row["pitch/raw_accuracy"] == 1.0
    assert row["pitch/coverage"] > 0.9
    assert row["mix/pitch_drift_cents"] == pytest.approx(0.0, abs=1e-6)


def test_the_table_says_how_many_clips_are_chords():
    document = bench_document.document()
    assert "are chords" not in markdown(document)
    document["clips"][0]["source"]["notes/polyphonic_share"] = 0.4
    assert f"1 of {len(document['clips'])} clips are chords" in markdown(document)
