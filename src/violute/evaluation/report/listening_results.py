"""What listeners answered, put together: shares of right answers and mean ratings, with intervals.

A file of answers is what the page exports: `schema` (`violute.listening`), `schema_version`,
`report` (digest of the page's trials), `listener`, `session` (drawn at random), `seed`, `started`,
and `answers`, each with the trial's `id`, `kind` and `clip`; for A/B/X `a`, `b` (`contender`,
`mix`), `x` and `answer` (`a` or `b`); for a rating `question` and `ratings` (`role`, `contender`,
`mix`, `rating` from 0 to 100).

Source:
    ITU-R BS.1534-3, section 4.1.2: post-screening by the hidden reference. Wilson (JASA 22, 1927):
    the interval of a share.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from violute.errors import InputError
from violute.evaluation.bench.schema import figure, read_object
from violute.evaluation.metrics.intervals import mean_interval

SCHEMA = "violute.listening"
SCHEMA_VERSION = 1

SCREEN_RATING = 90.0
SCREEN_SHARE = 0.15
"""Who rates the hidden reference below `SCREEN_RATING` in more than this share of trials did not hear
it, and is left out of the ratings."""


def read_answers(paths: Sequence[str | Path]) -> list[dict[str, Any]]:
    """Read files of answers; a session that comes twice counts once.

    Raises:
        InputError: A file is missing, is no file of answers, or is malformed; or there are none, or
            they come from reports with different trials.
    """
    if not paths:
        raise InputError("no answers were given: name the JSON files that the listening page exported")
    sessions: dict[str, dict[str, Any]] = {}
    for path in paths:
        document = read_object(path, SCHEMA, SCHEMA_VERSION, "the listening page")
        try:
            for answer in document["answers"]:
                _check_answer(answer)
            sessions[f"{document['listener']}/{document['session']}"] = document
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{path}: holds a malformed answer: export the answers again") from None
    if len({str(document.get("report")) for document in sessions.values()}) > 1:
        raise InputError("the answers come from reports with different trials: give those of one report")
    return list(sessions.values())


def aggregate(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put answers together, as `read_answers` returns them.

    Returns:
        `n_listeners`; `screened` (listeners left out of a question's ratings); `abx`, one a pair:
        `a`, `b`, `n`, `n_correct`, `share`, `low`, `high` (Wilson, 95 %), `p` (of so many right by
        guessing); `ratings`, one a question and stimulus: `question`, `role`, `contender`, `mix`,
        `mean` over listeners with `low` and `high` (over the trials of a single listener; null of fewer
        than three), `n`.
    """
    pairs: dict[tuple[str, str], list[bool]] = defaultdict(list)
    rated: dict[tuple[str, str, str, float | None], list[tuple[str, float]]] = defaultdict(list)
    screened: list[dict[str, str]] = []
    for document in documents:
        listener = str(document["listener"]) or str(document["session"])
        unheard = _questions_unheard(document["answers"])
        screened += [{"listener": listener, "question": question} for question in sorted(unheard)]
        for answer in document["answers"]:
            if answer["kind"] == "abx":
                pairs[_label(answer["a"]), _label(answer["b"])].append(answer["answer"] == answer["x"])
            elif answer["question"] not in unheard:
                for row in answer["ratings"]:
                    key = (answer["question"], row["role"], row["contender"], row["mix"])
                    rated[key].append((listener, float(row["rating"])))
    return {
        "n_listeners": len({str(d["listener"]) or str(d["session"]) for d in documents}),
        "screened": screened,
        "abx": [_share(a, b, right) for (a, b), right in sorted(pairs.items())],
        "ratings": sorted(
            (_mean(key, rows) for key, rows in rated.items()),
            key=lambda entry: (entry["question"], -entry["mean"]),
        ),
    }


