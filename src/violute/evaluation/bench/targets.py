"""Which way each figure of the bench is better, what it should be, and what it can be."""

from __future__ import annotations

from collections.abc import Mapping

from violute.evaluation.metrics.intervals import Scale

DIRECTIONS: Mapping[str, int] = {
    "pitch/raw_accuracy": 1,
    "pitch/median_deviation_cents": -1,
    "pitch/octave_errors": -1,
    "loudness/l1_db": -1,
    "loudness/correlation": 1,
    "onsets/f1": 1,
    "notes/f1": 1,
    "notes/chords_f1": 1,
    "fusion/f0_tracks": -1,
    "fusion/roughness": -1,
    "timbre/kernel_distance": -1,
    "mix/spearman": 1,
    "mix/centroid_r2": 1,
    "mix/tilt_r2": 1,
    "mix/mfcc_r2": 1,
    "mix/step_cv": -1,
    "mix/pitch_drift_cents": -1,
    "mix/loudness_drift_db": -1,
    "cost/convert_x_realtime": 1,
    "cost/rerender_x_realtime": 1,
    "cost/cold_start_seconds": -1,
    "cost/peak_memory_mb": -1,
}
"""1 where more is better, -1 where less is; `judge/posterior` should lie in a range that goes with the
mix, and figures that are not named here say neither good nor bad (a rendering that should differ from
its recording is not worse for it)."""

TARGETS: Mapping[str, float] = {
    "pitch/raw_accuracy": 0.95,
    "pitch/median_deviation_cents": 10.0,
    "pitch/octave_errors": 0.01,
    "loudness/l1_db": 2.0,
    "loudness/correlation": 0.95,
    "onsets/f1": 0.90,
    "mix/spearman": 0.98,
    "mix/centroid_r2": 0.95,
    "mix/tilt_r2": 0.95,
    "mix/mfcc_r2": 0.95,
    "mix/step_cv": 0.25,
    "mix/pitch_drift_cents": 3.0,
    "mix/loudness_drift_db": 0.5,
}
"""What a figure should reach, in its direction."""

SCALES: Mapping[str, Scale] = {
    "pitch/raw_accuracy": "share",
    "pitch/median_deviation_cents": "positive",
    "pitch/octave_errors": "share",
    "pitch/coverage": "share",
    "loudness/l1_db": "positive",
    "loudness/correlation": "up to 1",
    "onsets/f1": "share",
    "notes/f1": "share",
    "notes/chords_f1": "share",
    "fusion/f0_tracks": "positive",
    "fusion/roughness": "positive",
    "judge/posterior": "share",
    "judge/other": "share",
    "spectral/multi_resolution": "positive",
    "spectral/log_spectral_distance_db": "positive",
    "mix/spearman": "up to 1",
    "mix/centroid_r2": "up to 1",
    "mix/tilt_r2": "up to 1",
    "mix/mfcc_r2": "up to 1",
    "mix/step_cv": "positive",
    "mix/pitch_drift_cents": "positive",
    "mix/loudness_drift_db": "positive",
}
"""What values a figure can have, for its interval."""

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
