"""Voices side by side: what is far depends on who plays; differences are of the same clips."""

from __future__ import annotations

import pytest
import side_by_side


def clip(posteriors, *, other=(0.0, 0.0, 0.0), accuracy=1.0):
    return {
        "judge/posterior": list(posteriors),
        "judge/other": list(other),
        "pitch/raw_accuracy": [accuracy],
        "pitch/octave_errors": [None],
        "onsets/f1": [1.0],
    }


def test_the_far_end_is_the_other_instruments():
    heard = {
        "flute/a": clip((0.1, 0.5, 0.7), other=(0.0, 0.0, 0.4)),
        "violin/b": clip((0.2, 0.8, 0.9), other=(0.3, 0.0, 0.0)),
    }
    found = side_by_side.qualities(heard)
    assert found["far"] == pytest.approx([0.7, 0.8])
    assert found["own"] == pytest.approx([0.9, 0.9])
    assert found["middle"] == pytest.approx([0.0, 0.3])
    assert found["neither"] == pytest.approx([0.4, 0.3])


def test_a_voice_that_turns_every_clip_more_surely_differs_beyond_chance():
    weak = {f"flute/{i}": clip((0.1, 0.3, 0.5 + 0.01 * i)) for i in range(4)}
    sure = {f"flute/{i}": clip((0.1, 0.3, 0.8 + 0.012 * i)) for i in range(4)}
    apart = side_by_side.difference(sure, weak)
    assert apart["far"].low > 0.0
    assert not apart["own"].excludes(0.0)
    assert apart["octave errors"].n == 0  # nothing was measured
