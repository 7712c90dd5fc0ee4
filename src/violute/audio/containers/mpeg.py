"""MPEG audio (MP3, MP2), frame by frame: libsndfile guesses the length from the first frames' bit rate.

Every frame is counted, and libsndfile is given the frames alone, behind an Info frame that says how many
there are. Tags and other bytes between frames, which its decoder complains of on the terminal, stay out.

Source:
    ISO/IEC 11172-3, 2.4.1.3 (header) and 2.4.2.3 (its fields); the Xing, Info and LAME tags as LAME writes
    them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache

from violute.audio.containers.layout import Layout, Part, Window, add_range, truncated_message
from violute.errors import AudioError

_MPEG_1 = 3
_KBITS = {
    (True, 1): range(32, 449, 32),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by whether it is MPEG 1 and by layer."""

_LAME_BYTES = 36
_SURE_FRAMES = 3
"""So many headers in a row, each where the one before it ends, are no accident."""

_JUNK_BYTES = 1 << 20
"""So far into a file that calls itself MP3, the first frame is looked for."""


@dataclass(frozen=True)
class _Header:
    """What a frame's header says.

    Attributes:
        kind: Version, layer, index of the rate, and whether it is mono: the same in all of a stream.
        sample_rate: In Hz.
        n_samples: Of the frame, per channel.
        n_bytes: Of the frame, header and all; 0 where it does not say.
    """

    kind: tuple[int, int, int, bool]
    sample_rate: int
    n_samples: int
    n_bytes: int

    @property
    def tag_at(self) -> int:
        """Where a Xing or Info tag would be: behind the side information."""
        version, _, _, is_mono = self.kind
        return 4 + ((17 if is_mono else 32) if version == _MPEG_1 else (9 if is_mono else 17))


@dataclass
class _Stream:
    """Frames that belong together.

    Attributes:
        head: The first four bytes of the first frame.
        tag: The Xing or Info tag in front of them, from its flags on; empty without one.
        n_frames: How many there are, without that of the tag.
        ranges: Where they are in the file.
    """

    head: bytes
    tag: bytes = b""
    n_frames: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)


