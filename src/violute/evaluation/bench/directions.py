"""Which way each figure is better, and how two contenders, or two runs of one, are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from violute.evaluation.bench.schema import Document
from violute.evaluation.metrics.intervals import Interval, draws, percentile_interval
from violute.evaluation.report.tables import posterior_target

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


def fault(name: str, value: float | None, *, mix: float | None = None) -> float | None:
    """Return how bad a figure is, the lower the better; None where it says neither.

    For `judge/posterior` it is the distance from the range that goes with the mix.
    """
    if value is None:
        return None
    if name == "judge/posterior":
        bounds = posterior_target(mix) if mix is not None else None
        return None if bounds is None else max(bounds[0] - value, value - bounds[1], 0.0)
    return -DIRECTIONS[name] * value if name in DIRECTIONS else None


def values_by_group(
    document: Document, contender: str, instrument: str, name: str, mix: float | None
) -> dict[str, float]:
    """Return a figure of one contender, recording by recording: the median of a recording's clips.

    Args:
        document: To look into.
        contender: Its name.
        instrument: Of the clips; `all` takes every clip.
        name: Of the figure.
        mix: Where on the dial; None for figures of the whole dial.
    """
    about = {clip["name"]: clip for clip in document["clips"]}
    gathered: dict[str, list[float]] = {}
    for result in document["results"]:
        clip = about[result["clip"]]
        if result["contender"] != contender or instrument not in (clip["instrument"], "all"):
            continue
        rows = [result["path"]] if mix is None else [row for row in result["mixes"] if row["mix"] == mix]
        for row in rows:
            value = row.get(name)
            if value is not None:
                gathered.setdefault(f"{clip['instrument']}/{clip['group']}", []).append(value)
    return {group: float(np.median(values)) for group, values in gathered.items()}


def median_interval(values: Sequence[float], *, n_resamples: int = 2000) -> Interval:
    """Return the median over recordings with its bootstrap interval."""
    row = np.array(values, dtype=np.float64)
    drawn = draws(len(row), n_resamples=n_resamples)
    medians = np.median(row[drawn], axis=1) if drawn.size else np.zeros(0)
    return percentile_interval(float(np.median(row)) if row.size else float("nan"), medians, n=len(row))


def mean_difference(
    before: Mapping[str, float], after: Mapping[str, float], name: str, mix: float | None
) -> Interval | None:
    """Return how much a figure's fault fell from one to the other on the recordings that both have.

    Recordings are paired, so that what is hard for both counts for neither.

    Returns:
        Above 0 where `after` is better; None where the figure has no direction or no recording is
        shared.
    """
    gains = []
    for group in sorted(before.keys() & after.keys()):
        old, new = fault(name, before[group], mix=mix), fault(name, after[group], mix=mix)
        if old is None or new is None:
            return None
        gains.append(old - new)
    if not gains:
        return None
    row = np.array(gains)
    drawn = draws(len(row))
    means = row[drawn].mean(axis=1) if drawn.size else np.zeros(0)
    return percentile_interval(float(row.mean()), means, n=len(row))
