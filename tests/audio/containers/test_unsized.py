"""AIFF and AU whose header gives no length are played to the end, with a warning."""

import struct

import numpy as np
import pytest
import soundfile

from violute.audio.file_source import FileSource
from violute.audio.read import read
from violute.errors import AudioError

SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, 30_001).astype(np.float32)
NO_LENGTH = ("its header gives no length, as after a crash or from a pipe",)


def written(path, **options):
    soundfile.write(path, SOUND, 44_100, **options)
    return bytearray(path.read_bytes()), read(path)[0]


def played(path, content):
    path.write_bytes(content)
    return read(path)[0], FileSource(path).warnings


@pytest.mark.parametrize("size", [0, 8])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_an_aiff_without_length_is_played_to_the_end(tmp_path, size, subtype):
    content, sound = written(tmp_path / "x.aiff", subtype=subtype)
    at = content.index(b"SSND") + 4
    content[at : at + 4] = struct.pack(">I", size)
    audio, warnings = played(tmp_path / "y.aiff", content)
    np.testing.assert_array_equal(audio[:, : sound.shape[1]], sound)
    assert audio.shape[1] <= sound.shape[1] + 1  # one for the byte that makes a chunk even
    assert warnings == NO_LENGTH


@pytest.mark.parametrize("endian", ["BIG", "LITTLE"])
def test_an_au_without_length_is_played_to_the_end(tmp_path, endian):
    content, sound = written(tmp_path / "x.au", subtype="PCM_16", endian=endian)
    content[8:12] = bytes(4)
    audio, warnings = played(tmp_path / "y.au", content)
    np.testing.assert_array_equal(audio, sound)
    assert warnings == NO_LENGTH


def test_one_that_is_empty_is_empty_and_a_good_one_is_left_alone(tmp_path):
    content, sound = written(tmp_path / "x.aiff", subtype="PCM_16")
    audio, warnings = played(tmp_path / "y.aiff", content)
    np.testing.assert_array_equal(audio, sound)
    assert warnings == ()
    at = content.index(b"SSND")
    empty = content[: at + 4] + struct.pack(">I", 8) + bytes(8) + b"NAME" + struct.pack(">I", 4) + b"solo"
    with pytest.raises(AudioError, match="holds no samples"):
        played(tmp_path / "empty.aiff", empty)
