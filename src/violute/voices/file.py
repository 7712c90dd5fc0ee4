"""The voice file: one ONNX model that carries its own card and checksum.

Layout: the bytes of an ONNX `ModelProto`, then two more entries of its `metadata_props`
(field 14, a repeated message of key and value):

    violute.card     the `Card` as JSON
    violute.sha256   hexadecimal digest of every byte before this entry

Protocol Buffers read a repeated field from anywhere in a message, so appending entries leaves a
model that any ONNX reader opens; and since the last entry has a fixed length, the checksum is
verified without the onnx package.

Source:
    Protocol Buffers encoding, "Last One Wins" and "Message Structure"; onnx.proto3, ModelProto.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from violute.errors import VoiceError
from violute.voices.card import Card

CARD_KEY = b"violute.card"
DIGEST_KEY = b"violute.sha256"
LIVE_MAGIC = b"VIOLIVE\n"
"""How the other file of a voice begins, which the real-time core reads."""

_METADATA_PROPS = 0x72  # field 14, wire type 2 (length-delimited)
_KEY, _VALUE = 0x0A, 0x12  # fields 1 and 2 of StringStringEntryProto, wire type 2
_DIGEST_LENGTH = 64


def seal(onnx_bytes: bytes, card: Card) -> bytes:
    """Return the bytes of a voice file: the model, its card and the checksum.

    Sealing a sealed file again replaces its card.
    """
    model = _split(onnx_bytes)[0] if _is_sealed(onnx_bytes) else onnx_bytes
    body = model + _entry(CARD_KEY, card.to_json().encode())
    return body + _entry(DIGEST_KEY, hashlib.sha256(body).hexdigest().encode())


def open_voice_file(path: str | Path) -> tuple[bytes, Card]:
    """Read a voice file and verify its checksum.

    Returns:
        The ONNX model as it was before sealing, and its card.

    Raises:
        VoiceError: The file is missing, no voice, damaged, or from a newer version.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise VoiceError(f"{path}: there is no such voice file: check the path") from None
    except IsADirectoryError:
        raise VoiceError(f"{path}: this is a folder: name a voice file in it") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise VoiceError(f"{path}: the voice file cannot be read ({reason}): check its permissions") from None
    damaged = f"{path}: the voice file is damaged: export or download it again"
    if content.startswith(LIVE_MAGIC):
        raise VoiceError(
            f"{path}: this is a voice for the real-time core: give the file that it was exported from"
        )
    if not _is_sealed(content):
        looks_cut = content.startswith(b"\x08") and not _is_whole(content)
        if CARD_KEY in content or looks_cut:
            raise VoiceError(damaged)
        raise VoiceError(
            f"{path}: not a Violute voice: give a file made by `violute train` or `violute export`"
        )
    body, digest = content[: -len(_DIGEST_TAIL)], content[-_DIGEST_LENGTH:]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise VoiceError(damaged)
    try:
        model, card_json = _split(content)
        card_text = card_json.decode()
    except ValueError:  # also UnicodeDecodeError: the digest holds, so the writer was at fault
        raise VoiceError(damaged) from None
    return model, Card.from_json(card_text, source=str(path))


def _entry(key: bytes, value: bytes) -> bytes:
    """Encode one `metadata_props` entry."""
    message = bytes([_KEY]) + _varint(len(key)) + key + bytes([_VALUE]) + _varint(len(value)) + value
    return bytes([_METADATA_PROPS]) + _varint(len(message)) + message


def _is_sealed(content: bytes) -> bool:
    """Whether the last entry is a checksum, right or wrong."""
    tail = content[-len(_DIGEST_TAIL) :]
    return tail[:-_DIGEST_LENGTH] == _DIGEST_TAIL[:-_DIGEST_LENGTH]


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Split a sealed file into the model before sealing and the JSON of its card."""
    end = len(content) - len(_DIGEST_TAIL)
    for start, tag, payload, stop in message_fields(content):
        if tag == _METADATA_PROPS and stop == end:
            entry = content[payload:stop]
            head = bytes([_KEY, len(CARD_KEY)]) + CARD_KEY + bytes([_VALUE])
            if entry.startswith(head):
                length, at = read_varint(entry, len(head))
                if at + length == len(entry):
                    return content[:start], entry[at:]
    raise ValueError("no card before the checksum")


def _is_whole(content: bytes) -> bool:
    """Whether the bytes are a complete message of Protocol Buffers."""
    try:
        for _ in message_fields(content):
            pass
    except ValueError:
        return False
    return True


def message_fields(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Walk the top-level fields: (start, tag, start of payload, end).

    Raises:
        ValueError: The bytes end inside a field, or are no message.
    """
    at = 0
    while at < len(content):
        start = at
        tag, at = read_varint(content, at)
        payload = at
        match tag & 7:
            case 0:
                _, at = read_varint(content, at)
            case 1:
                at += 8
            case 2:
                length, payload = read_varint(content, at)
                at = payload + length
            case 5:
                at += 4
            case wire_type:
                raise ValueError(f"wire type {wire_type}")
        if at > len(content):
            raise ValueError("the message is cut short")
        yield start, tag, payload, at


def _varint(number: int) -> bytes:
    """Encode a number in groups of seven bits, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Decode the number at `at`; return it and the position behind it.

    Raises:
        ValueError: The bytes end first, or the number has more than 64 bits.
    """
    number = 0
    for i in range(10):
        if at + i >= len(content):
            raise ValueError("the message is cut short")
        byte = content[at + i]
        number |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return number, at + i + 1
    raise ValueError("a number is too long")


_DIGEST_TAIL = _entry(DIGEST_KEY, b"0" * _DIGEST_LENGTH)
"""The last entry of every voice file, but for its digits."""
