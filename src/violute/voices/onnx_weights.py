"""The weights of a network in an ONNX file, and the dilations of its convolutions, without the onnx package.

Source:
    onnx.proto3. `ModelProto`: graph is field 7. `GraphProto`: node 1, initializer 5. `TensorProto`: dims 1,
    data type 2, name 8, little-endian bytes 9. `NodeProto`: input 1, attribute 5. `AttributeProto`: name 1,
    ints 8.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from violute.voices.file import message_fields, read_varint

_GRAPH, _NODE, _INITIALIZER = 0x3A, 0x0A, 0x2A
_DIM, _PACKED_DIMS, _DATA_TYPE, _PACKED_DATA_TYPE, _NAME, _RAW = 0x08, 0x0A, 0x10, 0x12, 0x42, 0x4A
_INPUT, _ATTRIBUTE, _ATTRIBUTE_NAME, _INTEGER, _PACKED_INTEGERS = 0x0A, 0x2A, 0x0A, 0x40, 0x42
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


def stored_dilations(onnx_bytes: bytes) -> dict[str, int]:
    """Return the dilations of one-dimensional convolutions, by the names of their weights.

    Raises:
        ValueError: The bytes are no model.
    """
    found: dict[str, int] = {}
    for graph in _payloads(onnx_bytes, _GRAPH):
        for node in _payloads(graph, _NODE):
            for attribute in _payloads(node, _ATTRIBUTE):
                if _payloads(attribute, _ATTRIBUTE_NAME) == [b"dilations"]:
                    _, weight, *_ = _payloads(node, _INPUT)
                    found[weight.decode()] = _integers(attribute, _INTEGER, _PACKED_INTEGERS)[0]
    return found


def _payloads(content: bytes, wanted: int) -> list[bytes]:
    return [content[payload:stop] for _, tag, payload, stop in message_fields(content) if tag == wanted]


def _tensor(content: bytes) -> tuple[str, int, list[int], bytes]:
    (name,), shape = _payloads(content, _NAME), _integers(content, _DIM, _PACKED_DIMS)
    (kind,) = _integers(content, _DATA_TYPE, _PACKED_DATA_TYPE)
    return name.decode(), kind, shape, b"".join(_payloads(content, _RAW))


def _integers(content: bytes, one: int, packed: int) -> list[int]:
    """Read a field of integers, which may lie apart or together."""
    found = []
    for _, tag, payload, stop in message_fields(content):
        at = payload
        while tag == packed and at < stop:
            number, at = read_varint(content, at)
            found.append(number)
        if tag == one:
            found.append(read_varint(content, payload)[0])
    return found
