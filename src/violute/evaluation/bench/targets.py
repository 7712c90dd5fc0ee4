"""Which way each figure of the bench is better, what it should be, and what it can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from violute.evaluation.metrics.intervals import Scale


class About(NamedTuple):
    """What is known of a figure before it is measured.

    Attributes:
        title: In the tables; empty for figures that only the document holds.
        direction: 1 where more is better, -1 where less is, 0 where neither is (a rendering that should
            differ from its recording is not worse for it). `judge/posterior` has ranges instead.
        target: What it should reach, in its direction.
        scale: What values it can have, for its interval.
    """

    title: str
    direction: int
    target: float | None
    scale: Scale


FIGURES: Mapping[str, About] = {
    "pitch/raw_accuracy": About("pitch within 50 cents", 1, 0.95, "share"),
    "pitch/median_deviation_cents": About("deviation, cents", -1, 10.0, "positive"),
    "pitch/octave_errors": About("octave errors", -1, 0.01, "share"),
    "pitch/coverage": About("", 0, None, "share"),
    "loudness/l1_db": About("loudness L1, dB", -1, 2.0, "positive"),
    "loudness/correlation": About("loudness correlation", 1, 0.95, "up to 1"),
    "onsets/f1": About("onset F1", 1, 0.9, "share"),
    "notes/f1": About("note F1", 1, None, "share"),
    "notes/chords_f1": About("note F1, chords", 1, None, "share"),
    "fusion/f0_tracks": About("f0 tracks", -1, None, "positive"),
    "fusion/roughness": About("roughness", -1, None, "positive"),
    "judge/posterior": About("violin against flute", 0, None, "share"),
    "judge/other": About("neither of them", 0, None, "share"),
    "spectral/multi_resolution": About("", 0, None, "positive"),
    "spectral/log_spectral_distance_db": About("", 0, None, "positive"),
    "mix/spearman": About("rank with mix", 1, 0.98, "up to 1"),
    "mix/centroid_r2": About("centroid path R2", 1, 0.95, "up to 1"),
    "mix/tilt_r2": About("tilt path R2", 1, 0.95, "up to 1"),
    "mix/mfcc_r2": About("MFCC path R2", 1, 0.95, "up to 1"),
    "mix/step_cv": About("step unevenness", -1, 0.25, "positive"),
    "mix/pitch_drift_cents": About("pitch drift, cents", -1, 3.0, "positive"),
    "mix/loudness_drift_db": About("loudness drift, dB", -1, 0.5, "positive"),
    "timbre/kernel_distance": About("distance to end", -1, None, "any"),
    "cost/convert_x_realtime": About("conversion, x real time", 1, None, "any"),
    "cost/rerender_x_realtime": About("another mix, x real time", 1, None, "any"),
    "cost/cold_start_seconds": About("cold start, s", -1, None, "any"),
    "cost/peak_memory_mb": About("peak memory, MB", -1, None, "any"),
}
"""In the order of the tables."""

DIRECTIONS = {name: about.direction for name, about in FIGURES.items() if about.direction}
TARGETS = {name: about.target for name, about in FIGURES.items() if about.target is not None}
SCALES = {name: about.scale for name, about in FIGURES.items()}

POSTERIOR_RANGES: Mapping[float, tuple[float, float]] = {0.0: (0.0, 0.1), 0.5: (0.3, 0.7), 1.0: (0.9, 1.0)}
"""Where `judge/posterior` should lie, by mix; elsewhere any value will do."""


def fault(name: str, value: float | None, *, mix: float | None = None) -> float | None:
    """Return how bad a figure is, the lower the better; None where it says neither.

    For `judge/posterior` it is the distance from the range that goes with the mix.
    """
    if value is None:
        return None
    if name == "judge/posterior":
        bounds = POSTERIOR_RANGES.get(mix) if mix is not None else None
        return None if bounds is None else max(bounds[0] - value, value - bounds[1], 0.0)
    return -DIRECTIONS[name] * value if name in DIRECTIONS else None


def is_met(name: str, value: float | None, *, mix: float | None = None) -> bool | None:
    """Say whether a figure meets its target; None where there is no target or no figure."""
    found = fault(name, value, mix=mix)
    if found is None or (name not in TARGETS and name != "judge/posterior"):
        return None
    return found <= (-DIRECTIONS[name] * TARGETS[name] if name in TARGETS else 0.0)


def target_text(name: str, *, mix: float | None = None) -> str:
    """Write a figure's target, such as `>= 0.95`; of `judge/posterior` all ranges where no mix is given."""
    if name == "judge/posterior":
        ranges = POSTERIOR_RANGES if mix is None else {mix: POSTERIOR_RANGES.get(mix)}
        return ", ".join(f"{bounds[0]:g}-{bounds[1]:g}" for bounds in ranges.values() if bounds)
    return f"{'>=' if DIRECTIONS[name] > 0 else '<='} {TARGETS[name]:g}" if name in TARGETS else ""
