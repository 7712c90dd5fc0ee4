"""Tables of the strangers exam: medians, the worst of the conditions, and one place on each page."""

from __future__ import annotations

import pytest
from exam.conditions import CONDITIONS
from exam.figures import MIXES
from strangers_table import BEGIN, END, long_tables, short_table, with_table


def result(instrument, group, posterior_at, pitch=0.99, family="vae"):
    """One voice on one clip: the last condition is a tenth worse at the flute's far end."""
    conditions = {}
    for name in CONDITIONS:
        lost = 0.1 if name == list(CONDITIONS)[-1] and instrument == "flute" else 0.0
        conditions[name] = {
            "source": {},
            "mix/spearman": 1.0,
            "mixes": [
                {
                    "judge/posterior": posterior_at(mix) - lost * mix,
                    "judge/other": 0.05,
                    "pitch/raw_accuracy": pitch - 0.01 * mix,
                    "pitch/octave_errors": 0.0,
                }
                for mix in MIXES
            ],
        }
    keys = {"voice": "vae", "family": family, "clip": group, "instrument": instrument, "group": group}
    return {**keys, "conditions": conditions}


@pytest.fixture
def voices():
    flutes = [result("flute", f"f{i}", lambda mix, i=i: mix * (0.8 + 0.05 * i)) for i in range(3)]
    violins = [result("violin", f"v{i}", lambda mix: 0.04 + 0.96 * mix) for i in range(3)]
    return {"vae": [*flutes, *violins]}


def test_the_short_table_has_medians_and_the_worst_condition(voices):
    assert short_table(voices).splitlines()[2] == "| vae | 0.85 (0.75) | 0.04 (0.04) | 0.98 (0.98) |"


def test_the_long_tables_have_each_condition_and_count_what_is_kept(voices):
    first, second = long_tables(voices).split("\n\n")
    assert "| 0.00 / 0.43 / 0.85 | 0.04 / 0.52 / 1.00 | 0.05 | 0.98 | 0.00 | 9 of 10 |" in first
    assert second.splitlines()[2].endswith("| 0.85 / 0.04 | 0.75 / 0.04 |")


def test_a_recording_that_could_not_be_played_is_no_figure():
    failed = {
        "voice": "x",
        "family": "vae",
        "clip": "c",
        "instrument": "flute",
        "group": "c",
        "failure": "no",
    }
    assert short_table({"x": [failed]}).splitlines()[2] == "| x | - (-) | - (-) | - (-) |"


def test_a_table_replaces_the_last_and_needs_one_place():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_table(page, "| new |") == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    with pytest.raises(ValueError, match="found 0 places"):
        with_table("no marks", "| new |")