def markdown_results(found: Mapping[str, Any]) -> str:
    """Write aggregated answers as tables."""
    lines = [f"# Listeners: {found['n_listeners']}", ""]
    if found["abx"]:
        lines += ["| A | B | right | of | share | 95 % | p |", "|---|---|---|---|---|---|---|"]
        lines += [
            f"| {row['a']} | {row['b']} | {row['n_correct']} | {row['n']} | {row['share']:.2f} | "
            f"{row['low']:.2f}-{row['high']:.2f} | {row['p']:.3f} |"
            for row in found["abx"]
        ]
        lines.append("")
    for question in dict.fromkeys(row["question"] for row in found["ratings"]):
        lines += [f"## {question}", "", "| who | mean rating | 95 % | ratings |", "|---|---|---|---|"]
        for row in found["ratings"]:
            if row["question"] == question:
                who = row["role"] if row["role"] != "contender" else _label(row)
                ends = "-" if row["low"] is None else f"{row['low']:.0f}-{row['high']:.0f}"
                lines.append(f"| {who} | {row['mean']:.1f} | {ends} | {row['n']} |")
        lines.append("")
    for entry in found["screened"]:
        lines.append(
            f"Left out of {entry['question']}: {entry['listener']}, who missed the hidden reference."
        )
    return "\n".join(lines).rstrip() + "\n"


def _check_answer(answer: Mapping[str, Any]) -> None:
    """Raise ValueError, KeyError or TypeError unless an answer can be counted."""
    if answer["kind"] == "abx":
        if answer["answer"] not in ("a", "b") or answer["x"] not in ("a", "b"):
            raise ValueError(answer["answer"])
        _label(answer["a"])
        _label(answer["b"])
    elif answer["kind"] == "rating":
        str(answer["question"])
        for row in answer["ratings"]:
            rating = float(row["rating"])
            if not (math.isfinite(rating) and 0.0 <= rating <= 100.0):
                raise ValueError(rating)
            if row["role"] not in ("contender", "reference", "anchor"):
                raise ValueError(row["role"])
            _label(row)
    else:
        raise ValueError(answer["kind"])


def _questions_unheard(answers: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the questions in which the hidden reference was missed too often."""
    missed: dict[str, list[bool]] = defaultdict(list)
    for answer in answers:
        if answer["kind"] == "rating":
            missed[answer["question"]] += [
                float(row["rating"]) < SCREEN_RATING
                for row in answer["ratings"]
                if row["role"] == "reference"
            ]
    return {question for question, rows in missed.items() if rows and np.mean(rows) > SCREEN_SHARE}


def _label(who: Mapping[str, Any]) -> str:
    mix = who["mix"]
    return str(who["contender"]) if mix is None else f"{who['contender']} at {float(mix):g}"


def _share(a: str, b: str, right: Sequence[bool]) -> dict[str, Any]:
    test = binomtest(sum(right), len(right), 0.5, alternative="greater")
    # The test's own interval would be one-sided, as the test is.
    interval = binomtest(sum(right), len(right), 0.5).proportion_ci(0.95, method="wilson")
    return {
        "a": a,
        "b": b,
        "n": len(right),
        "n_correct": sum(right),
        "share": sum(right) / len(right),
        "low": float(interval.low),
        "high": float(interval.high),
        "p": float(test.pvalue),
    }


def _mean(key: tuple[str, str, str, float | None], rows: Sequence[tuple[str, float]]) -> dict[str, Any]:
    question, role, contender, mix = key
    by_listener: dict[str, list[float]] = defaultdict(list)
    for listener, rating in rows:
        by_listener[listener].append(rating)
    own = [float(np.mean(ratings)) for ratings in by_listener.values()]
    interval = mean_interval(np.array(own if len(own) > 1 else next(iter(by_listener.values()))))
    return {
        "question": question,
        "role": role,
        "contender": contender,
        "mix": mix,
        "mean": interval.estimate,
        "low": figure(interval.low),
        "high": figure(interval.high),
        "n": len(rows),
    }
