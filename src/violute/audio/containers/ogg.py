"""Ogg, page by page: libsndfile plays the first stream of a file and leaves out what follows.

Streams can be chained, one after the other, as a radio sends them, or multiplexed, as a film with sound
is. Each link of a chain is handed on by itself; FLAC, which libsndfile does not know in Ogg, is taken out.

Source:
    RFC 3533, section 6 (pages); RFC 5334 and the Ogg mapping of FLAC (first packets).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from violute.audio.containers.layout import Layout, Part, Window, add_range, truncated_message
from violute.errors import AudioError

_HEADER_BYTES = 27
_CODECS = ((b"\x01vorbis", "Vorbis"), (b"OpusHead", "Opus"), (b"\x7fFLAC", "FLAC"))
_FLAC_HEADER_BYTES = 9
"""Of the first packet, before the native stream begins: 0x7F, "FLAC", version and number of headers."""

_TOTAL_AT = 21
"""Where native FLAC tells the number of samples, after four bits of something else."""


@dataclass
class _Stream:
    """One stream within one link of a chain.

    Attributes:
        codec: None where libsndfile knows no such sound.
        head: The native stream's beginning, of FLAC.
        ranges: Its other pages; of FLAC, what they hold.
        granule: Samples up to the last page's end.
    """

    codec: str | None
    head: bytes = b""
    ranges: list[tuple[int, int]] = field(default_factory=list)
    granule: int = 0

    def part(self) -> Part:
        """Return what libsndfile is given."""
        if self.codec != "FLAC":
            return tuple(self.ranges)
        head = bytearray(self.head)
        if len(head) > _TOTAL_AT + 4 and not (head[_TOTAL_AT] & 0x0F or any(head[_TOTAL_AT + 1 :][:4])):
            total = max(0, self.granule)
            head[_TOTAL_AT] |= total >> 32 & 0x0F
            head[_TOTAL_AT + 1 : _TOTAL_AT + 5] = (total & 0xFFFFFFFF).to_bytes(4, "big")
        return (bytes(head), *self.ranges)


def ogg_layout(window: Window, name: str) -> Layout:
    """Find the links of a chain and the sound in each; no parts where there is no Vorbis, Opus or FLAC.

    Raises:
        AudioError: The last page is cut.
    """
    links: list[dict[bytes, _Stream]] = []
    was_first = False
    at = window.find(b"OggS", 0)
    while at >= 0:
        header = window.at(at, _HEADER_BYTES)
        n_segments = header[26] if len(header) == _HEADER_BYTES else 256
        content = at + _HEADER_BYTES + n_segments
        stop = content + sum(window.at(at + _HEADER_BYTES, n_segments))
        if max(content, stop) > window.stop:
            raise AudioError(truncated_message(name))
        serial, is_first = header[14:18], bool(header[5] & 2)
        if is_first:
            if not was_first:
                links.append({})
            magic = window.at(content, 8)
            links[-1][serial] = _Stream(
                next((kind for start, kind in _CODECS if magic.startswith(start)), None)
            )
        was_first = is_first
        stream = links[-1].get(serial) if links else None
        if stream is not None and stream.codec == "FLAC" and is_first:
            stream.head = window.at(content, stop - content)[_FLAC_HEADER_BYTES:]
        elif stream is not None:
            stream.granule = int.from_bytes(header[6:14], "little", signed=True)
            add_range(stream.ranges, content if stream.codec == "FLAC" else at, stop)
        at = stop if window.at(stop, 4) == b"OggS" else window.find(b"OggS", stop)
    sounds = [[stream for stream in link.values() if stream.codec is not None] for link in links]
    most = max(map(len, sounds), default=0)
    warnings = (f"{most} sounds run side by side in it: the first is played",) if most > 1 else ()
    return Layout(tuple(streams[0].part() for streams in sounds if streams), warnings)
