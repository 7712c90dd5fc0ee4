"""Telling from its first bytes what a file is, and where its sound is."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from violute.audio.containers.layout import UNKNOWN_BYTES, Layout, Window, is_slip
from violute.audio.containers.mpeg import find_mpeg, is_mpeg, mpeg_layout
from violute.audio.containers.ogg import ogg_layout
from violute.audio.containers.riff import aiff_layout, au_layout, riff_layout
from violute.audio.formats import MPEG_SUFFIXES

_SIZE_LINE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)


def examine(path: Path, name: str) -> Layout:
    """Find the sound in a file; what is not known here is left to libsndfile as it is.

    Raises:
        AudioError: The file is cut, or holds sound that cannot be played in one go.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        window = Window(file, path.stat().st_size)
        start = _behind_tags(window)
        magic = window.at(start, 12)
        if magic.startswith(b"OggS"):
            return ogg_layout(window, name)
        if magic[:4] in (b"RIFF", b"RF64", b"BW64") and magic[8:] == b"WAVE":
            return riff_layout(window, name)
        if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
            return aiff_layout(window)
        if magic[:4] in (b".snd", b"dns."):
            return au_layout(window)
        if magic.startswith(b"fLaC"):
            return _flac_layout(window, start)
        if is_mpeg(window, start):
            return mpeg_layout(window, start, name)
        if path.suffix.lower() in MPEG_SUFFIXES and not magic.startswith((b"fLaC", b"FORM", b"RIFF")):
            start = find_mpeg(window, start)
            if start >= 0:
                return mpeg_layout(window, start, name)
        return Layout()


def _flac_layout(window: Window, start: int) -> Layout:
    """Find the recordings of a FLAC that others were appended to, of which libsndfile plays the first."""
    starts = [0]
    while (start := window.find(b"fLaC", start + 4)) >= 0:
        if window.at(start + 5, 3) == b"\0\0\x22":  # the length of what has to come first
            starts.append(start)
    if len(starts) == 1:
        return Layout()
    return Layout(tuple(((a, b),) for a, b in pairwise([*starts, window.stop])))


def missing_bytes(libsndfile_log: str) -> int | None:
    """Return by libsndfile's `extra_info` how many bytes too long a header is; None if the file was cut."""
    for declared, held in ((int(a), int(b)) for a, b in _SIZE_LINE.findall(libsndfile_log)):
        if held < declared < UNKNOWN_BYTES:
            return declared - held if is_slip(declared, held) else None
    return 0


def _behind_tags(window: Window) -> int:
    """Return where a file begins behind tags of ID3v2 in front of it."""
    at = 0
    while (head := window.at(at, 10)).startswith(b"ID3") and len(head) == 10:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + 10 * (head[5] >> 4 & 1)
    return at if at < window.stop else 0
