"""The exam's page: what holds, and the medians behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from exam.conditions import CONDITIONS
from exam.figures import MIXES
from exam.requirements import SOURCES, Lookup, requirements
from violute.evaluation.bench.targets import SCALES
from violute.evaluation.metrics.intervals import Interval, median_interval

Result = Mapping[str, Any]
"""One voice on one clip: `voice`, `family`, `instrument`, `group`, and `conditions` or `failure`."""

SHOWN = (
    ("violin", "judge/posterior"),
    ("neither", "judge/other"),
    ("violin, tagger", "tagger/posterior"),
    ("mass, tagger", "tagger/mass"),
    ("pitch", "pitch/raw_accuracy"),
    ("octave errors", "pitch/octave_errors"),
    ("pitched", "pitch/coverage"),
    ("onset F1", "onsets/f1"),
)


def medians(results: Sequence[Result], condition: str) -> Lookup:
    """Return medians over recordings of one voice's results; clips of a recording count once."""

    def median_of(source: str, figure: str, mix: float | None) -> Interval:
        groups: dict[str, list[float]] = defaultdict(list)
        for result in results:
            if result["instrument"] != source or "conditions" not in result:
                continue
            found = result["conditions"][condition]
            value = found[figure] if mix is None else found["mixes"][MIXES.index(mix)].get(figure)
            if value is not None:
                groups[result["group"]].append(value)
        values = np.array([float(np.median(values)) for values in groups.values()])
        return median_interval(values, SCALES.get(figure, "any"))

    return median_of


def verdicts(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Say of each requirement on one voice whether it holds, and where it is furthest from holding."""
    rows = []
    for requirement in requirements(results[0]["family"]):
        by_condition = {name: requirement.worst(medians(results, name)) for name in CONDITIONS}
        rows.append(
            {
                "requirement": requirement.title,
                "holds": all(holds for _, holds in by_condition.values())
                and not any("failure" in result for result in results),
                "worst": {name: round(value, 4) for name, (value, _) in by_condition.items()},
            }
        )
    return rows


def page(results: Sequence[Result], title: str, notes: Sequence[str]) -> str:
    """Write the page of all voices."""
    voices = list(dict.fromkeys(result["voice"] for result in results))
    own = {voice: [r for r in results if r["voice"] == voice] for voice in voices}
    lines = [f"# {title}", "", *notes, "", "## What holds", ""]
    lines += ["| | " + " | ".join(voices) + " |", "|---" * (len(voices) + 1) + "|"]
    judged = {voice: verdicts(own[voice]) for voice in voices}
    for number, row in enumerate(judged[voices[0]]):
        cells = []
        for voice in voices:
            verdict = judged[voice][number]
            cells.append(("yes" if verdict["holds"] else "**no**") + f", {_span(verdict['worst'].values())}")
        lines.append(f"| {row['requirement']} | " + " | ".join(cells) + " |")
    lines += ["", "In each cell: whether it holds in all conditions, and the medians furthest out over them."]
    lines += ["NSynth is asked for less: 0.7, 0.2 and 0.88 where others are for 0.85, 0.1 and 0.93."]
    for voice in voices:
        lines += ["", f"## {voice}", "", *_voice_table(own[voice])]
        failures = [r for r in own[voice] if "failure" in r]
        lines += [f"\nCould not play {r['clip']}: {r['failure']}" for r in failures]
    lines += ["", "## The recordings themselves", "", *_source_table(own[voices[0]])]
    return "\n".join(lines) + "\n"


def _voice_table(results: Sequence[Result]) -> list[str]:
    """Lay out one voice: a row for each condition, source and figure, a column for each mix."""
    lines = [
        "| condition | in | figure | " + " | ".join(f"mix {mix:g}" for mix in MIXES) + " | Spearman |",
        "|---" * (len(MIXES) + 4) + "|",
    ]
    for condition in CONDITIONS:
        median_of = medians(results, condition)
        for source in SOURCES:
            for title, figure in SHOWN:
                intervals = [median_of(source, figure, mix) for mix in MIXES]
                if figure.startswith("tagger/") and not any(interval.n for interval in intervals):
                    continue
                cells = [cell(interval) for interval in intervals]
                path = cell(median_of(source, "mix/spearman", None)) if figure == SHOWN[0][1] else ""
                lines.append(f"| {condition} | {source} | {title} | " + " | ".join(cells) + f" | {path} |")
    return lines


def _source_table(results: Sequence[Result]) -> list[str]:
    """Lay out what the judge hears in the recordings before anybody plays them."""
    lines = [
        "| condition | in | n | violin | neither | violin, tagger | mass, tagger | trackers agree |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for condition in CONDITIONS:
        for source in SOURCES:
            sounds = [
                r["conditions"][condition]["source"]
                for r in results
                if r["instrument"] == source and "conditions" in r
            ]
            if sounds:
                names = [figure for _, figure in SHOWN[:4]] + ["pitch/judges_agree"]
                values = [[s[name] for s in sounds if s.get(name) is not None] for name in names]
                cells = [f"{np.median(v):.2f} ({min(v):.2f} to {max(v):.2f})" if v else "-" for v in values]
                lines.append(f"| {condition} | {source} | {len(sounds)} | " + " | ".join(cells) + " |")
    return lines


def cell(interval: Interval) -> str:
    """Write a median with its interval, where there is one."""
    if interval.n == 0:
        return "-"
    ends = f" ({interval.low:.2f} to {interval.high:.2f})" if interval.low == interval.low else ""
    return f"{interval.estimate:.2f}{ends}"


def _span(values: Any) -> str:
    found = [value for value in values if value == value]
    return f"{min(found):.2f} to {max(found):.2f}" if found else "nothing measured"
