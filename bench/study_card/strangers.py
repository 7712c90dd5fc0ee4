"""What the strangers exam found of a voice, as a section of its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exam.conditions import CONDITIONS
from exam.figures import MIXES
from exam.page import cell, medians
from exam.requirements import SOURCES

TABLES = (
    ("How much of a violin the judge hears (posterior)", "judge/posterior"),
    ("How surely it hears neither instrument", "judge/other"),
    ("Share of frames within 50 cents, by trackers that are not ours", "pitch/raw_accuracy"),
    ("Share of octave errors", "pitch/octave_errors"),
)

COMMAND = "python bench/strangers.py --data STRANGERS --out bench/STRANGERS.md"


def strangers_section(exam: Mapping[str, Any], name: str) -> str:
    """Write what holds of a voice on strangers, and its medians.

    Args:
        exam: The document of `bench/strangers.py`.
        name: Of the voice there.
    """
    results = [result for result in exam["results"] if result["voice"] == name]
    command = f"    {COMMAND} --voices {name}=voices/{name}.onnx ..."
    if not results or name not in exam["holds"]:
        return "\n".join(["## Strangers", "", "Not examined yet. The exam is taken by", "", command])
    held = exam["holds"][name]
    n_clips = {source: len({r["group"] for r in results if r["instrument"] == source}) for source in SOURCES}
    n_held = sum(row["holds"] for row in held)
    counts = " and ".join(f"{n} recordings of {source}" for source, n in n_clips.items())
    lines = [
        "## Strangers",
        "",
        f"{counts} by players and in rooms that no training heard (Medley-solos-DB 1.2, Lostanlen et al.,",
        f"CC BY 4.0), in {len(CONDITIONS)} conditions. **{n_held} of {len(held)} requirements hold in all.**",
        "The median furthest out:",
        "",
        "| | holds | " + " | ".join(CONDITIONS) + " |",
        "|---|---" + "|---" * len(CONDITIONS) + "|",
    ]
    for row in held:
        worst = " | ".join(_number(row["worst"].get(condition)) for condition in CONDITIONS)
        lines.append(f"| {row['requirement']} | {'yes' if row['holds'] else '**no**'} | {worst} |")
    for title, figure in TABLES:
        lines += [
            "",
            f"{title}, medians over recordings with intervals of 95 %:",
            "",
            "| in | condition | " + " | ".join(f"mix {mix:g}" for mix in MIXES) + " |",
            "|---|---" + "|---" * len(MIXES) + "|",
        ]
        for source in SOURCES:
            for condition in CONDITIONS:
                median_of = medians(results, condition)
                cells = " | ".join(cell(median_of(source, figure, mix)) for mix in MIXES)
                lines.append(f"| {source} | {condition} | {cells} |")
    failures = [f"Could not play {r['clip']}: {r['failure']}" for r in results if "failure" in r]
    lines += [""] * bool(failures) + failures
    lines += [
        "",
        "By the command below; onsets and a second judge's opinion stand in `bench/STRANGERS.md`.",
        "",
        command,
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"
