"""The report as one page that opens from disk: tables, plots, sounds and blind trials, all inside it."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from violute.evaluation.bench.schema import Document
from violute.evaluation.report.audio import SoundStore
from violute.evaluation.report.listening import RATED_MIX, SAME_SOUND, HeardClip, make_trials
from violute.evaluation.report.plots import (
    cost_plot,
    deviation_plot,
    posterior_plot,
    spectrogram_plot,
    timbre_path_plot,
)
from violute.evaluation.report.tables import Cell, Table, explanation, tables

PAGE_FOLDER = Path(__file__).parent / "page"
SPECTROGRAM_SECONDS = 5.0


def report_html(document: Document, heard: Sequence[HeardClip]) -> str:
    """Write the page."""
    store = SoundStore()
    voices = [entry["name"] for entry in document["contenders"] if entry["kind"] == "voice"]
    players = "\n".join(_players(clip, store) for clip in heard)
    trials = make_trials(heard, voices, store)
    # The same trials make the same digest, so that answers of several listeners find each other.
    digest = hashlib.sha256(json.dumps(trials, sort_keys=True).encode()).hexdigest()[:16]
    slots = {
        "title": html.escape(f"Bench of {document['contenders'][0]['name']}"),
        "style": _page("report.css"),
        "explanation": _paragraphs(explanation(document)),
        "tables": "\n".join(_table(table) for table in tables(document)) + _failures(document),
        "plots": _plots(document, heard),
        "players": players,
        "sounds": _json(store.sounds),
        "trials": _json({"report": digest, "trials": trials}),
        "script": _page("player.js") + "\n" + _page("listening.js"),
    }
    text = _page("report.html")
    # One pass, so that nothing inside a sound or a name is taken for a slot.
    parts = text.split("{{")
    return parts[0] + "".join(
        slots[name] + rest for name, rest in (part.split("}}", 1) for part in parts[1:])
    )


def _page(name: str) -> str:
    return (PAGE_FOLDER / name).read_text(encoding="utf-8")


def _json(entries: Any) -> str:
    """Return JSON that cannot end the script element that holds it."""
    return json.dumps(entries, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _paragraphs(lines: Sequence[str]) -> str:
    text = html.escape("\n".join(lines)).split("\n\n")
    return "".join(f"<p>{part}</p>" for part in text)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.head)
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td>{''.join(_cell(cell) for cell in cells)}</tr>"
        for name, cells in table.rows
    )
    return (
        f"<h3>{html.escape(table.title)}</h3>\n"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(cell: Cell) -> str:
    kind = {True: ' class="met"', False: ' class="missed"', None: ""}[cell.is_met]
    interval = f"<small>{html.escape(cell.interval)}</small>" if cell.interval else ""
    return f"<td{kind}>{html.escape(cell.value)}{interval}</td>"


def _failures(document: Document) -> str:
    lines = [
        f"<li>{html.escape(entry['contender'])} did not play {html.escape(entry['clip'])}: "
        f"{html.escape(entry['message'])}</li>"
        for entry in document["failures"]
    ]
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _plots(document: Document, heard: Sequence[HeardClip]) -> str:
    drawn = [
        (
            "The way of each contender through timbre space, from mix 0 (hollow) to mix 1",
            timbre_path_plot(document),
        ),
        ("What the instrument judge hears; the grey bars are where it should lie", posterior_plot(document)),
        (
            "Pitch deviation, on frames where the two trackers agree about the recording",
            deviation_plot(document),
        ),
        ("Cost", cost_plot(document)),
    ]
    text = "".join(f"<h3>{title}</h3>\n{plot}\n" for title, plot in drawn if plot)
    first_of_instrument = {clip.name.split("/", 1)[0]: clip for clip in reversed(heard)}
    for clip in reversed(first_of_instrument.values()):
        panels = [("the recording", clip.source)]
        names = list(dict.fromkeys(name for name, _ in clip.renderings))
        panels += [
            (f"{names[0]}, mix {m:g}", a) for (name, m), a in clip.renderings.items() if name == names[0]
        ]
        panels += [
            (f"{n}, mix {m:g}", a)
            for (n, m), a in clip.renderings.items()
            if n not in (names[0], SAME_SOUND) and m == RATED_MIX
        ]
        n_samples = int(SPECTROGRAM_SECONDS * clip.sample_rate)
        image = spectrogram_plot([(title, audio[:n_samples]) for title, audio in panels], clip.sample_rate)
        title = html.escape(f"{clip.name}, the first {SPECTROGRAM_SECONDS:g} s, in Hz over seconds")
        text += f'<h3>{title}</h3>\n<img src="{image}" alt="Spectrograms of {html.escape(clip.name)}">\n'
    return text


def _players(clip: HeardClip, store: SoundStore) -> str:
    mixes = sorted({mix for _, mix in clip.renderings})
    rows = [
        f"<tr><td>the recording</td><td>{_button(store.add(clip.source, clip.sample_rate), 'play')}</td></tr>"
    ]
    for name in dict.fromkeys(name for name, _ in clip.renderings if name != SAME_SOUND):
        cells = "".join(
            f"<td>{_button(store.add(clip.renderings[name, mix], clip.sample_rate), f'mix {mix:g}')}</td>"
            for mix in mixes
            if (name, mix) in clip.renderings
        )
        rows.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
    return f'<h3>{html.escape(clip.name)}</h3>\n<div class="wide"><table>{"".join(rows)}</table></div>'


def _button(sound: str, text: str) -> str:
    return f'<button data-sound="{sound}" aria-pressed="false">{html.escape(text)}</button>'
