"""Small recordings in every format that is read, and ways to damage them that know where headers lie.

A recording is taken apart into units: chunks of RIFF and AIFF, pages of Ogg, frames of MP3 and FLAC. Units
are cut, dropped, repeated and exchanged, numbers in their headers become extreme, bits flip, foreign metadata
comes between them. The same seed damages in the same way.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import soundfile

SAMPLE_RATE = 22_050
SECONDS = 0.4

KINDS = {
    "wav16.wav": ("WAV", "PCM_16", 1),
    "wav24.wav": ("WAV", "PCM_24", 2),
    "float.wav": ("WAV", "FLOAT", 1),
    "mulaw.wav": ("WAV", "ULAW", 1),
    "extensible.wav": ("WAVEX", "PCM_16", 2),
    "large.rf64": ("RF64", "PCM_16", 1),
    "sun.au": ("AU", "PCM_16", 1),
    "mac.aiff": ("AIFF", "PCM_16", 1),
    "lossless.flac": ("FLAC", "PCM_16", 2),
    "vorbis.ogg": ("OGG", "VORBIS", 1),
    "speech.opus": ("OGG", "OPUS", 1),
    "layer3.mp3": ("MP3", "MPEG_LAYER_III", 1),
}
"""File name to libsndfile's format, subtype and number of channels."""

EXTREMES = (0, 1, 2, 3, 7, 8, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_JUNK = (
    b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
    b"ID3\x04\0\0\0\0\1\0" + b"TIT2\0\0\0\x10\0\0\3" + b"x" * 117,
    b"TAG" + b"y" * 125,
    b"LIST" + struct.pack("<I", 0xFFFFFFF0) + b"INFO",
    b"OggS\0\4" + b"\0" * 20 + b"\xff" + b"\xff" * 255,
    b"APETAGEX" + struct.pack("<IIII", 2000, 0xFFFFFFFF, 9, 0),
    b"\0" * 64,
    b"\xff" * 64,
    b"fLaC\x84\xff\xff\xff",
)


def recordings() -> dict[str, bytes]:
    """Return a short recording in each kind of file, by name."""
    return {name: recording(*kind) for name, kind in KINDS.items()}


def recording(kind: str, subtype: str, n_channels: int) -> bytes:
    """Return two gliding notes as a file of that kind."""
    rate = 24_000 if subtype == "OPUS" else SAMPLE_RATE
    seconds = np.arange(round(SECONDS * rate)) / rate
    f0_hz = np.where(seconds < SECONDS / 2, 440.0, 660.0)
    phase = 2.0 * np.pi * np.cumsum(f0_hz) / rate
    audio = sum(0.3 / k * np.sin(k * phase) for k in range(1, 5))
    content = io.BytesIO()
    soundfile.write(content, np.stack([audio] * n_channels, axis=1), rate, subtype, format=kind)
    return content.getvalue()


def units(content: bytes) -> list[int]:
    """Return where each unit of a file begins, the file's own start first."""
    if content[:4] in (b"RIFF", b"RF64", b"FORM"):
        order = ">I" if content[:4] == b"FORM" else "<I"
        starts, at = [0], 12
        while at + 8 <= len(content):
            starts.append(at)
            at += 8 + struct.unpack_from(order, content, at + 4)[0] + (content[at + 4] & 1)
        return starts
    mark = {b"OggS": b"OggS", b"fLaC": b"\xff\xf8"}.get(
        content[:4], b"\xff\xfb" if content[:1] != b"." else b""
    )
    starts = [0, *([4] if content[:4] == b"fLaC" else [])]
    at = content.find(mark, 1) if mark else -1
    while at > 0:
        starts.append(at)
        at = content.find(mark, at + 1)
    return starts


def damaged(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Return a file with one to three damages."""
    for _ in range(int(rng.integers(1, 4))):
        if len(content) < 16:
            break
        content = _DAMAGES[int(rng.integers(len(_DAMAGES)))](content, rng, others)
    return content


def _field(content: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
    """Make a number in a unit's header extreme, or off by one."""
    start = int(rng.choice(units(content))) + int(rng.integers(0, 48))
    width, order = int(rng.choice([1, 2, 4, 8])), str(rng.choice(["little", "big"]))
    if start + width > len(content):
        return content
    held = int.from_bytes(content[start : start + width], order)  # type: ignore[arg-type] # one of the two words
    near = [held + 1, held - 1, held + 44, held // 2, held * 2]
    number = int(rng.choice([*EXTREMES, *[abs(n) & 0xFFFFFFFF for n in near]])) % (1 << 8 * width)
    return content[:start] + number.to_bytes(width, order) + content[start + width :]  # type: ignore[arg-type] # as above


def _flip(content: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
    changed = bytearray(content)
    reach = len(content) if rng.random() < 0.5 else min(len(content), 200)
    for _i in range(int(rng.integers(1, 12))):
        changed[int(rng.integers(reach))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _cut(content: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
    near = int(rng.choice(units(content))) + int(rng.integers(0, 64))
    return content[: near if rng.random() < 0.5 else int(rng.integers(len(content)))]


def _rearrange(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Drop, repeat, exchange or borrow a unit."""
    parts = _parts(content)
    i, j = (int(n) for n in rng.integers(len(parts), size=2))
    match int(rng.integers(4)):
        case 0:
            del parts[i]
        case 1:
            parts.insert(j, parts[i])
        case 2:
            parts[i], parts[j] = parts[j], parts[i]
        case _:
            foreign = _parts(others[int(rng.integers(len(others)))])
            parts.insert(j, foreign[int(rng.integers(len(foreign)))])
    return b"".join(parts)


def _insert(content: bytes, rng: np.random.Generator, _: list[bytes]) -> bytes:
    at = int(rng.choice([0, len(content), *units(content)]))
    return content[:at] + _JUNK[int(rng.integers(len(_JUNK)))] + content[at:]


def _parts(content: bytes) -> list[bytes]:
    starts = [*units(content), len(content)]
    return [content[a:b] for a, b in pairwise(starts)]


Damage = Callable[[bytes, np.random.Generator, list[bytes]], bytes]
_DAMAGES: tuple[Damage, ...] = (_field, _field, _flip, _cut, _rearrange, _insert)

_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, 0.5, "", "x" * 5_000, "../../x", [], {}, [[[]]], {"a": {}}),
    *("\x00", "NaN", [1, "a"], float("nan"), float("inf"), -0.0, "ü\ud800"),
)


def damaged_json(text: str, rng: np.random.Generator) -> str:
    """Return a JSON document with one to three values changed, dropped or of another kind."""
    document = json.loads(text)
    for _ in range(int(rng.integers(1, 4))):
        node = document
        while isinstance(node, dict | list) and node:
            keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = keys[int(rng.integers(len(keys)))]
            if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
                node = node[key]
            elif rng.random() < 0.2:
                del node[key]
                break
            else:
                node[key] = _VALUES[int(rng.integers(len(_VALUES)))]
                break
    return json.dumps(document)
