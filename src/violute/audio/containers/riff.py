"""WAV, AIFF and AU whose header is wrong: no length after a crash, a length some bytes too long, MP3 inside.

Source:
    Microsoft, Multimedia Programming Interface 1.0 (RIFF); EBU Tech 3306 (RF64) and ITU-R BS.2088 (BW64);
    Apple, Audio Interchange File Format 1.3 (SSND: eight bytes, then samples); Sun, audio(7), the AU header.
"""

from __future__ import annotations

import struct
from typing import Literal

from violute.audio.containers.layout import (
    NO_LENGTH,
    UNKNOWN_BYTES,
    Layout,
    Window,
    is_slip,
    slipped_warning,
    truncated_message,
)
from violute.audio.containers.mpeg import find_mpeg, is_mpeg, mpeg_layout
from violute.errors import AudioError

_NAMES = (b"data", b"fmt ", b"fact", b"LIST", b"PEAK", b"bext", b"JUNK", b"cue ", b"smpl", b"iXML")
_MPEG_FORMATS = (0x50, 0x55)
_LARGEST = 0xFFFFFFFF
_SSND_HEADER_BYTES = 8


def riff_layout(window: Window, name: str) -> Layout:
    """Find the samples of a WAV file, also where its header does not tell.

    Raises:
        AudioError: It ends before its declared length.
    """
    form, data, declared, is_regular = _chunks(window)
    if len(form) < 16 or data < 0:
        return Layout()
    held = window.stop - data
    warnings: tuple[str, ...] = ()
    if declared > held:
        if declared < UNKNOWN_BYTES and not is_slip(declared, held):
            raise AudioError(truncated_message(name))
        if declared < UNKNOWN_BYTES:
            warnings = (slipped_warning(declared - held),)
    if (declared == 0 and held and not ends_in_chunks(window, data, "little")) or (
        declared > held and not warnings
    ):
        rate = int.from_bytes(form[8:12], "little")
        seconds = f", {held / rate:.1f} s were found" if rate else ""
        warnings = (NO_LENGTH + seconds,)
    if warnings:
        declared = held
    if int.from_bytes(form[:2], "little") in _MPEG_FORMATS:
        frames = Window(window.file, data + declared)
        start = data if is_mpeg(frames, data) else find_mpeg(frames, data)
        if start >= 0:
            found = mpeg_layout(frames, start, name)
            return Layout(found.parts, warnings + found.warnings)
    if is_regular and not warnings:
        return Layout()
    return Layout(((_header(form, declared), (data, data + declared)),), warnings)


def _chunks(window: Window) -> tuple[bytes, int, int, bool]:
    """Return the format, where the samples are, their declared bytes, and whether libsndfile reads it so."""
    form, large = b"", 0
    is_regular = window.at(0, 4) != b"BW64"
    at = 12
    while len(head := window.at(at, 8)) == 8:
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"data":
            # RF64 tells the size elsewhere, if its writer came to that.
            if size == 0xFFFFFFFF and 0 < large < 1 << 63:
                size = large
            elif window.at(0, 4) != b"RIFF":
                is_regular = False
            return form, at + 8, size, is_regular
        if kind == b"fmt ":
            form = window.at(at + 8, min(size, 1 << 10))
        if kind == b"ds64":
            large = int.from_bytes(window.at(at + 16, 8), "little")
        at += 8 + size
        if size % 2:
            if window.at(at, 4) in _NAMES:
                is_regular = False  # the byte that makes it even was left out
            else:
                at += 1
    return form, -1, 0, is_regular


def ends_in_chunks(window: Window, at: int, order: Literal["big", "little"]) -> bool:
    """Tell whether chunks, and no samples, fill a file from a place on to its end."""
    while at < window.stop:
        name = window.at(at, 4)
        if not (len(name) == 4 and name.isascii() and name.decode().isprintable()):
            return False
        size = int.from_bytes(window.at(at + 4, 4), order)
        at += 8 + size + size % 2
    return at <= window.stop + 1


def _header(form: bytes, n_bytes: int) -> bytes:
    """Write the header that a file should have."""
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + bytes(len(form) % 2) + b"data"
    riff_bytes = 4 + len(chunks) + 4 + n_bytes
    if riff_bytes <= _LARGEST:
        return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + chunks + struct.pack("<I", n_bytes)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, 36 + riff_bytes, n_bytes, 0, 0)
    return struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE") + sizes + chunks + b"\xff\xff\xff\xff"


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
