"""Figures over recordings: medians and differences, with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from violute.evaluation.bench.schema import ClipEntry, Document, ResultEntry, SummaryEntry, figure
from violute.evaluation.bench.targets import SCALES, fault
from violute.evaluation.metrics.intervals import Interval, mean_interval, median_interval


def summarise(results: Sequence[ResultEntry], clips: Sequence[ClipEntry]) -> list[SummaryEntry]:
    """Summarise every figure of every contender, by instrument and over all.

    Clips of one recording count once, as their median.
    """
    about = {clip["name"]: clip for clip in clips}
    gathered: dict[tuple[str, str, str, float | None], dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for result in results:
        clip = about[result["clip"]]
        rows = [(row["mix"], row) for row in result["mixes"]] + [(None, result["path"])]
        for mix, row in rows:
            for name, value in row.items():
                if name == "mix":
                    continue
                for instrument in (clip["instrument"], "all"):
                    values = gathered[result["contender"], instrument, name, mix]
                    group = values[f"{clip['instrument']}/{clip['group']}"]
                    if value is not None:
                        group.append(value)
    return [
        summary_entry(
            *key,
            median_interval(
                np.array([float(np.median(values)) for values in groups.values() if values]),
                SCALES.get(key[2], "any"),
            ),
        )
        for key, groups in gathered.items()
    ]


def summary_entry(
    contender: str, instrument: str, name: str, mix: float | None, interval: Interval
) -> SummaryEntry:
    """Return a figure and its interval as the document holds them."""
    return {
        "contender": contender,
        "instrument": instrument,
        "figure": name,
        "mix": mix,
        "value": figure(interval.estimate),
        "low": figure(interval.low),
        "high": figure(interval.high),
        "n": interval.n,
    }


def values_by_group(
    document: Document, contender: str, instrument: str, name: str, mix: float | None
) -> dict[str, float]:
    """Return a figure of one contender, recording by recording: the median of a recording's clips.

    For contender, instrument, figure and mix see `SummaryEntry`.
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
    return mean_interval(np.array(gains))
