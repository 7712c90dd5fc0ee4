"""Draw the letters of `violute.drawing.lettering` once, into `src/violute/drawing/letters.npz`.

    python bench/draw_letters.py

The font is DejaVu Sans as matplotlib ships it; its licence (Bitstream Vera's) stands beside the letters.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 17
"""Pixels of an em."""

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
DESTINATION = Path(__file__).parents[1] / "src" / "violute" / "drawing"
LETTERS = [chr(code) for code in range(ord(" "), ord("~") + 1)]

if __name__ == "__main__":
    font = ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), SIZE)
    ascent, descent = font.getmetrics()
    pictures = []
    for letter in LETTERS:
        picture = Image.new("L", (round(font.getlength(letter)), ascent + descent), 0)
        ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=font)
        pictures.append(np.asarray(picture))
    widths = np.array([picture.shape[1] for picture in pictures], np.uint8)
    np.savez_compressed(DESTINATION / "letters.npz", coverage=np.hstack(pictures), widths=widths)
    licence = (FONTS / "LICENSE_DEJAVU").read_text(encoding="utf-8")
    (DESTINATION / "LETTERS_LICENCE.txt").write_text(licence, encoding="utf-8")
