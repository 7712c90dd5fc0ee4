"""The plots of the report, as SVG or PNG text that stands inside the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Float32
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from violute.drawing.spectrogram_sheet import log_spectrogram_db
from violute.evaluation.bench.schema import Document, ResultEntry, number
from violute.evaluation.bench.targets import POSTERIOR_RANGES
from violute.evaluation.report.tables import COST_ROWS, instruments

PANEL_INCHES = (4.6, 3.4)
DEVIATION_MIX = 0.5
VOICE_WIDTH = 2.4
SPECTROGRAM_RANGE_DB = 70.0
SPECTROGRAM_RANGE_HZ = (180.0, 16_000.0)
_N_ROWS, _N_COLUMNS = 240, 320
_TICKS_HZ = (200, 500, 1000, 2000, 5000, 10_000)
_COLOURS = ("#c2410c", "#1d4ed8", "#047857", "#7c3aed", "#b45309", "#0e7490", "#be185d", "#4d7c0f")
_GREY = "#9ca3af"


def timbre_path_plot(document: Document) -> str:
    """Draw each contender's way through timbre space, from mix 0 (hollow) to mix 1 (filled), as SVG.

    The plane holds the two directions in which the mean cepstra of all recordings and renderings
    differ most; dots are the recordings themselves.
    """
    points = [row for result in document["results"] for row in result["timbre"]]
    points += [clip["timbre"] for clip in document["clips"]]
    plane = _principal_plane(_array(points))
    figure, panels = _panels(document)
    for axes, instrument in panels:
        for clip in document["clips"]:
            x, y = plane(_array([clip["timbre"]]))[0]
            marker = "." if clip["instrument"] == instrument else "x"
            axes.plot([x], [y], marker, color=_GREY, markersize=5, zorder=1)
        for results, style in _lines(document, instrument):
            path = plane(np.nanmean(np.stack([_array(r["timbre"]) for r in results]), axis=0))
            axes.plot(path[:, 0], path[:, 1], "-", **style)
            axes.plot(*path[0], "o", color=style["color"], markerfacecolor="white", zorder=3)
            axes.plot(*path[-1], "o", color=style["color"], zorder=3)
        axes.set(title=f"{instrument} in", xlabel="first component, dB", ylabel="second component, dB")
    return _svg(figure, legend=True)


def posterior_plot(document: Document) -> str:
    """Draw the judge's posterior of the second end against the mix as SVG: medians and middle halves."""
    figure, panels = _panels(document)
    for axes, instrument in panels:
        for mix, (low, high) in POSTERIOR_RANGES.items():
            left = min(max(mix - 0.03, 0.0), 0.94)
            axes.fill_between([left, left + 0.06], low, high, color="#e5e7eb", lw=0)
        for results, style in _lines(document, instrument):
            mixes = np.array([row["mix"] for row in results[0]["dial"]], dtype=np.float64)
            values = np.array(
                [[number(row["judge/posterior"]) for row in result["dial"]] for result in results]
            )
            if not np.isfinite(values).any(axis=0).all():
                continue
            low, middle, high = np.nanpercentile(values, [25, 50, 75], axis=0)
            axes.plot(mixes, middle, **style)
            if style["lw"] == VOICE_WIDTH:
                axes.fill_between(mixes, low, high, color=style["color"], alpha=0.15, lw=0)
        axes.set(
            title=f"{instrument} in",
            xlabel="mix",
            ylabel=f"posterior of {document['contenders'][0]['ends'][1]}",
        )
        axes.set_ylim(-0.03, 1.03)
    return _svg(figure, legend=True)


def deviation_plot(document: Document) -> str:
    """Draw histograms of pitch deviation from the recording as SVG; the outermost bins hold all beyond."""
    edges = np.array(document["settings"]["deviation_edges_cents"])
    place = document["settings"]["mixes"].index(DEVIATION_MIX)
    figure, panels = _panels(document)
    for axes, instrument in panels:
        for results, style in _lines(document, instrument):
            counts = np.sum([result["deviation_counts"][place] for result in results], axis=0)
            share = counts / max(int(counts.sum()), 1)
            axes.stairs(np.maximum(share, 1e-5), edges, **style)
        title = f"{instrument} in, mix {DEVIATION_MIX:g}"
        axes.set(title=title, xlabel="cents from the recording", ylabel="share of frames")
        axes.set_yscale("log")
    return _svg(figure, legend=True)


