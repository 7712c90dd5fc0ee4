"""Letters for pictures, DejaVu Sans drawn once by `bench/draw_letters.py`, and the axis of time."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

INK, PAPER, FAINT = (30, 30, 34), (255, 255, 255), (120, 120, 128)

_UNKNOWN = "?"
_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_PIXELS_A_TICK = 66
"""At least so far apart are the times of an axis."""


def lettering(text: str) -> UInt8[np.ndarray, "row column"]:
    """Return how much of each pixel a line of text covers, up to 255.

    Letters with accents lose them; what the font lacks becomes a question mark.
    """
    glyphs = _glyphs()
    plain = unicodedata.normalize("NFKD", text.replace("–", "-"))
    known = [one if one in glyphs else _UNKNOWN for one in plain if not unicodedata.combining(one)]
    return np.hstack([glyphs[" "][:, :0], *(glyphs[character] for character in known)])


def write_line(
    page: UInt8[np.ndarray, "row column 3"],
    text: str,
    colour: tuple[int, int, int],
    x: int,
    y: int,
    *,
    share_left: float,
) -> None:
    """Letter a line around height `y`, with this share of its width left of `x`; the page's edge cuts it."""
    letters = lettering(text)
    left, top = max(x - round(share_left * letters.shape[1]), 0), max(y - letters.shape[0] // 2, 0)
    place = page[top : top + letters.shape[0], left : left + letters.shape[1]]
    share = letters[: place.shape[0], : place.shape[1], None] / 255.0
    place[:] = np.rint((1.0 - share) * place + share * np.array(colour))


def draw_seconds(
    page: UInt8[np.ndarray, "row column 3"],
    left: int,
    width: int,
    top: int,
    seconds: float,
) -> None:
    """Draw ticks with their times below a picture that shows `seconds` from its left edge to its right."""
    n_ticks = max(width // _PIXELS_A_TICK, 1)
    step = next((step for step in _STEPS_SECONDS if step * n_ticks >= seconds), _STEPS_SECONDS[-1])
    for i in range(int(seconds / step + 1e-6) + 1):
        x = left + min(round(i * step * width / seconds), width - 1)
        page[top : top + 5, x] = FAINT
        share_left = 0.0 if i == 0 else 1.0 if x > left + width - 30 else 0.5
        write_line(page, f"{i * step:g} s", FAINT, x, top + 15, share_left=share_left)


@lru_cache(maxsize=1)
def _glyphs() -> dict[str, UInt8[np.ndarray, "row column"]]:
    with np.load(Path(__file__).with_name("letters.npz")) as drawn:
        ends = np.cumsum(drawn["widths"].astype(int))
        pictures = np.split(drawn["coverage"], ends[:-1], axis=1)
    return {chr(ord(" ") + i): picture for i, picture in enumerate(pictures)}
