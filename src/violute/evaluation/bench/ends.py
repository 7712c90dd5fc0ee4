"""How near each end of the dial comes to real recordings of its instrument, over all clips at once.

A distance between distributions needs minutes of sound, so it is no figure of a clip: the renderings
of all clips of an instrument are compared, at mix 0 and 1, with the reference recordings of that end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from jaxtyping import Float

from violute.evaluation.bench.contenders import Lineup, read_reference
from violute.evaluation.bench.schema import SummaryEntry, figure
from violute.evaluation.bench.summary import summary_entry
from violute.evaluation.metrics.intervals import Interval
from violute.evaluation.metrics.timbre_distance import (
    kernel_audio_distance,
    patch_embeddings,
    real_to_real_floor,
)

Patches = Float[np.ndarray, "patch dimension"]


class EndSound(TypedDict):
    """A rendering of a clip of the recording `group` at mix 0 or 1, its colours as of `patch_embeddings`."""

    contender: str
    instrument: str
    group: str
    mix: float
    patches: Patches


def end_distances(
    lineup: Lineup, sounds: Sequence[EndSound]
) -> tuple[list[SummaryEntry], dict[str, dict[str, float | None]]]:
    """Measure `timbre/kernel_distance` of every contender's ends, by instrument of the clips.

    Returns:
        Summaries, and by end the `value`, `low` and `high` that real recordings have among
        themselves. Nothing where there are no references.
    """
    if not all(lineup.references):
        return [], {}
    real = {
        mix: [patch_embeddings(*read_reference(recording)) for recording in recordings]
        for mix, recordings in zip((0.0, 1.0), lineup.references, strict=True)
    }
    gathered: dict[tuple[str, str, float], dict[tuple[str, str], list[Patches]]] = {}
    for sound in sounds:
        for instrument in (sound["instrument"], "all"):
            recordings = gathered.setdefault((sound["contender"], instrument, sound["mix"]), {})
            # Clips of one recording share a player and a room: their patches are those of one recording.
            recordings.setdefault((sound["instrument"], sound["group"]), []).append(sound["patches"])
    summary: list[SummaryEntry] = []
    for (contender, instrument, mix), recordings in gathered.items():
        played = [np.concatenate(patches) for patches in recordings.values()]
        interval = kernel_audio_distance(played, real[mix])
        summary.append(summary_entry(contender, instrument, "timbre/kernel_distance", mix, interval))
    floors: dict[str, dict[str, float | None]] = {
        end: _ends(real_to_real_floor(real[mix], n_splits=100))
        for end, mix in zip(lineup.ends, (0.0, 1.0), strict=True)
    }
    return summary, floors


def _ends(interval: Interval) -> dict[str, float | None]:
    return {
        "value": figure(interval.estimate),
        "low": figure(interval.low),
        "high": figure(interval.high),
    }
