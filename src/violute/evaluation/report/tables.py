"""The tables of the bench: by instrument, the first voice over the dial, the cost, and who beats whom."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from violute.evaluation.bench.figures import MOST_POLYPHONIC_SHARE
from violute.evaluation.bench.schema import Document, SummaryEntry
from violute.evaluation.bench.summary import mean_difference, summary_entry, values_by_group
from violute.evaluation.bench.targets import FIGURES, is_met, target_text
from violute.evaluation.metrics.intervals import median_interval

TITLES = {
    name: about.title for name, about in FIGURES.items() if about.title and not name.startswith("cost/")
}
"""What the tables show, in their order. The document holds more."""

SHOWN_MIXES: Mapping[str, Sequence[float]] = {
    "judge/posterior": (0.0, 0.5, 1.0),
    "judge/other": (0.0, 0.5, 1.0),
    "timbre/kernel_distance": (0.0, 1.0),
}
"""Mixes at which contenders are compared; of other figures that depend on the mix, 0.5."""

COST_ROWS = [(about.title, name) for name, about in FIGURES.items() if name.startswith("cost/")]


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


SummaryKey = tuple[str, str, str, float | None]
"""Contender, instrument, figure and mix."""


def tables(document: Document) -> list[Table]:
    """Return a document as tables."""
    found: dict[SummaryKey, SummaryEntry] = {
        (entry["contender"], entry["instrument"], entry["figure"], entry["mix"]): entry
        for entry in document["summary"]
    }
    names = [entry["name"] for entry in document["contenders"]]
    made = []
    for instrument in instruments(document):
        n = len({clip["group"] for clip in document["clips"] if clip["instrument"] == instrument})
        rows = [
            (
                title,
                [
                    Cell(target_text(key, mix=mix)),
                    *(figure_cell(found.get((name, instrument, key, mix)), key, mix) for name in names),
                ],
            )
            for title, key, mix in _compared_figures()
            if any((name, instrument, key, mix) in found for name in names)
        ]
        made.append(
            Table(f"{instrument} in, {n} recording{'s' * (n != 1)}", ["figure", "target", *names], rows)
        )
    made.insert(0, strangers_table(document))
    made += [dial_table(document, instrument, found) for instrument in instruments(document)]
    if document["costs"]:
        rows = [
            (title, [Cell(shown(document["costs"].get(name, {}).get(key))) for name in names])
            for title, key in COST_ROWS
        ]
        made.append(Table("Cost", ["figure", *names], rows))
    rivals = rival_table(document)
    return [*made, rivals] if rivals is not None else made


def dial_table(document: Document, instrument: str, found: Mapping[SummaryKey, SummaryEntry]) -> Table:
    """Tabulate the first voice at every mix, beside the targets and the recordings themselves."""
    voice = document["contenders"][0]["name"]
    mixes = document["settings"]["mixes"]
    sources = [clip["source"] for clip in document["clips"] if clip["instrument"] == instrument]
    rows = []
    for key, title in TITLES.items():
        entries = [found.get((voice, instrument, key, mix)) for mix in mixes]
        if not any(entries):
            continue
        own = [value for source in sources if (value := source.get(key)) is not None]
        cells = [Cell(target_text(key)), Cell(shown(float(np.median(own)) if own else None))]
        cells += [figure_cell(entry, key, mix) for entry, mix in zip(entries, mixes, strict=True)]
        rows.append((title, cells))
    head = ["figure", "target", "recordings", *(f"mix {mix:g}" for mix in mixes)]
    return Table(f"{voice} over the dial, {instrument} in", head, rows)


def strangers_table(document: Document) -> Table:
    """Tabulate the first voice on players that it has heard in training, and on those that it has not."""
    voice = document["contenders"][0]["name"]
    head, columns = ["figure", "target"], []
    for instrument in instruments(document):
        for is_stranger, who in ((True, "strangers"), (False, "acquaintances")):
            groups = {
                f"{clip['instrument']}/{clip['group']}"
                for clip in document["clips"]
                if clip["instrument"] == instrument and clip.get("is_stranger", True) == is_stranger
            }
            if groups:
                head.append(f"{instrument} in, {len(groups)} {who}")
                columns.append((instrument, groups))
    rows = []
    for title, key, mix in _compared_figures():
        cells = [Cell(target_text(key, mix=mix))]
        for instrument, groups in columns:
            values = values_by_group(document, voice, instrument, key, mix)
            own = np.array([value for group, value in values.items() if group in groups])
            interval = median_interval(own, FIGURES[key].scale)
            cells.append(figure_cell(summary_entry(voice, instrument, key, mix, interval), key, mix))
        if any(cell.value != "-" for cell in cells[1:]):
            rows.append((title, cells))
    return Table(f"{voice} on strangers and acquaintances", head, rows)


def rival_table(document: Document) -> Table | None:
    """Say where the first voice is better or worse than each other contender, beyond chance.

    Differences are paired by recording, over all instruments; None where nobody else plays.
    """
    first, *others = [entry["name"] for entry in document["contenders"]]
    if not others:
        return None
    rows = []
    for title, key, mix in _compared_figures():
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


def _compared_figures() -> Iterator[tuple[str, str, float | None]]:
    """Return title, name and mix of the figures by which contenders are compared."""
    for key, title in TITLES.items():
        if key.startswith("mix/"):
            yield title, key, None
        elif key in SHOWN_MIXES:
            yield from ((f"{title}, mix {mix:g}", key, mix) for mix in SHOWN_MIXES[key])
        else:
            yield title, key, 0.5


def instruments(document: Document) -> list[str]:
    """Return the instruments of the clips, in the order in which they were given."""
    return list(dict.fromkeys(clip["instrument"] for clip in document["clips"]))


def markdown(document: Document) -> str:
    """Write a document's tables as Markdown."""
    lines = [f"# Bench of {document['contenders'][0]['name']}", "", *explanation(document), ""]
    for table in tables(document):
        rows = [(name, *map(_markdown_cell, cells)) for name, cells in table.rows]
        lines += [f"## {table.title}", "", *markdown_table(table.head, rows), ""]
    for failure in document["failures"]:
        lines.append(f"- {failure['contender']} did not play {failure['clip']}: {failure['message']}")
    return "\n".join(lines).rstrip() + "\n"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table, line by line."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def explanation(document: Document) -> list[str]:
    """Say in a few lines how to read the tables, and where they come from."""
    about, settings = document["environment"], document["settings"]
    ends = document["contenders"][0]["ends"]
    changed = ", with changes" if about["is_changed"] else ""
    revision = about["revision"][:12] or "unknown"
    lines = [
        f"Mix 0 is {ends[0]}, mix 1 is {ends[1]}; where no mix is named, it is 0.5. Figures are medians over",
        "recordings, with 95 % intervals (Student's; none of fewer than three); a missed target is bold.",
        "Strangers are recordings whose source the voice's card does not name among what it learned from.",
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
