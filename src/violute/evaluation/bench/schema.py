"""The bench's document: what `violute bench` writes as JSON, what its readers may rely on.

The file is one object of the type `Document`. Figures carry the names of the metrics; a figure
that had nothing to measure is null, never NaN. No recording and no path of the machine is in it.
A reader meets the version first: it is raised whenever an entry changes its meaning or goes away,
not when one is added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

from violute.errors import InputError

SCHEMA = "violute.bench"
SCHEMA_VERSION = 1

DEVIATION_LIMIT_CENTS = 100.0
DEVIATION_STEP_CENTS = 5.0
"""Bins of the histograms of pitch deviation; what lies outside is counted in the first and last."""

Figures = dict[str, float | None]
"""Figures by path-like name (`pitch/raw_accuracy`); null where there was nothing to measure."""


class ContenderEntry(TypedDict):
    """One contender: a voice or a baseline.

    Keys:
        name: As in every table.
        kind: `voice` or `baseline`.
        description: One sentence.
        ends: Names of mix 0 and mix 1.
        n_bytes: Size of the voice file; null for a baseline.
        sha256: Of the voice file; empty for a baseline.
    """

    name: str
    kind: str
    description: str
    ends: list[str]
    n_bytes: int | None
    sha256: str


class ClipEntry(TypedDict):
    """One clip: its name (`instrument/recording`), instrument, recording, source file and length.

    Keys:
        name: Instrument and recording, and the second at which the clip starts unless it is 0.
        instrument: What plays.
        group: The recording; intervals draw all clips of one together.
        seconds: Length.
        source: Figures of the recording itself. Where `notes/polyphonic_share` is 0.2 or more it is
            chords, and results leave out what needs a track of one line.
        timbre: Mean cepstrum of the recording itself; null in silence.
        is_stranger: Whether the card of the first voice does not name its source.
    """

    name: str
    instrument: str
    group: str
    seconds: float
    source: Figures
    timbre: list[float | None]
    is_stranger: bool


class ResultEntry(TypedDict):
    """One contender on one clip.

    Keys:
        contender: Its name.
        clip: Its name.
        mixes: Figures at each of the settings' `mixes`; `mix` says which.
        dial: `mix`, `judge/posterior` (violin against flute), `judge/other` (neither),
            `timbre/centroid_octaves` and `timbre/tilt_db_per_octave` at each of `dial_mixes`.
        timbre: Mean cepstrum at each of `dial_mixes`.
        path: Figures of the dial as a whole.
        deviation_counts: Frames in each bin of pitch deviation, at each of `mixes`.
        cost: `cost/analyse_seconds` and `cost/render_seconds` (of one mix, median) while other
            jobs ran beside; for figures of speed see `Document.costs`.
    """

    contender: str
    clip: str
    mixes: list[Figures]
    dial: list[Figures]
    timbre: list[list[float | None]]
    path: Figures
    deviation_counts: list[list[int]]
    cost: Figures


class SummaryEntry(TypedDict):
    """One figure of one contender over the clips of one instrument.

    Keys:
        contender: Its name.
        instrument: Of the clips; `all` for figures over every clip.
        figure: Path-like name.
        mix: Where on the dial; null for figures of the whole dial.
        value: Median over recordings.
        low: Lower end of the interval over recordings; null where it is unknown (fewer than three).
        high: Upper end.
        n: Recordings that it rests on.
    """

    contender: str
    instrument: str
    figure: str
    mix: float | None
    value: float | None
    low: float | None
    high: float | None
    n: int


class FailureEntry(TypedDict):
    """A contender that could not play a clip, and why."""

    contender: str
    clip: str
    message: str


class Document(TypedDict):
    """Everything that one run of the bench found.

    Keys:
        schema: `violute.bench`.
        schema_version: Of this layout.
        environment: Machine, software, git revision, date, command.
        settings: What was run: `mixes`, `dial_mixes`, `clip_seconds`, `sample_rate`, `pitch_judge`,
            `deviation_edges_cents`, `references` (recordings per end that the baselines had).
        contenders: In the order of the tables.
        clips: In the order of the tables.
        results: One a contender and clip.
        summary: Medians with intervals.
        costs: Figures of `bench.cost`, by contender.
        floors: By end, how far real recordings of that instrument lie apart among themselves
            (`value`, `low`, `high` of `timbre/kernel_distance`); empty without references.
        failures: What could not be played.
    """

    schema: str
    schema_version: int
    environment: dict[str, Any]
    settings: dict[str, Any]
    contenders: list[ContenderEntry]
    clips: list[ClipEntry]
    results: list[ResultEntry]
    summary: list[SummaryEntry]
    costs: dict[str, Figures]
    floors: dict[str, dict[str, float | None]]
    failures: list[FailureEntry]


def figure(value: float) -> float | None:
    """Return a figure as JSON knows it: null where it is not finite."""
    return float(value) if math.isfinite(value) else None


def number(value: float | None) -> float:
    """Return a figure as NumPy knows it: NaN where it is null."""
    return math.nan if value is None else float(value)


def to_json(document: Mapping[str, Any]) -> str:
    """Serialise a document, one entry of its lists a line; figures are rounded to five digits.

    Raises:
        ValueError: A figure is NaN or infinite.
    """
    dump = partial(json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    parts = []
    for key, value in _rounded(document).items():
        is_rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n" + ",\n".join(dump(row) for row in value) + "\n]" if is_rows else dump(value)
        parts.append(f"{dump(key)}:{text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_document(path: str | Path) -> Document:
    """Read what `violute bench` wrote; errors are those of `read_object`."""
    entries = read_object(path, SCHEMA, SCHEMA_VERSION, "violute bench")
    missing = [key for key in Document.__annotations__ if key not in entries]
    if missing:
        raise InputError(f"{path}: the document lacks {missing[0]!r}: write it again with violute bench")
    return cast("Document", entries)


def read_object(path: str | Path, schema: str, version: int, maker: str) -> dict[str, Any]:
    """Read a JSON object of a `schema` and no newer `schema_version`; messages name its `maker`.

    Raises:
        InputError: The file is missing, is no such object, or was written by a newer version.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): name a file of {maker}") from None
    except ValueError:
        raise InputError(f"{path}: is not JSON: name a file of {maker}") from None
    if not isinstance(entries, dict) or entries.get("schema") != schema:
        raise InputError(f"{path}: is no {schema} document: name a file of {maker}")
    found = entries.get("schema_version")
    if not isinstance(found, int) or not 1 <= found <= version:
        raise InputError(
            f"{path}: has version {found!r}, this Violute reads up to {version}: upgrade violute"
        )
    return entries


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(entry) for entry in value]
    return value
