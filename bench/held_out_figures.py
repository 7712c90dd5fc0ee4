"""The bench's own figures of whatever plays, by instrument, for scripts that compare more than voices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from violute.evaluation.bench.clips import Clip
from violute.evaluation.bench.figures import MIXES, SourceFacts, measure, play, source_facts
from violute.evaluation.bench.job import clip_entry
from violute.evaluation.bench.schema import ResultEntry
from violute.evaluation.bench.summary import summarise
from violute.evaluation.judge.classifier import Judge
from violute.rates import SAMPLE_RATE
from violute.voices.contract import Player

Heard = list[tuple[Clip, SourceFacts]]


def hear(clips: Sequence[Clip], judge: Judge) -> Heard:
    """Measure recordings once, for everybody who will play them."""
    return [
        (clip, source_facts(clip.read(SAMPLE_RATE), SAMPLE_RATE, judge=judge, pitch_judge="harvest"))
        for clip in clips
    ]


def medians(contender: Player, heard: Heard, judge: Judge) -> dict[str, dict[str, Any]]:
    """Let somebody play every clip; return medians over recordings, by instrument.

    Returns:
        `n_recordings`, `mixes` (a list of figures, one a mix of the bench) and `path` (of the dial).
    """
    results: list[ResultEntry] = []
    for clip, facts in heard:
        renderings, cost = play(contender, facts)
        measured = measure(renderings, facts, judge=judge)
        results.append(
            {
                "contender": "",
                "clip": clip.name,
                "mixes": measured["mixes"],
                "dial": measured["dial"],
                "timbre": measured["timbre"],
                "path": measured["path"],
                "deviation_counts": measured["deviation_counts"],
                "cost": cost,
            }
        )
    found: dict[str, dict[str, Any]] = {
        instrument: {
            "n_recordings": len({c.group for c, _ in heard if c.instrument == instrument}),
            "mixes": [{"mix": mix} for mix in MIXES],
            "path": {},
        }
        for instrument in dict.fromkeys(clip.instrument for clip, _ in heard)
    }
    for entry in summarise(results, [clip_entry(clip, facts, ()) for clip, facts in heard]):
        if entry["instrument"] != "all":
            own = found[entry["instrument"]]
            row = own["path"] if entry["mix"] is None else own["mixes"][MIXES.index(entry["mix"])]
            row[entry["figure"]] = entry["value"]
    return found
