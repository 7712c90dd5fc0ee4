"""A page of spectrograms with a logarithmic frequency axis, drawn with NumPy alone.

Each column of pixels is one Hann window centred on its moment; each row is a band of constant width
in octaves. Decibels are relative to the loudest spot of their row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, UInt8

from violute.drawing.lettering import FAINT, INK, PAPER, draw_seconds, write_line

N_FFT = 4096
LOWEST_HZ, HIGHEST_HZ = 150.0, 16_000.0
RANGE_DB = 75.0
N_SHADES = 100
"""Colours in all: no eye tells more apart, and a file of few colours is small."""

PAGE_WIDTH = 1800
ROW_HEIGHT = 300
LEFT, TOP, GAP, TITLE_HEIGHT, AXIS_HEIGHT, BOTTOM = 92, 38, 8, 28, 30, 32

TICKS_HZ = (200, 500, 1000, 2000, 5000, 10_000)

# Dark to light and cold to warm, rising in lightness throughout.
_COLOURS = np.array(
    [
        (0, 0, 4),
        (40, 11, 84),
        (101, 21, 110),
        (159, 42, 99),
        (212, 72, 66),
        (245, 125, 21),
        (250, 193, 39),
        (252, 255, 164),
    ]
)


@dataclass(frozen=True)
class Panel:
    """One sound to draw.

    Attributes:
        audio: Mono.
        sample_rate: In Hz.
    """

    audio: Float32[np.ndarray, " sample"]
    sample_rate: int


def log_spectrogram_db(
    audio: Float32[np.ndarray, " sample"],
    sample_rate: int,
    *,
    n_columns: int,
    n_rows: int,
    lowest_hz: float = LOWEST_HZ,
    highest_hz: float = HIGHEST_HZ,
) -> Float[np.ndarray, "row column"]:
    """Measure levels at moments evenly over a mono sound, in bands even in octaves, the lowest first.

    Returns:
        dB of a bin's magnitude, 0 for a full-scale sine; the largest bin of a band wider than one,
        interpolated between bins in narrower bands; -200 above Nyquist.
    """
    window = np.hanning(N_FFT + 1)[:-1]
    padded = np.pad(audio, N_FFT)
    centres = ((np.arange(n_columns) + 0.5) * len(audio) / n_columns).astype(int)
    frames = padded[centres[:, None] + N_FFT // 2 + np.arange(N_FFT)]
    magnitude = np.abs(np.fft.rfft(frames * window)) * (2.0 / window.sum())
    level_db = 20.0 * np.log10(np.maximum(magnitude, 1e-10)).T
    edges = np.geomspace(lowest_hz, highest_hz, n_rows + 1) * N_FFT / sample_rate
    rows = np.full((n_rows, n_columns), -200.0)
    for row, (low, high) in enumerate(pairwise(edges)):
        first, last = int(np.ceil(low)), int(np.ceil(high))
        if last >= len(level_db):
            break
        if last > first:
            rows[row] = level_db[first:last].max(axis=0)
        else:
            below, share = int(low), (low + high) / 2 - int(low)
            rows[row] = (1.0 - share) * level_db[below] + share * level_db[below + 1]
    return rows


def draw_page(
    rows: Sequence[tuple[str, Sequence[Panel]]], column_titles: Sequence[str]
) -> UInt8[np.ndarray, "row column 3"]:
    """Draw a table of spectrograms, page-wide, in red, green and blue; a row has a title and its panels."""
    n_columns = len(column_titles)
    width = (PAGE_WIDTH - LEFT - GAP * n_columns) // n_columns
    row_height = TITLE_HEIGHT + ROW_HEIGHT + AXIS_HEIGHT + GAP
    height = TOP + len(rows) * row_height + BOTTOM
    page = np.full((height, PAGE_WIDTH, 3), PAPER, np.uint8)
    for column, title in enumerate(column_titles):
        x = LEFT + column * (width + GAP) + width // 2
        write_line(page, title, INK, x, TOP // 2, share_left=0.5)
    for i, (title, panels) in enumerate(rows):
        top = TOP + i * row_height + TITLE_HEIGHT
        write_line(page, title, FAINT, LEFT, top - TITLE_HEIGHT // 2, share_left=0.0)
        levels = [
            log_spectrogram_db(panel.audio, panel.sample_rate, n_columns=width, n_rows=ROW_HEIGHT)
            for panel in panels
        ]
        loudest_db = max(float(level.max()) for level in levels)
        for column, (panel, level) in enumerate(zip(panels, levels, strict=True)):
            x = LEFT + column * (width + GAP)
            page[top : top + ROW_HEIGHT, x : x + width] = _coloured(level - loudest_db)
            seconds = len(panel.audio) / panel.sample_rate
            draw_seconds(page, x, width, top + ROW_HEIGHT, seconds)
        for tick_hz in TICKS_HZ:
            height_share = np.log(tick_hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
            y = top + round(ROW_HEIGHT * (1.0 - float(height_share)))
            label = f"{tick_hz // 1000} kHz" if tick_hz >= 1000 else f"{tick_hz} Hz"
            write_line(page, label, FAINT, LEFT - 10, y, share_left=1.0)
            page[y : y + 2, LEFT - 6 : LEFT - 1] = FAINT
    note = f"{RANGE_DB:.0f} dB from black to the brightest spot of each row; frequency in octaves"
    write_line(page, note, FAINT, LEFT, height - BOTTOM // 2, share_left=0.0)
    return page


def _coloured(level_db: Float[np.ndarray, "row column"]) -> UInt8[np.ndarray, "row column 3"]:
    """Colour levels from `-RANGE_DB` to 0, the first row at the bottom."""
    place = np.clip(1.0 + level_db[::-1] / RANGE_DB, 0.0, 1.0)
    place = np.rint(place * N_SHADES) / N_SHADES * (len(_COLOURS) - 1)
    channels = [np.interp(place, np.arange(len(_COLOURS)), _COLOURS[:, i]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)
