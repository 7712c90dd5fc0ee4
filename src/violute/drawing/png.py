"""Pictures as PNG files, with zlib alone.

Source:
    W3C, Portable Network Graphics Specification (third edition, 2025), sections 5, 9 and 11.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from violute.whole_file import named_file

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS = 8
_RGB = 2
_UNFILTERED = 0
"""Filter type of each line; the others only help with photographs."""


def write_picture(
    pixels: UInt8[np.ndarray, "row column 3"], picture: Path, *, overwrite: bool = True
) -> None:
    """Write a picture whole or not at all; a file of that name may be replaced, or not.

    Raises:
        InputError: The disk refuses, or the name is taken.
    """
    with named_file(picture, "make room there, or name another", overwrite=overwrite) as partial:
        partial.write_bytes(png_bytes(pixels))


def png_bytes(pixels: UInt8[np.ndarray, "row column 3"]) -> bytes:
    """Encode a picture of at least one pixel: red, green and blue, the top row first."""
    height, width = pixels.shape[:2]
    lines = np.concatenate([np.full((height, 1), _UNFILTERED, np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, _BITS, _RGB, 0, 0, 0)
    chunks = (
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
        _chunk(b"IEND", b""),
    )
    return _SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
