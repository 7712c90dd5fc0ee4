"""AIFF and AU whose header gives no length, after a crash or from a pipe: libsndfile plays nothing of them.

Source:
    Apple, Audio Interchange File Format 1.3 (SSND: eight bytes, then samples); Sun, audio(7), the AU header.
"""

from __future__ import annotations

from typing import Literal

from violute.audio.containers.layout import NO_LENGTH, Layout
from violute.audio.containers.pieces import Window
from violute.audio.containers.riff import ends_in_chunks

_SSND_HEADER_BYTES = 8
_LARGEST = 0xFFFFFFFF


def aiff_layout(window: Window) -> Layout:
    """Find the samples of an AIFF file whose sound chunk says that it is empty."""
    at = 12
    while len(head := window.at(at, 8)) == 8:
        size = int.from_bytes(head[4:], "big")
        if head[:4] == b"SSND":
            samples = at + 8 + _SSND_HEADER_BYTES
            is_empty = samples >= window.stop or ends_in_chunks(window, samples, "big")
            return (
                Layout() if size > _SSND_HEADER_BYTES or is_empty else _sized(window, at + 4, at + 8, "big")
            )
        at += 8 + size + size % 2
    return Layout()


def au_layout(window: Window) -> Layout:
    """Find the samples of an AU file whose header says that there are none."""
    order: Literal["big", "little"] = "big" if window.at(0, 4) == b".snd" else "little"
    start, size = (int.from_bytes(window.at(at, 4), order) for at in (4, 8))
    return Layout() if size or start >= window.stop else _sized(window, 8, start, order)


def _sized(window: Window, at: int, start: int, order: Literal["big", "little"]) -> Layout:
    """Say in the four bytes from `at` on that everything from `start` on is sound."""
    size = min(window.stop - start, _LARGEST).to_bytes(4, order)
    return Layout((((0, at), size, (at + 4, window.stop)),), (NO_LENGTH,))
