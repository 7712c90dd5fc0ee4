"""The tables of the bench: one a piece's instrument, the cost, and who beats whom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from violute.evaluation.bench.directions import mean_difference, values_by_group
from violute.evaluation.bench.figures import MOST_POLYPHONIC_SHARE
from violute.evaluation.bench.schema import Document, SummaryEntry
from violute.evaluation.report.tables import is_met

ROWS: Sequence[tuple[str, str, float | None]] = (
    ("pitch within 50 cents", "pitch/raw_accuracy", 0.5),
    ("deviation, cents", "pitch/median_deviation_cents", 0.5),
    ("octave errors", "pitch/octave_errors", 0.5),
    ("loudness L1, dB", "loudness/l1_db", 0.5),
    ("loudness correlation", "loudness/correlation", 0.5),
    ("onset F1", "onsets/f1", 0.5),
    ("note F1", "notes/f1", 0.5),
    ("note F1, chords", "notes/chords_f1", 0.5),
    ("f0 tracks", "fusion/f0_tracks", 0.5),
    ("roughness", "fusion/roughness", 0.5),
    ("violin against flute, mix 0", "judge/posterior", 0.0),
    ("violin against flute, mix 0.5", "judge/posterior", 0.5),
    ("violin against flute, mix 1", "judge/posterior", 1.0),
    ("neither of them, mix 0", "judge/other", 0.0),
    ("neither of them, mix 0.5", "judge/other", 0.5),
    ("neither of them, mix 1", "judge/other", 1.0),
    ("rank with mix", "mix/spearman", None),
    ("centroid path R2", "mix/centroid_r2", None),
    ("tilt path R2", "mix/tilt_r2", None),
    ("MFCC path R2", "mix/mfcc_r2", None),
    ("step unevenness", "mix/step_cv", None),
    ("pitch drift, cents", "mix/pitch_drift_cents", None),
    ("loudness drift, dB", "mix/loudness_drift_db", None),
    ("distance to end, mix 0", "timbre/kernel_distance", 0.0),
    ("distance to end, mix 1", "timbre/kernel_distance", 1.0),
)
"""What the tables show: title, figure, mix. The document holds more."""

COST_ROWS: Sequence[tuple[str, str]] = (
    ("conversion, x real time", "cost/convert_x_realtime"),
    ("another mix, x real time", "cost/rerender_x_realtime"),
    ("cold start, s", "cost/cold_start_seconds"),
    ("peak memory, MB", "cost/peak_memory_mb"),
)


@dataclass(frozen=True)
class Cell:
    """What a table shows in one place.

    Attributes:
        value: The figure, or a word.
        interval: Its interval, or nothing.
        is_met: Whether it meets its target; None where there is none.
    """

    value: str
    interval: str = ""
    is_met: bool | None = None


@dataclass(frozen=True)
class Table:
    """Rows of cells under a heading.

    Attributes:
        title: Of the table.
        head: Of the columns; the first is that of the rows' names.
        rows: Name and cells.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def tables(document: Document) -> list[Table]:
    """Lay a document out as tables."""
    found = {
        (entry["contender"], entry["instrument"], entry["figure"], entry["mix"]): entry
        for entry in document["summary"]
    }
    names = [entry["name"] for entry in document["contenders"]]
    laid_out = []
    for instrument in instruments(document):
        n = len({clip["group"] for clip in document["clips"] if clip["instrument"] == instrument})
        shown_figures = [
            column for column in ROWS if any((name, instrument, *column[1:]) in found for name in names)
        ]
        rows = [
            (title, [figure_cell(found.get((name, instrument, key, mix)), key, mix) for name in names])
            for title, key, mix in shown_figures
        ]
        laid_out.append(Table(f"{instrument} in, {n} recording{'s' * (n != 1)}", ["figure", *names], rows))
    if document["costs"]:
        rows = [
            (title, [Cell(shown(document["costs"].get(name, {}).get(key))) for name in names])
            for title, key in COST_ROWS
        ]
        laid_out.append(Table("Cost", ["figure", *names], rows))
    rivals = rival_table(document)
    return [*laid_out, rivals] if rivals is not None else laid_out


