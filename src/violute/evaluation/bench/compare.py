"""What got better or worse from one document of the bench to another, beyond chance."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from violute.errors import InputError
from violute.evaluation.bench.schema import Document, figure, number
from violute.evaluation.bench.summary import mean_difference, values_by_group
from violute.evaluation.bench.targets import DIRECTIONS
from violute.evaluation.metrics.intervals import CONFIDENCE, LEAST_RECORDINGS, holm, p_value

COST_FACTOR = 1.25
"""Speed and memory have no recordings to draw from: they changed where they did by this factor."""


def compare_documents(old: Document, new: Document) -> dict[str, Any]:
    """Compare what two documents share.

    A figure got better or worse where the paired differences, recording by recording, are beyond chance by
    Student's test, corrected for how many figures are looked at (Holm); with fewer than `LEAST_RECORDINGS`
    nothing is said.

    Returns:
        `changes`, one a contender, instrument, figure and mix that both documents have: `old` and
        `new` (means over the shared recordings), `gain` (above 0 is better) with the interval of this
        figure alone (`low`, `high`), `n`, `p` (corrected; null where it is unknown), `verdict`
        (`better`, `worse`, `same`, `unknown`); `only_old` and `only_new` (contenders).

    Raises:
        InputError: The documents share no contender, or no recording.
    """
    old_names = [entry["name"] for entry in old["contenders"]]
    new_names = [entry["name"] for entry in new["contenders"]]
    shared = [name for name in new_names if name in old_names]
    if not shared:
        raise InputError("the two documents share no contender: compare runs with a voice of one name")
    instruments = list(dict.fromkeys(clip["instrument"] for clip in new["clips"]))
    mixes: list[float | None] = [mix for mix in new["settings"]["mixes"] if mix in old["settings"]["mixes"]]
    changes: list[dict[str, Any]] = []
    for contender in shared:
        for instrument in instruments:
            for name in ("judge/posterior", *DIRECTIONS):
                for mix in [*mixes, None]:
                    change = _change(old, new, contender, instrument, name, mix)
                    if change is not None:
                        changes.append(change)
        changes += _cost_changes(old, new, contender)
    tested = [change for change in changes if not change["figure"].startswith("cost/")]
    for change, p in zip(tested, holm(np.array([number(c["p"]) for c in tested])), strict=True):
        change["p"] = figure(p)
        if p <= 1.0 - CONFIDENCE:
            change["verdict"] = "better" if change["gain"] > 0.0 else "worse"
    if not tested:
        raise InputError("the two documents share no recording: compare runs over the same clips")
    return {
        "changes": changes,
        "only_old": [name for name in old_names if name not in shared],
        "only_new": [name for name in new_names if name not in shared],
    }


def markdown_comparison(compared: dict[str, Any]) -> str:
    """Write what got worse, what got better, and how much stayed."""
    lines: list[str] = []
    for verdict in ("worse", "better"):
        rows = [change for change in compared["changes"] if change["verdict"] == verdict]
        lines += [f"## {verdict.capitalize()}: {len(rows)}", ""]
        if rows:
            lines += [
                "| contender | instrument | figure | mix | old | new | gain | 95 % | p |",
                "|---|---|---|---|---|---|---|---|---|",
            ]
        for row in rows:
            mix = "" if row["mix"] is None else f"{row['mix']:g}"
            ends = "" if row["low"] is None else f"{row['low']:.3g} to {row['high']:.3g}"
            chance = "" if row["p"] is None else f"{row['p']:.2g}"
            lines.append(
                f"| {row['contender']} | {row['instrument']} | {row['figure']} | {mix} | {row['old']:.4g} | "
                f"{row['new']:.4g} | {row['gain']:.3g} | {ends} | {chance} |"
            )
        lines += [""] if rows else []
    counts = Counter(change["verdict"] for change in compared["changes"])
    lines.append(f"Within chance: {counts['same']}; too few recordings to tell: {counts['unknown']}.")
    n_tested = sum(change["p"] is not None for change in compared["changes"])
    lines.append(f"Each p is corrected for the {n_tested} figures looked at; intervals are not.")
    for key, when in (("only_old", "old"), ("only_new", "new")):
        if compared[key]:
            lines.append(f"Only in the {when} document: {', '.join(compared[key])}.")
    return "\n".join(lines) + "\n"


def _change(
    old: Document, new: Document, contender: str, instrument: str, name: str, mix: float | None
) -> dict[str, Any] | None:
    before = values_by_group(old, contender, instrument, name, mix)
    after = values_by_group(new, contender, instrument, name, mix)
    interval = mean_difference(before, after, name, mix)
    if interval is None:
        return None
    both = before.keys() & after.keys()
    verdict = "unknown" if interval.n < LEAST_RECORDINGS else "same"
    old_mean, new_mean = (sum(values[group] for group in both) / len(both) for values in (before, after))
    place = {"contender": contender, "instrument": instrument, "figure": name, "mix": mix}
    found = {"old": old_mean, "new": new_mean, "gain": interval.estimate}
    ends = {"low": figure(interval.low), "high": figure(interval.high), "n": interval.n}
    return {**place, **found, **ends, "p": figure(p_value(interval)), "verdict": verdict}


def _cost_changes(old: Document, new: Document, contender: str) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = []
    before, after = (document["costs"].get(contender, {}) for document in (old, new))
    for name in before.keys() & after.keys():
        old_cost, new_cost = before[name], after[name]
        if not old_cost or not new_cost or name not in DIRECTIONS:
            continue
        factor = (new_cost / old_cost) ** DIRECTIONS[name]
        verdict = "better" if factor >= COST_FACTOR else "worse" if factor <= 1.0 / COST_FACTOR else "same"
        place = {"contender": contender, "instrument": "all", "figure": name, "mix": None}
        found = {"old": old_cost, "new": new_cost, "gain": (new_cost - old_cost) * DIRECTIONS[name]}
        changes.append({**place, **found, "low": None, "high": None, "n": 1, "p": None, "verdict": verdict})
    return sorted(changes, key=lambda change: str(change["figure"]))
