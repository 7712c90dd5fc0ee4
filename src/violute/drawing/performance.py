"""A performance as a picture: pitch as lines over semitones, loudness as a band below, seconds beneath."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from violute.drawing.lettering import FAINT, PAPER, draw_seconds, write_line

WIDTH, LEFT, TOP, BOTTOM = 960, 60, 12, 30
SEMITONE_PIXELS, LOUDNESS_PIXELS, GAP = 9, 60, 14
LOUDNESS_RANGE_DB = 50.0
LINE_COLOURS = ((180, 70, 20), (30, 100, 170), (40, 130, 60), (130, 60, 150))
GRID, BAND = (228, 228, 232), (196, 206, 222)
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MOST_SEMITONES = 60


def draw_performance(
    f0_hz: Float[np.ndarray, "line frame"], loudness_db: Float[np.ndarray, "line frame"], seconds: float
) -> UInt8[np.ndarray, "row column 3"]:
    """Draw pitch and loudness of all lines over the seconds of a performance.

    Args:
        f0_hz: Fundamental in Hz, 0 where there is no pitch; the C and F of each octave (middle C is C4) have
            a line.
        loudness_db: In dB relative to anything; the louder line counts.
        seconds: Length.
    """
    n_lines, n_frames = f0_hz.shape
    is_voiced = f0_hz > 0.0
    midi = 69.0 + 12.0 * np.log2(np.where(is_voiced, f0_hz, 440.0) / 440.0)
    voiced = midi[is_voiced] if is_voiced.any() else np.array([69.0])
    lowest = int(np.floor(voiced.min())) - 2
    n_semitones = min(int(np.ceil(voiced.max())) + 3 - lowest, MOST_SEMITONES)
    roll = SEMITONE_PIXELS * n_semitones
    page = np.full((TOP + roll + GAP + LOUDNESS_PIXELS + BOTTOM, WIDTH, 3), PAPER, np.uint8)
    for key in range(lowest, lowest + n_semitones):
        if key % 12 in (0, 5) or n_semitones < 8:
            y = TOP + round(roll - SEMITONE_PIXELS * (key - lowest + 0.5))
            page[y, LEFT:] = GRID
            write_line(page, f"{NAMES[key % 12]}{key // 12 - 1}", FAINT, LEFT - 8, y, share_left=1.0)
    width = WIDTH - LEFT
    frames = np.minimum((np.arange(width) + 0.5) * n_frames / width, n_frames - 1)
    frames = frames.astype(int)
    _draw_loudness(page[TOP + roll + GAP :, LEFT:], loudness_db.max(axis=0)[frames])
    for line in range(n_lines):
        y = roll - SEMITONE_PIXELS * (midi[line, frames] - lowest + 0.5)
        is_drawn = is_voiced[line, frames] & (y > 1) & (y < roll - 1)
        columns, rows = np.flatnonzero(is_drawn), np.rint(y[is_drawn]).astype(int)
        for thick in (-1, 0, 1):
            page[TOP + rows + thick, LEFT + columns] = LINE_COLOURS[line % len(LINE_COLOURS)]
    draw_seconds(page, LEFT, width, len(page) - BOTTOM + 2, seconds)
    return page


def _draw_loudness(
    place: UInt8[np.ndarray, "row column 3"], loudness_db: Float[np.ndarray, " column"]
) -> None:
    """Fill a band of `LOUDNESS_PIXELS` as high as each column is loud."""
    share = np.clip(1.0 + (loudness_db - loudness_db.max()) / LOUDNESS_RANGE_DB, 0.0, 1.0)
    height = np.arange(LOUDNESS_PIXELS, 0, -1)[:, None]
    place[:LOUDNESS_PIXELS][height <= LOUDNESS_PIXELS * share] = BAND
