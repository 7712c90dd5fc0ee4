"""Rainbowgrams: levels over time and pitch as brightness, the movement of the phase as colour.

Each row is a band of a third of a semitone and each column a moment. The phase of a partial in the middle of
its row turns just as fast as the row's frequency says; how much faster or slower it turns is the colour,
once around the circle of colours for one turn in the time between two moments that are compared.

Source:
    Engel et al., Neural audio synthesis of musical notes with WaveNet autoencoders (ICML 2017), appendix;
    Brown, Calculation of a constant Q spectral transform (JASA 89, 1991), equation 5; windows no longer than
    `LONGEST_SECONDS` are ours.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float, Float32, UInt8

from violute.drawing.lettering import FAINT, INK, PAPER, draw_seconds, write_line

LOWEST_HZ, HIGHEST_HZ = 110.0, 7600.0
ROWS_PER_OCTAVE, PIXELS_PER_ROW = 36, 2
COLUMNS_PER_SECOND = 120.0
MOST_COLUMNS = 1600
LONGEST_SECONDS = 0.12
COMPARED_SECONDS = 0.008
"""Between the two moments whose phases are compared: 125 Hz are one circle of colours."""

RANGE_DB = 60.0
LEFT, TOP, RIGHT, BOTTOM = 140, 14, 30, 40


def rainbow_page(
    audio: Float32[np.ndarray, " sample"], sample_rate: int
) -> UInt8[np.ndarray, "row column 3"]:
    """Draw a mono sound's rainbowgram with its axes: the note A of each octave, and seconds."""
    picture = rainbowgram(audio, sample_rate)
    height, width = picture.shape[:2]
    page = np.full((TOP + height + BOTTOM, LEFT + width + RIGHT, 3), PAPER, np.uint8)
    page[TOP : TOP + height, LEFT : LEFT + width] = picture
    for octave, frequency_hz in enumerate(row_frequencies(sample_rate)[::ROWS_PER_OCTAVE], start=2):
        y = TOP + height - round((octave - 2) * ROWS_PER_OCTAVE * PIXELS_PER_ROW + 0.5 * PIXELS_PER_ROW)
        write_line(page, f"A{octave} {frequency_hz:.0f} Hz", INK, LEFT - 10, y, share_left=1.0)
        page[y, LEFT - 6 : LEFT] = FAINT
    draw_seconds(page, LEFT, width, TOP + height, len(audio) / sample_rate)
    return page


def rainbowgram(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> UInt8[np.ndarray, "row column 3"]:
    """Draw a mono sound: red, green and blue of every pixel, the highest pitch on top."""
    seconds = len(audio) / sample_rate
    n_columns = int(np.clip(seconds * COLUMNS_PER_SECOND, 1, MOST_COLUMNS))
    centres = np.rint((np.arange(n_columns) + 0.5) * len(audio) / n_columns).astype(np.int64)
    rows_hz = row_frequencies(sample_rate)
    later = max(round(COMPARED_SECONDS * sample_rate), 1)
    level_db, turn = [], []
    for frequency_hz in rows_hz:
        now, then = (row_phasors(audio, sample_rate, frequency_hz, at) for at in (centres, centres + later))
        level_db.append(20.0 * np.log10(np.maximum(np.abs(now), 1e-10)))
        expected = np.exp(-2j * np.pi * frequency_hz * later / sample_rate)
        turn.append(np.angle(then * np.conj(now) * expected) / (2.0 * np.pi))
    levels = np.array(level_db)
    brightness = np.clip(1.0 + (levels - levels.max()) / RANGE_DB, 0.0, 1.0)
    pixels = coloured(np.array(turn) % 1.0, brightness)[::-1]
    return np.repeat(pixels, PIXELS_PER_ROW, axis=0)


def row_frequencies(sample_rate: int) -> Float[np.ndarray, " row"]:
    """Return the frequency of each row in Hz, those above Nyquist left out."""
    highest_hz = min(HIGHEST_HZ, 0.45 * sample_rate)
    n_rows = int(np.log2(max(highest_hz / LOWEST_HZ, 1.0)) * ROWS_PER_OCTAVE) + 1
    return LOWEST_HZ * 2.0 ** (np.arange(n_rows) / ROWS_PER_OCTAVE)


def row_phasors(
    audio: Float32[np.ndarray, " sample"],
    sample_rate: int,
    frequency_hz: float,
    centres: np.ndarray,
) -> Complex64[np.ndarray, " column"]:
    """Measure one frequency at moments: amplitude, and phase at the centre of the window."""
    quality = 1.0 / (2.0 ** (1.0 / ROWS_PER_OCTAVE) - 1.0)
    half = int(0.5 * sample_rate * min(quality / frequency_hz, LONGEST_SECONDS))
    t = np.arange(-half, half + 1)
    window = np.cos(0.5 * np.pi * t / (half + 1)) ** 2
    kernel = (2.0 / window.sum() * window * np.exp(-2j * np.pi * frequency_hz * t / sample_rate)).astype(
        np.complex64
    )
    padded = np.pad(audio, (half, half + int(COMPARED_SECONDS * sample_rate) + 1))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(t))
    # The kernel turns with the window, so its own turning is undone by that of the moment.
    return np.array([windows[i : i + 1] @ kernel for i in np.minimum(centres, len(windows) - 1)]).ravel()


def coloured(
    hue: Float[np.ndarray, "row column"], brightness: Float[np.ndarray, "row column"]
) -> UInt8[np.ndarray, "row column 3"]:
    """Turn hues (0 to 1, round a circle from red) and brightness into red, green and blue."""
    thirds = (hue[..., None] - np.array([0.0, 1.0, 2.0]) / 3.0 + 0.5) % 1.0 - 0.5
    colour = np.clip(2.0 - 6.0 * np.abs(thirds), 0.0, 1.0)
    return np.rint(255.0 * brightness[..., None] * colour).astype(np.uint8)