def rival_table(document: Document) -> Table | None:
    """Say where the first voice is better or worse than each other contender, beyond chance.

    Differences are paired by recording, over all instruments; None where nobody else plays.
    """
    first, *others = [entry["name"] for entry in document["contenders"]]
    if not others:
        return None
    rows = []
    for title, key, mix in ROWS:
        mine = values_by_group(document, first, "all", key, mix)
        cells = []
        for other in others:
            gain = mean_difference(values_by_group(document, other, "all", key, mix), mine, key, mix)
            if gain is None:
                cells.append(Cell("-"))
                continue
            verdict = None if not gain.excludes(0.0) else gain.estimate > 0.0
            word = (
                "even"
                if verdict is None
                else f"{'better' if verdict else 'worse'} by {shown(abs(gain.estimate))}"
            )
            cells.append(Cell(word, _range(gain.low, gain.high), verdict))
        if any(cell.value != "-" for cell in cells):
            rows.append((title, cells))
    return Table(f"{first} beside the others, all recordings", ["figure", *others], rows)


def instruments(document: Document) -> list[str]:
    """Return the instruments of the clips, in the order in which they were given."""
    return list(dict.fromkeys(clip["instrument"] for clip in document["clips"]))


def markdown(document: Document) -> str:
    """Write a document's tables as Markdown."""
    lines = [f"# Bench of {document['contenders'][0]['name']}", "", *explanation(document), ""]
    for table in tables(document):
        lines += [
            f"## {table.title}",
            "",
            "| " + " | ".join(table.head) + " |",
            "|---" * len(table.head) + "|",
        ]
        for name, cells in table.rows:
            lines.append(f"| {name} | " + " | ".join(_markdown_cell(cell) for cell in cells) + " |")
        lines.append("")
    for failure in document["failures"]:
        lines.append(f"- {failure['contender']} did not play {failure['clip']}: {failure['message']}")
    return "\n".join(lines).rstrip() + "\n"


def explanation(document: Document) -> list[str]:
    """Say in a few lines how to read the tables, and where they come from."""
    about, settings = document["environment"], document["settings"]
    ends = document["contenders"][0]["ends"]
    changed = ", with changes" if about["is_changed"] else ""
    revision = about["revision"][:12] or "unknown"
    lines = [
        f"Mix 0 is {ends[0]}, mix 1 is {ends[1]}; where no mix is named, it is 0.5. Figures are medians over",
        "recordings, with 95 % bootstrap intervals; a missed target is bold.",
        f"Pitch is judged by {settings['pitch_judge']}; clips last up to {settings['clip_seconds']:g} s.",
        "",
        f"Violute {about['violute']}, revision {revision}{changed}; {about['date']};",
        f"Python {about['python']}; {about['processor']}, {about['n_cores']} cores.",
        "",
        f"Command: `{about['command']}`",
    ]
    n_chords = sum(
        (clip["source"].get("notes/polyphonic_share") or 0.0) >= MOST_POLYPHONIC_SHARE
        for clip in document["clips"]
    )
    if n_chords:
        of_all = f"{n_chords} of {len(document['clips'])} clips are chords"
        lines += ["", f"{of_all}; what needs a track of one line (pitch, onsets, note F1) leaves them out."]
    floors = document["floors"]
    if floors:
        among = "; ".join(f"{end} {shown(floor['value'])}" for end, floor in floors.items())
        lines += ["", f"Real recordings of one instrument lie apart among themselves by: {among}."]
    return lines


def figure_cell(entry: SummaryEntry | None, name: str, mix: float | None) -> Cell:
    """Show one summary."""
    if entry is None or entry["value"] is None:
        return Cell("-")
    return Cell(
        shown(entry["value"]), _range(entry["low"], entry["high"]), is_met(name, entry["value"], mix=mix)
    )


def shown(value: float | None) -> str:
    """Write a figure with three digits or so."""
    if value is None or math.isnan(value):
        return "-"
    if abs(value) < 10.0:
        return f"{value:.3f}"
    return f"{value:.1f}" if abs(value) < 1000.0 else f"{value:.0f}"


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None or math.isnan(low):
        return ""
    return f"{shown(low)} to {shown(high)}"


def _markdown_cell(cell: Cell) -> str:
    value = f"**{cell.value}**" if cell.is_met is False else cell.value
    return f"{value} ({cell.interval})" if cell.interval else value
