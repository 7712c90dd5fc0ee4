"""Spectrograms side by side, as a musician reads them: pitch upwards in octaves, decibels in colour."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from matplotlib.figure import Figure
from PIL import Image

from violute.transforms.spectrogram import SpectrogramSettings

LOWEST_HZ = 170.0
HIGHEST_HZ = 16_000.0
ROWS_PER_OCTAVE = 24
N_COLOURS = 128
_TICKS_HZ = {250: "250 Hz", 1000: "1 kHz", 4000: "4 kHz", 16_000: "16 kHz"}
_CELL_INCHES = (1.9, 1.75)
_MARGIN_INCHES = 0.7


def draw_grid(
    rows: Mapping[str, Sequence[tuple[str, Float32[np.ndarray, "bin frame"]]]],
    settings: SpectrogramSettings,
    path: Path,
) -> None:
    """Draw pictures in rows into a PNG.

    Args:
        rows: By the name of the row, pictures with titles; titles that repeat from row to row stand
            above the first only.
        settings: Of the transform.
        path: Of the PNG to write.
    """
    n_columns = max(len(row) for row in rows.values())
    width = _MARGIN_INCHES + n_columns * _CELL_INCHES[0]
    height = _MARGIN_INCHES + len(rows) * _CELL_INCHES[1]
    # Without pyplot: no global state, no window, and nothing to close.
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        _MARGIN_INCHES / width, 0.4 / height, 1 - 0.08 / width, 1 - 0.25 / height, 0.06, 0.18
    )
    above: list[str] = []
    for i, (name, row) in enumerate(rows.items()):
        titles = [title for title, _ in row]
        for j, (title, picture) in enumerate(row):
            axes = figure.add_subplot(len(rows), n_columns, i * n_columns + j + 1)
            axes.imshow(
                by_octaves(picture, settings),
                aspect="auto",
                origin="lower",
                cmap="magma",
                vmin=0.0,
                vmax=0.8,
            )
            if titles != above:
                axes.set_title(title, fontsize=8)
            axes.set_yticks([row_of(hz) for hz in _TICKS_HZ] if j == 0 else [])
            if j == 0:
                axes.set_yticklabels(list(_TICKS_HZ.values()), fontsize=6)
                axes.set_ylabel(name, fontsize=8)
            axes.set_xticks([])
            if i == len(rows) - 1:
                seconds = picture.shape[1] * settings.hop_length / settings.sample_rate
                axes.set_xlabel(f"{seconds:.2g} s", fontsize=7)
        above = titles
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=80, format="png")
    # A palette keeps what the eye sees in a third of the bytes: such pictures stay in a repository for good.
    Image.open(drawn).convert("RGB").quantize(N_COLOURS).save(path, optimize=True)


def row_of(frequency_hz: float) -> float:
    """Return the row of a frequency, from the bottom of a picture."""
    return ROWS_PER_OCTAVE * float(np.log2(frequency_hz / LOWEST_HZ))


def by_octaves(
    picture: Float32[np.ndarray, "bin frame"], settings: SpectrogramSettings
) -> Float32[np.ndarray, "row frame"]:
    """Lay bins out by pitch; where a row holds several, the loudest shows."""
    top_hz = min(HIGHEST_HZ, settings.n_bins * settings.sample_rate / settings.n_fft)
    edges_hz = LOWEST_HZ * 2.0 ** (np.arange(int(row_of(top_hz)) + 1) / ROWS_PER_OCTAVE)
    edges = edges_hz * settings.n_fft / settings.sample_rate
    first = np.minimum(np.round(edges[:-1]).astype(int), len(picture) - 1)
    last = np.maximum(np.round(edges[1:]).astype(int), first + 1)
    return np.stack([picture[a:b].max(axis=0) for a, b in zip(first, last, strict=True)])