def cost_plot(document: Document) -> str:
    """Draw speed, memory and cold start of each contender as SVG; empty where no cost was measured."""
    costs = document["costs"]
    if not costs:
        return ""
    names = list(costs)
    figure = Figure(figsize=(4 * 3.0, 0.8 + 0.3 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(COST_ROWS), sharey=True)
    for axes, (title, name) in zip(panels, COST_ROWS, strict=True):
        values = [number(costs[contender].get(name)) for contender in names]
        bars = axes.barh(names, values, color=[_colour(document, contender) for contender in names])
        axes.bar_label(bars, fmt="%.3g", padding=2, fontsize=8)
        axes.set_xscale("log")
        axes.margins(x=0.25)
        axes.set_title(title, fontsize=9)
    panels[0].invert_yaxis()
    return _svg(figure, legend=False)


def spectrogram_plot(panels: Sequence[tuple[str, Float32[np.ndarray, " sample"]]], sample_rate: int) -> str:
    """Draw sounds side by side, over time and logarithmic frequency, as the data URI of a PNG."""
    n_columns = min(4, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(3.4 * n_columns, 2.2 * n_rows), layout="constrained", dpi=80)
    all_axes = np.atleast_1d(figure.subplots(n_rows, n_columns, sharex=True, sharey=True)).ravel()
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, audio) in zip(all_axes, panels, strict=False):
        level_db = log_spectrogram_db(
            audio,
            sample_rate,
            n_columns=_N_COLUMNS,
            n_rows=_N_ROWS,
            lowest_hz=SPECTROGRAM_RANGE_HZ[0],
            highest_hz=SPECTROGRAM_RANGE_HZ[1],
        )
        seconds = len(audio) / sample_rate
        # Drawn as an image over octaves: a mesh of as many cells takes seconds.
        extent = (0.0, seconds, *np.log2(SPECTROGRAM_RANGE_HZ))
        axes.imshow(
            level_db - level_db.max(),
            origin="lower",
            aspect="auto",
            cmap="magma",
            extent=extent,
            vmin=-SPECTROGRAM_RANGE_DB,
            vmax=0.0,
        )
        axes.set_yticks([np.log2(tick) for tick in _TICKS_HZ], [f"{tick:g}" for tick in _TICKS_HZ])
        axes.set_title(title, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _panels(document: Document) -> tuple[Figure, list[tuple[Axes, str]]]:
    """Return a figure with a panel for each instrument."""
    names = instruments(document)
    figure = Figure(figsize=(PANEL_INCHES[0] * len(names), PANEL_INCHES[1]), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, len(names)))
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#f3f4f6")
        axes.set_axisbelow(True)
    return figure, list(zip(all_axes, names, strict=True))


def _svg(figure: Figure, *, legend: bool) -> str:
    """Return the figure as SVG text, without anything that changes from run to run."""
    if legend:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if labels:
            figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "violute"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _lines(document: Document, instrument: str) -> Iterator[tuple[list[ResultEntry], dict[str, Any]]]:
    """Go through the contenders: results on an instrument's clips, and what their line looks like."""
    of_clip = {clip["name"]: clip["instrument"] for clip in document["clips"]}
    for entry in document["contenders"]:
        name, width = entry["name"], VOICE_WIDTH if entry["kind"] == "voice" else 0.5 * VOICE_WIDTH
        own = [result for result in document["results"] if result["contender"] == name]
        results = [result for result in own if of_clip[result["clip"]] == instrument]
        if results:
            yield results, {"color": _colour(document, name), "lw": width, "label": name}


def _colour(document: Document, contender: str) -> str:
    names = [entry["name"] for entry in document["contenders"]]
    return _COLOURS[names.index(contender) % len(_COLOURS)]


def _array(rows: Sequence[Sequence[Any]]) -> Float[np.ndarray, "point coefficient"]:
    return np.array([[number(value) for value in row] for row in rows], dtype=np.float64)


def _principal_plane(points: Float[np.ndarray, "point coefficient"]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the projection on the two directions of largest variance."""
    known = points[np.isfinite(points).all(axis=1)]
    centre = known.mean(axis=0)
    _, _, directions = np.linalg.svd(known - centre, full_matrices=False)
    plane = np.zeros((2, points.shape[1]))
    plane[: len(directions[:2])] = directions[:2]
    return lambda some: np.asarray((some - centre) @ plane.T)
