"""A voice's figures as Markdown tables, each figure beside its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TARGETS: Mapping[str, tuple[str, float]] = {
    "pitch/raw_accuracy": (">=", 0.95),
    "pitch/median_deviation_cents": ("<=", 10.0),
    "pitch/octave_errors": ("<=", 0.01),
    "loudness/l1_db": ("<=", 2.0),
    "loudness/correlation": (">=", 0.95),
    "onsets/f1": (">=", 0.90),
    "mix/spearman": (">=", 0.98),
    "mix/centroid_r2": (">=", 0.95),
    "mix/tilt_r2": (">=", 0.95),
    "mix/mfcc_r2": (">=", 0.95),
    "mix/step_cv": ("<=", 0.25),
    "mix/pitch_drift_cents": ("<=", 3.0),
    "mix/loudness_drift_db": ("<=", 0.5),
}
"""What a figure should be, by name."""


def posterior_target(mix: float) -> tuple[float, float] | None:
    """Return the range in which the judge's posterior should lie; None where any will do."""
    return {0.0: (0.0, 0.1), 0.5: (0.3, 0.7), 1.0: (0.9, 1.0)}.get(mix)


def is_met(name: str, value: float | None, *, mix: float | None = None) -> bool | None:
    """Say whether a figure meets its target; None where there is no target or no figure."""
    if value is None:
        return None
    if name == "judge/posterior":
        bounds = posterior_target(mix) if mix is not None else None
        return None if bounds is None else bounds[0] <= value <= bounds[1]
    if name not in TARGETS:
        return None
    relation, target = TARGETS[name]
    return value >= target if relation == ">=" else value <= target


def markdown_report(figures: Mapping[str, Any]) -> str:
    """Write the medians of `evaluate_voice` as one table an instrument; a missed target is bold."""
    flute, violin = figures["ends"]
    lines = [f"# {figures['voice']}", ""]
    lines.append(f"Mix 0 is {flute}, mix 1 is {violin}; pitch is judged by {figures['pitch_judge']}.")
    lines.append("Figures are medians over clips; those that miss their target are bold.")
    for instrument, medians in figures["medians"].items():
        mixes = figures["mixes"]
        lines += ["", f"## {instrument} in, {medians['n_clips']} clips", ""]
        lines.append("| figure | target | " + " | ".join(f"mix {mix:g}" for mix in mixes) + " |")
        lines.append("|---|---|" + "---|" * len(mixes))
        for name in (n for n in medians["mixes"][0] if n != "mix"):
            cells = [
                _cell(row[name], is_met(name, row[name], mix=mix))
                for mix, row in zip(mixes, medians["mixes"], strict=True)
            ]
            lines.append(f"| {name} | {_target(name)} | " + " | ".join(cells) + " |")
        lines += ["", "| figure | target | value |", "|---|---|---|"]
        lines += [
            f"| {name} | {_target(name)} | {_cell(value, is_met(name, value))} |"
            for name, value in medians["path"].items()
        ]
        source = medians["source"]["judge/posterior"]
        lines += ["", f"The recordings themselves: judge/posterior {_cell(source, None)}."]
    return "\n".join(lines) + "\n"


def _target(name: str) -> str:
    if name == "judge/posterior":
        return "0-0.1, 0.3-0.7, 0.9-1"
    return " ".join(str(part) for part in TARGETS[name]) if name in TARGETS else ""


def _cell(value: float | None, met: bool | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.3f}" if abs(value) < 10.0 else f"{value:.1f}"
    return f"**{text}**" if met is False else text
