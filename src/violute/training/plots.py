"""A run's metrics to look at: curves, one small plot a loss, and events for TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from violute.whole_file import whole_file

VALIDATION = "validation/"
"""What the names of validation losses begin with in the metrics."""

_NOT_CURVES = frozenset({"step", "seconds"})
_COLUMNS = 3


def plot_metrics(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw every metric against the step into a PNG; without rows, draw nothing."""
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in _NOT_CURVES and math.isfinite(value):
                steps, values = curves.setdefault(name, ([], []))
                steps.append(row["step"])
                values.append(value)
    panels = sorted(
        {name.removeprefix(VALIDATION) for name in curves}, key=lambda name: (name != "total", name)
    )
    if not panels:
        return
    n_lines = math.ceil(len(panels) / _COLUMNS)
    # Without pyplot: no global state, no window, and nothing to close.
    figure = Figure(figsize=(4.5 * _COLUMNS, 2.8 * n_lines))
    figure.subplots_adjust(0.06, 0.5 / (2.8 * n_lines), 0.98, 1 - 0.3 / (2.8 * n_lines), 0.3, 0.5)
    for i, name in enumerate(panels):
        axes = figure.add_subplot(n_lines, _COLUMNS, i + 1)
        drawn = []
        for key, style in (
            (name, {"linewidth": 0.8}),
            (VALIDATION + name, {"marker": ".", "linewidth": 1.2}),
        ):
            if key in curves:
                axes.plot(*curves[key], label="validation" if key != name else "training", **style)
                drawn += curves[key][1]
        if min(drawn) > 0.0 and max(drawn) > 4.0 * min(drawn):
            axes.set_yscale("log")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(which="both", labelsize=7)
        if VALIDATION + name in curves:
            axes.legend(fontsize=7)
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=100, format="png")


class EventLog:
    """Writes metrics for TensorBoard where `violute[tensorboard]` is installed, a file for each start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def add(self, row: Mapping[str, float]) -> None:
        """Write the numbers of a row, each under its name, at the row's `step`.

        What an earlier start wrote from that step on is dropped with the first row.
        """
        step = int(row["step"])
        if self._writer is None:
            with suppress(ModuleNotFoundError):
                from tensorboardX import SummaryWriter

                self._writer = SummaryWriter(str(self._folder), purge_step=step)
        if self._writer is not None:
            for name in row.keys() - _NOT_CURVES:
                self._writer.add_scalar(name, float(row[name]), step)

    def close(self) -> None:
        """Flush what is not on the disk yet."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
