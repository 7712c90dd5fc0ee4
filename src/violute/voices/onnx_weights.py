"""The weights of a network in an ONNX file, read without the onnx package.

Source:
    onnx.proto3: `ModelProto.graph` is field 7, `GraphProto.initializer` field 5; of a `TensorProto`, dims are
    field 1, the data type field 2, the name field 8 and the little-endian bytes field 9.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from violute.voices.file import message_fields, read_varint

_GRAPH, _INITIALIZER = 0x3A, 0x2A
_DIM, _PACKED_DIMS, _DATA_TYPE, _NAME, _RAW = 0x08, 0x0A, 0x10, 0x42, 0x4A
_FLOAT = 1


def stored_weights(onnx_bytes: bytes) -> dict[str, Float32[np.ndarray, "..."]]:
    """Return the tensors of floats that a model stores, by name.

    Raises:
        ValueError: The bytes are no model.
    """
    found: dict[str, Float32[np.ndarray, "..."]] = {}
    for graph in _payloads(onnx_bytes, _GRAPH):
        for tensor in _payloads(graph, _INITIALIZER):
            name, kind, shape, raw = _tensor(tensor)
            if kind == _FLOAT:
                found[name] = np.frombuffer(raw, "<f4").reshape(shape)
    return found


def _payloads(content: bytes, wanted: int) -> list[bytes]:
    return [content[payload:stop] for _, tag, payload, stop in message_fields(content) if tag == wanted]


def _tensor(content: bytes) -> tuple[str, int, list[int], bytes]:
    name, kind, shape, raw = "", 0, [], b""
    for _, tag, payload, stop in message_fields(content):
        if tag == _DIM:
            shape.append(read_varint(content, payload)[0])
        elif tag == _PACKED_DIMS:
            while payload < stop:
                length, payload = read_varint(content, payload)
                shape.append(length)
        elif tag == _DATA_TYPE:
            kind = read_varint(content, payload)[0]
        elif tag == _NAME:
            name = content[payload:stop].decode()
        elif tag == _RAW:
            raw = content[payload:stop]
    return name, kind, shape, raw
