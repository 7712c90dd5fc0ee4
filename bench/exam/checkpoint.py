"""Weights out of a TensorFlow checkpoint, without TensorFlow.

A checkpoint's index is a table of LevelDB's format, uncompressed: blocks of keys, each written as what it
adds to the one before, with entries that say where in the data a tensor lies.

Source:     LevelDB, doc/table_format.md. TensorFlow, tensorflow/core/protobuf/tensor_bundle.proto:
BundleEntryProto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from violute.errors import DataError

FOOTER_BYTES = 48
FLOAT = 1
"""TensorFlow's number of the type float32."""


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """Return the float32 tensors of the checkpoint in a folder, by name.

    Raises:
        DataError: There is no such checkpoint, or it is compressed or damaged.
    """
    try:
        index, data = ((folder / name).read_bytes() for name in (".index", ".data-00000-of-00001"))
    except OSError:
        raise DataError(f"{folder}: holds no checkpoint: name a folder with .index and .data") from None
    try:
        footer = index[-FOOTER_BYTES:]
        _, _, *place = _numbers(footer, 4)
        tensors: dict[str, np.ndarray] = {}
        for _, handle in _block(index, *place):
            for key, value in _block(index, *_numbers(handle, 2)):
                if key:
                    kind, shape, offset = _entry(value)
                    if kind == FLOAT:
                        flat = np.frombuffer(data, "<f4", math.prod(shape), offset)
                        tensors[key.decode()] = flat.reshape(shape).copy()
    except (IndexError, ValueError, struct.error):
        raise DataError(f"{folder}: the checkpoint is compressed or damaged: fetch it again") from None
    return tensors


def _number(text: bytes, place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, the low ones first; return it and the place behind it."""
    value = shift = 0
    while True:
        byte = text[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def _numbers(text: bytes, n: int) -> list[int]:
    place, found = 0, []
    for _ in range(n):
        value, place = _number(text, place)
        found.append(value)
    return found


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a block; the byte behind it says that it is not compressed."""
    if index[offset + size] != 0:
        raise ValueError("compressed")
    block = index[offset : offset + size]
    (n_restarts,) = struct.unpack("<I", block[-4:])
    end, place, key = size - 4 - 4 * n_restarts, 0, b""
    while place < end:
        n_shared, place = _number(block, place)
        n_new, place = _number(block, place)
        n_value, place = _number(block, place)
        key = key[:n_shared] + block[place : place + n_new]
        place += n_new
        yield key, block[place : place + n_value]
        place += n_value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message of Protocol Buffers: number, and value or bytes."""
    place = 0
    while place < len(message):
        tag, place = _number(message, place)
        if tag & 7 == 0:
            value, place = _number(message, place)
            yield tag >> 3, value
            continue
        if tag & 7 == 2:
            size, place = _number(message, place)
        else:
            size = 4 if tag & 7 == 5 else 8
        yield tag >> 3, message[place : place + size]
        place += size


def _entry(message: bytes) -> tuple[int, list[int], int]:
    """Return type, shape and offset of a tensor."""
    fields = dict(_fields(message))
    shape = []
    for _, size in _fields(_bytes(fields.get(2, b""))):
        shape.append(int(dict(_fields(_bytes(size))).get(1, 0)))
    return int(fields.get(1, 0)), shape, int(fields.get(4, 0))


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number in place of a message")
    return value
