"""One page of what was prepared: pictures of every instrument and split, small, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw, ImageFont, ImageOps

from violute.data.pictures.store import Split, Store
from violute.data.splits import SPLITS
from violute.drawing.lettering import FAINT, INK, PAPER
from violute.transforms.spectrogram import SpectrogramSettings
from violute.whole_file import disk_errors, whole_file

N_COLUMNS = 10
ROWS_EACH = 2
"""Of pictures, for each instrument of each split."""

THUMB_WIDTH, THUMB_HEIGHT = 160, 200
GAP, HEADING_HEIGHT, CAPTION_HEIGHT, MARGIN = 8, 34, 30, 16
LOWEST_HZ = 150.0

DARK, MIDDLE, LIGHT = (0, 0, 4), (212, 72, 66), (252, 255, 164)
CAPTION_LETTERS = 26


def contact_sheet(store: Store) -> Image.Image:
    """Draw pictures of a store, evenly picked, frequency in octaves from `LOWEST_HZ` upwards."""
    groups = [
        (split, instrument, chosen)
        for split in SPLITS
        for instrument in store.instruments
        if (chosen := _pick(store.splits[split], instrument))
    ]
    row_height = THUMB_HEIGHT + CAPTION_HEIGHT + GAP
    heights = [HEADING_HEIGHT + -(-len(chosen) // N_COLUMNS) * row_height for _, _, chosen in groups]
    width = 2 * MARGIN + N_COLUMNS * (THUMB_WIDTH + GAP) - GAP
    page = Image.new("RGB", (width, 2 * MARGIN + sum(heights)), PAPER)
    draw = ImageDraw.Draw(page)
    heading, caption = ImageFont.load_default(18), ImageFont.load_default(11)
    top = MARGIN
    for (name, instrument, chosen), height in zip(groups, heights, strict=True):
        split = store.splits[name]
        draw.text((MARGIN, top), _heading(name, instrument, split), fill=INK, font=heading)
        for i, number in enumerate(chosen):
            entry = split.entries[number]
            x = MARGIN + i % N_COLUMNS * (THUMB_WIDTH + GAP)
            y = top + HEADING_HEIGHT + i // N_COLUMNS * row_height
            page.paste(_thumb(split.read(number), store.settings), (x, y))
            where = f"{number}: {entry.start_seconds:.1f} s, {entry.seconds:.1f} s long"
            draw.text((x, y + THUMB_HEIGHT + 2), _short(entry.recording), fill=INK, font=caption)
            draw.text((x, y + THUMB_HEIGHT + 15), where, fill=FAINT, font=caption)
        top += height
    return page


def write_contact_sheet(store: Store) -> Path:
    """Write `contact_sheet.png` into the store's folder; return its path.

    Raises:
        DataError: The disk refuses.
    """
    path = store.folder / "contact_sheet.png"
    page = contact_sheet(store)
    with disk_errors(store.folder), whole_file(path) as partial:
        page.save(partial)
    return path


def _pick(split: Split, instrument: str) -> list[int]:
    numbers = [i for i, entry in enumerate(split.entries) if entry.instrument == instrument]
    n_picked = min(N_COLUMNS * ROWS_EACH, len(numbers))
    return [numbers[i] for i in np.linspace(0, len(numbers) - 1, n_picked).round().astype(int)]


def _heading(name: str, instrument: str, split: Split) -> str:
    pictures, recordings, seconds = split.totals(instrument)
    counts = f"{counted(pictures, 'picture')} of {counted(recordings, 'recording')}"
    return f"{instrument}, {name.replace('_', ' ')}: {counts}, {seconds / 60.0:.1f} minutes"


def counted(number: int, thing: str) -> str:
    """Write a number of things: `1 picture`, `2 pictures`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _short(name: str) -> str:
    """Cut a name in the middle, since names of one series differ at their ends."""
    if len(name) <= CAPTION_LETTERS:
        return name
    head = CAPTION_LETTERS // 3
    return f"{name[:head]}...{name[head + 3 - CAPTION_LETTERS :]}"


def _thumb(picture: Float32[np.ndarray, "bin frame"], settings: SpectrogramSettings) -> Image.Image:
    """Draw a picture with frequency in octaves, the loudest bin of each row of points."""
    first = LOWEST_HZ * settings.n_fft / settings.sample_rate
    edges = np.geomspace(first, settings.n_bins, THUMB_HEIGHT + 1)
    low = np.minimum(edges[:-1].astype(int), settings.n_bins - 1)
    high = np.maximum(np.ceil(edges[1:]).astype(int), low + 1)
    rows = np.stack([picture[a:b].max(axis=0) for a, b in zip(low, high, strict=True)])
    grey: UInt8[np.ndarray, "row frame"] = np.rint(255.0 * rows[::-1]).astype(np.uint8)
    scaled = Image.fromarray(grey).resize((THUMB_WIDTH, THUMB_HEIGHT), Image.Resampling.BILINEAR)
    return ImageOps.colorize(scaled, DARK, LIGHT, MIDDLE)