@lru_cache(1 << 12)
def _header(head: bytes) -> _Header | None:
    """Read the first four bytes of a frame; None where they are none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or rate == 3 or bit_rate == 15:
        return None
    is_first = version == _MPEG_1
    sample_rate = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    n_samples = 384 if layer == 1 else 1152 if layer == 2 or is_first else 576
    n_bytes = 0
    if bit_rate:
        slot = 4 if layer == 1 else 1
        bits = 1000 * _KBITS[is_first, layer][bit_rate - 1]
        n_bytes = (n_samples * bits // (8 * slot * sample_rate) + (head[2] >> 1 & 1)) * slot
    return _Header((version, layer, rate, head[3] >> 6 == 3), sample_rate, n_samples, n_bytes)


def is_mpeg(window: Window, start: int) -> bool:
    """Tell whether frames of MPEG audio begin at a place."""
    # 0xFF 0xFE opens a text in UTF-16, and a layer I that nobody has any more: one frame is not enough.
    n_frames = 1 + (window.at(start, 2) == b"\xff\xfe")
    return _chain(window, start) >= n_frames


def find_mpeg(window: Window, start: int) -> int:
    """Return where frames begin in a file that calls itself MP3 but starts with other bytes; -1 nowhere."""
    return _next_frame(window, start, start + _JUNK_BYTES)


def mpeg_layout(window: Window, start: int, name: str) -> Layout:
    """Count the frames of MPEG audio, the first of which is at `start`; `name` is for messages.

    Raises:
        AudioError: The last frame is cut, or the rate or the number of channels changes on the way.
    """
    first = _header(window.at(start, 4))
    assert first is not None
    streams: list[_Stream] = []
    at = start
    while at < window.stop:
        head = window.at(at, 48)  # enough for any tag
        header = _header(head[:4])
        if header is None or header.kind != first.kind or header.n_bytes == 0:
            at = _next_frame(window, at, window.stop, first.kind)
            if at < 0:
                break
            header = _header(window.at(at, 4))
            if header and header.kind != first.kind:
                raise AudioError(
                    f"{name} changes its rate or its number of channels on the way: "
                    "save it anew from an audio editor, or convert its parts one by one"
                )
            continue
        stop = at + header.n_bytes
        if stop > window.stop:
            raise AudioError(truncated_message(name))
        tag = head[first.tag_at : first.tag_at + 4]
        is_tag = (header.kind[1] == 3 and tag in (b"Xing", b"Info")) or head[36:40] == b"VBRI"
        if is_tag or not streams:
            streams.append(_Stream(head[:4]))
        if is_tag:
            streams[-1].tag = window.at(at + first.tag_at + 4, header.n_bytes - first.tag_at - 4)
        else:
            streams[-1].n_frames += 1
            add_range(streams[-1].ranges, at, stop)
        at = stop
    streams = [stream for stream in streams if stream.n_frames]
    if not streams:
        raise AudioError(truncated_message(name))
    return Layout(tuple(_part(stream, first) for stream in streams), _warnings(streams, first))


def _part(stream: _Stream, header: _Header) -> Part:
    """Put the frames of a stream behind an Info frame that tells their number."""
    if header.kind[1] != 3:
        return tuple(stream.ranges)
    declared, extension = _tag(stream.tag)
    if declared > stream.n_frames:  # the padding was at an end that is not there
        extension = extension[:22] + bytes([extension[22] & 0xF0, 0]) + extension[24:] if extension else b""
    head = bytes([0xFF, stream.head[1] | 1, 0x90 | stream.head[2] & 0x0C, stream.head[3]])
    frame = _header(head)
    assert frame is not None
    tag = b"Info" + struct.pack(">II", 1, stream.n_frames) + extension
    return ((head.ljust(header.tag_at, b"\0") + tag).ljust(frame.n_bytes, b"\0"), *stream.ranges)


def _tag(tag: bytes) -> tuple[int, bytes]:
    """Read how many frames a tag promises, 0 where it does not say, and what LAME adds about both ends."""
    if len(tag) < 8 or not tag[3] & 1:
        return 0, b""
    extension_at = 4 + 4 + 4 * (tag[3] >> 1 & 1) + 100 * (tag[3] >> 2 & 1) + 4 * (tag[3] >> 3 & 1)
    extension = tag[extension_at : extension_at + _LAME_BYTES]
    has_extension = len(extension) == _LAME_BYTES and extension[0]
    return int.from_bytes(tag[4:8], "big"), extension if has_extension else b""


def _warnings(streams: list[_Stream], header: _Header) -> tuple[str, ...]:
    declared = sum(_tag(stream.tag)[0] for stream in streams)
    n_frames = sum(stream.n_frames for stream in streams)
    if declared <= n_frames + 1:
        return ()
    seconds = [n * header.n_samples / header.sample_rate for n in (declared, n_frames)]
    return (f"its header promises {seconds[0]:.1f} s, {seconds[1]:.1f} s are there",)


def _chain(window: Window, at: int) -> int:
    """Count the frames in a row from a place on, as far as needed to be sure; at the end one will do."""
    first = _header(window.at(at, 4))
    if first is None or first.n_bytes == 0:  # "free format", which tells no size: libsndfile copes as it can
        return 0
    for n_frames in range(1, _SURE_FRAMES):
        header = _header(window.at(at, 4))
        assert header is not None
        if header.n_bytes == 0 or at + header.n_bytes + 4 > window.stop:
            return n_frames
        at += header.n_bytes
        header = _header(window.at(at, 4))
        if header is None or header.kind != first.kind:
            return n_frames if window.at(at, 3) in (b"TAG", b"APE", b"ID3") else 0
    return _SURE_FRAMES


def _next_frame(window: Window, start: int, stop: int, kind: tuple[int, int, int, bool] | None = None) -> int:
    """Return where the next frame begins that others follow, surely so if of another kind; -1 nowhere."""
    at = start
    while 0 <= (at := window.find(b"\xff", at)) < stop:
        n_frames = _chain(window, at)
        header = _header(window.at(at, 4))
        if n_frames == _SURE_FRAMES or (n_frames and header and kind in (None, header.kind)):
            return at
        at += 1
    return -1
