"""The tables of the strangers exam that README and docs/families.md quote.

    python bench/strangers_table.py

reads bench/STRANGERS.json, which `bench/strangers.py` wrote, and puts a short table between README's marks
and longer ones between those of docs/families.md. All figures are medians over recordings.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exam.conditions import CONDITIONS
from exam.figures import MIXES
from exam.page import medians, verdicts
from exam.requirements import SOURCES

from violute.whole_file import replace_text

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- strangers: by bench/strangers_table.py -->", "<!-- end of strangers -->"
AS_IT_IS = next(iter(CONDITIONS))
VIOLIN, NEITHER, PITCH = "judge/posterior", "judge/other", "pitch/raw_accuracy"
SHOWN_MIXES = (0.0, 0.5, 1.0)

Results = Sequence[Mapping[str, Any]]
Table = Callable[[Mapping[str, Results]], str]


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=ROOT / "bench" / "STRANGERS.json")
    results = json.loads(parser.parse_args().figures.read_text(encoding="utf-8"))["results"]
    voices: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        voices.setdefault(result["voice"], []).append(result)
    for path, table in ((ROOT / "README.md", short_table), (ROOT / "docs" / "families.md", long_tables)):
        replace_text(path, with_table(path.read_text(encoding="utf-8"), table(voices)))


def with_table(text: str, table: str) -> str:
    """Return a page with what stands between its marks replaced."""
    whole = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    made, n_places = whole.subn(lambda _: f"{BEGIN}\n{table}\n{END}", text)
    if n_places != 1:
        raise ValueError(f"found {n_places} places for a table: leave one pair of marks")
    return made


def short_table(voices: Mapping[str, Results]) -> str:
    """Lay out the far ends and pitch of each voice, with the worst of the five conditions."""
    lines = ["| strangers | flute in, mix 1 | violin in, mix 0 | pitch |", "|---|---|---|---|"]
    for voice, results in voices.items():
        cells = []
        for figure, source, mixes, worst in (
            (VIOLIN, ["flute"], (1.0,), min),
            (VIOLIN, ["violin"], (0.0,), max),
            (PITCH, SOURCES, MIXES, min),
        ):
            values = [extreme(results, name, figure, source, mixes, worst) for name in CONDITIONS]
            cells.append(f"{_shown(values[0])} ({_shown(worst(values))})")
        lines.append(f"| {voice} | {' | '.join(cells)} |")
    return "\n".join(lines)


def long_tables(voices: Mapping[str, Results]) -> str:
    """Lay out ends, middle, neither, pitch and what holds; then both far ends in each condition."""
    at = " / ".join(f"{mix:g}" for mix in SHOWN_MIXES)
    titles = ["strangers, as recorded", f"flute in, mix {at}", f"violin in, mix {at}", "neither, far ends"]
    titles += ["pitch, worst mix", "octave errors, worst mix", "asked for and kept"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for voice, results in voices.items():
        cells = [
            " / ".join(
                _shown(extreme(results, AS_IT_IS, VIOLIN, [source], (mix,), max)) for mix in SHOWN_MIXES
            )
            for source in SOURCES
        ]
        far = [
            extreme(results, AS_IT_IS, NEITHER, [source], (mix,), max)
            for source, mix in (("flute", 1.0), ("violin", 0.0))
        ]
        cells.append(_shown(max(far)))
        cells.append(_shown(extreme(results, AS_IT_IS, PITCH, SOURCES, MIXES, min)))
        cells.append(_shown(extreme(results, AS_IT_IS, "pitch/octave_errors", SOURCES, MIXES, max)))
        rows = verdicts(results)
        cells.append(f"{sum(row['holds'] for row in rows)} of {len(rows)}")
        lines.append(f"| {voice} | {' | '.join(cells)} |")
    lines += ["", "| flute in, mix 1 / violin in, mix 0 | " + " | ".join(CONDITIONS) + " |"]
    lines.append("|---" * (len(CONDITIONS) + 1) + "|")
    for voice, results in voices.items():
        cells = [
            _shown(extreme(results, name, VIOLIN, ["flute"], (1.0,), min))
            + " / "
            + _shown(extreme(results, name, VIOLIN, ["violin"], (0.0,), max))
            for name in CONDITIONS
        ]
        lines.append(f"| {voice} | {' | '.join(cells)} |")
    return "\n".join(lines)


def extreme(
    results: Results,
    condition: str,
    figure: str,
    sources: Sequence[str],
    mixes: Sequence[float],
    worst: Callable[[Sequence[float]], float],
) -> float:
    """Return the worst of the medians of one voice over sources and mixes, in a condition."""
    median_of = medians(results, condition)
    values = [median_of(source, figure, mix).estimate for source in sources for mix in mixes]
    measured = [value for value in values if value == value]
    return worst(measured) if measured else float("nan")


def _shown(value: float) -> str:
    return f"{value:.2f}" if value == value else "-"


if __name__ == "__main__":
    main()
