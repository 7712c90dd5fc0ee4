"""Medians over recordings, with bootstrap intervals: what the tables of the report show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from violute.evaluation.bench.directions import median_interval
from violute.evaluation.bench.schema import ClipEntry, ResultEntry, SummaryEntry, figure


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
    summary: list[SummaryEntry] = []
    for (contender, instrument, name, mix), groups in gathered.items():
        interval = median_interval([float(np.median(values)) for values in groups.values() if values])
        summary.append(
            {
                "contender": contender,
                "instrument": instrument,
                "figure": name,
                "mix": mix,
                "value": figure(interval.estimate),
                "low": figure(interval.low),
                "high": figure(interval.high),
                "n": interval.n,
            }
        )
    return summary
