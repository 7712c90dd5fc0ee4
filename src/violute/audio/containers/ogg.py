"""Ogg, page by page: libsndfile plays the first stream of a file and leaves out what follows.

Streams can be chained, one after the other, as a radio sends them, or multiplexed, as a film with sound
is. Each link of a chain is handed on by itself; FLAC, which libsndfile does not know in Ogg, is taken out.

Source:
    RFC 3533, section 6 (pages); RFC 5334 and the Ogg mapping of FLAC (first packets).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from violute.audio.containers.layout import Layout, Part, truncated_message
from violute.audio.containers.pieces import Piece, Window, joined
from violute.errors import AudioError

_HEADER_BYTES = 27
_CODECS = {b"\x01vorbis": "Vorbis", b"OpusHead": "Opus", b"\x7fFLAC": "FLAC"}
_FLAC_HEADER_BYTES = 9
"""Of the first packet, before the native stream begins: 0x7F, "FLAC", version and number of headers."""

_TOTAL_AT = 21
"""Where native FLAC tells the number of samples, after four bits of something else."""


@dataclass(frozen=True)
class _Page:
    """A page: where it and its content are, and what its header says."""

    start: int
    content: int
    stop: int
    is_first: bool
    granule: int
    serial: bytes


@dataclass
class _Stream:
    """The pages of one stream within one link of a chain."""

    codec: str | None
    pages: list[_Page] = field(default_factory=list)


def ogg_layout(window: Window, name: str) -> Layout:
    """Find the links of a chain and the sound in each; no parts where there is no Vorbis, Opus or FLAC.

    Raises:
        AudioError: The last page is cut.
    """
    links: list[dict[bytes, _Stream]] = []
    begins = True
    for page in _pages(window, name):
        if page.is_first:
            if begins:
                links.append({})
            magic = window.at(page.content, 8)
            codec = next((codec for start, codec in _CODECS.items() if magic.startswith(start)), None)
            links[-1][page.serial] = _Stream(codec)
        begins = not page.is_first
        if links and page.serial in links[-1]:
            links[-1][page.serial].pages.append(page)
    parts: list[Part] = []
    warnings: tuple[str, ...] = ()
    for link in links:
        sounding = [stream for stream in link.values() if stream.codec is not None]
        if sounding:
            parts.append(_part(window, sounding[0]))
        if len(sounding) > 1:
            warnings = (f"{len(sounding)} sounds run side by side in it: the first is played",)
    return Layout(tuple(parts), warnings)


def _pages(window: Window, name: str) -> Iterator[_Page]:
    at = 0
    while at < window.stop:
        header = window.at(at, _HEADER_BYTES)
        if not header.startswith(b"OggS"):
            at = window.find(b"OggS", at)
            if at < 0:
                return
            continue
        n_segments = header[26] if len(header) == _HEADER_BYTES else 0
        sizes = window.at(at + _HEADER_BYTES, n_segments)
        content = at + _HEADER_BYTES + n_segments
        stop = content + sum(sizes)
        if len(header) < _HEADER_BYTES or len(sizes) < n_segments or stop > window.stop:
            raise AudioError(truncated_message(name))
        granule = int.from_bytes(header[6:14], "little", signed=True)
        yield _Page(at, content, stop, bool(header[5] & 2), granule, header[14:18])
        at = stop


def _part(window: Window, stream: _Stream) -> Part:
    if stream.codec != "FLAC":
        ranges = joined((page.start, page.stop) for page in stream.pages)
        return () if ranges == [(0, window.stop)] else tuple(ranges)
    start, stop = stream.pages[0].content + _FLAC_HEADER_BYTES, stream.pages[0].stop
    head = bytearray(window.at(start, stop - start))
    if len(head) > _TOTAL_AT + 4 and not (head[_TOTAL_AT] & 0x0F or any(head[_TOTAL_AT + 1 : _TOTAL_AT + 5])):
        total = max(0, stream.pages[-1].granule)
        head[_TOTAL_AT] |= total >> 32 & 0x0F
        head[_TOTAL_AT + 1 : _TOTAL_AT + 5] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    pieces: list[Piece] = [bytes(head)]
    return (*pieces, *joined((page.content, page.stop) for page in stream.pages[1:]))
