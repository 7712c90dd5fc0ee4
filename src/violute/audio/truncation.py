"""Whether a file on disk is shorter than it says, judged without decoding it.

libsndfile quietly shortens some truncated files, and its MP3 decoder writes warnings of its own to
the terminal, so the containers are asked directly: RIFF and AIFF by the sizes in their headers (which
libsndfile logs), Ogg by its last page, MP3 by its Xing header. FLAC and whatever else declares a
length are caught by decoding the last sample (see `source.FileSource`).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

_TAIL_BYTES = 1 << 17
"""Two Ogg pages at their largest (65,307 bytes) fit."""

_HEAD_BYTES = 1 << 13

_SHORTEST_MP3_BYTES = 72
"""One frame at the lowest rates: 24 ms at 24 kbit/s."""

_PLACEHOLDER_BYTES = 0x7FFF0000
"""Programs that write WAV into a pipe put sizes of this order in the header: length unknown."""

_SIZE_LINE = re.compile(r"^\s*(?:data|SSND|riff|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_DS64_LINE = re.compile(r"Calculated frame count (\d+) does not match value from 'ds64' chunk of (\d+)")


def is_stream_truncated(path: Path) -> bool:
    """Tell whether an Ogg or MP3 file ends before its stream does; False for other containers.

    Args:
        path: An existing, readable file.

    Raises:
        OSError: The file cannot be read.

    Source:
        RFC 3533, section 6 (Ogg pages); the Xing header as LAME writes it.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"OggS"):
            file.seek(max(0, n_bytes - _TAIL_BYTES))
            return _is_last_ogg_page_cut(file.read())
        first_frame = _id3_bytes(head)
        if first_frame:
            file.seek(first_frame)
            head = file.read(_HEAD_BYTES)
    return _is_mp3_cut(head, n_bytes - first_frame)


def is_header_too_long(libsndfile_log: str) -> bool:
    """Tell whether a header promised more than the file holds, from libsndfile's log of opening it.

    Args:
        libsndfile_log: `soundfile.SoundFile.extra_info`.
    """
    for declared, held in _SIZE_LINE.findall(libsndfile_log):
        if int(held) < int(declared) < _PLACEHOLDER_BYTES:
            return True
    return any(int(held) < int(declared) for held, declared in _DS64_LINE.findall(libsndfile_log))


def _is_last_ogg_page_cut(tail: bytes) -> bool:
    start = tail.rfind(b"OggS")
    if start < 0:
        return True
    page = tail[start:]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    n_segments = page[26]
    return len(page) < 27 + n_segments + sum(page[27 : 27 + n_segments])


def _id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag in front of an MP3 stream, in bytes; 0 without one."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _is_mp3_cut(head: bytes, n_bytes: int) -> bool:
    # 0xFF 0xFE opens a text in UTF-16, and an MPEG layer I that nobody has any more.
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] == 0xFE:
        return False
    if n_bytes < _SHORTEST_MP3_BYTES:
        return True
    for tag in (b"Xing", b"Info"):
        at = head.find(tag, 4, 200)
        if at < 0 or len(head) < at + 16:
            continue
        (flags,) = struct.unpack_from(">I", head, at + 4)
        if flags & 2:
            (declared,) = struct.unpack_from(">I", head, at + 8 + 4 * (flags & 1))
            return bool(declared > n_bytes)
    return False
