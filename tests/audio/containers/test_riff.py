"""WAV whose header is wrong is played with a warning; what was cut is refused."""

import struct

import numpy as np
import pytest
import soundfile

from violute.audio.containers.riff import _header
from violute.audio.file_source import FileSource
from violute.audio.read import read
from violute.errors import AudioError

SOUND = np.random.default_rng(0).integers(-9_000, 9_000, 30_000).astype("<i2")
PCM = SOUND.tobytes()
FORM = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 44_100, 88_200, 2, 16)
UNKNOWN = 0xFFFFFFFF


def wav(size, data=PCM, *, riff=None, before=b"", after=b""):
    body = b"WAVE" + FORM + before + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", len(body) if riff is None else riff) + body


def large(sizes, data=PCM, *, magic=b"RF64", size=UNKNOWN):
    ds64 = b"" if sizes is None else struct.pack("<4sIQQQI", b"ds64", 28, *sizes, 0)
    return (
        magic + struct.pack("<I", UNKNOWN) + b"WAVE" + ds64 + FORM + b"data" + struct.pack("<I", size) + data
    )


def played(tmp_path, content, name="x.wav"):
    (tmp_path / name).write_bytes(content)
    return read(tmp_path / name)[0], FileSource(tmp_path / name).warnings


@pytest.mark.parametrize("size", [0, UNKNOWN, 0x7FFFFFFF, 0x80000000, 0xFFFFFF00])
@pytest.mark.parametrize("riff", [0, UNKNOWN, None])
def test_a_header_without_length_is_played_to_the_end(tmp_path, size, riff):
    audio, warnings = played(tmp_path, wav(size, riff=riff))
    np.testing.assert_array_equal(audio[0], SOUND / np.float32(32_768))
    assert warnings == ("its header gives no length, as after a crash or from a pipe, 0.7 s were found",)


@pytest.mark.parametrize("excess", [1, 2, 8, 36, 44, 46, 512, 4_096])
def test_a_header_a_little_too_long_is_played(tmp_path, excess):
    audio, warnings = played(tmp_path, wav(len(PCM) + excess))
    np.testing.assert_array_equal(audio[0], SOUND / np.float32(32_768))
    assert warnings == (f"its header promises {excess} byte{'s' * (excess > 1)} more than there are",)


@pytest.mark.parametrize("excess", [4_098, 20_000, 1 << 30])
def test_a_header_that_promises_much_more_is_that_of_a_cut_file(tmp_path, excess):
    with pytest.raises(AudioError, match="truncated"):
        played(tmp_path, wav(len(PCM) + excess))
    with pytest.raises(AudioError, match="truncated"):
        played(tmp_path, wav(500, PCM[:400]))


def test_a_recording_of_a_telephone_is_played(tmp_path):
    """GSM 6.10, in which libsndfile finds no place."""
    seconds = np.arange(24_000) / 8_000
    tone = 0.3 * np.sin(2 * np.pi * np.where(seconds < 1.5, 440.0, 660.0) * seconds)
    soundfile.write(tmp_path / "x.wav", tone, 8_000, subtype="GSM610")
    audio, _ = read(tmp_path / "x.wav")
    assert audio.shape[1] / 8_000 == pytest.approx(3.0, abs=0.1)
    part = np.concatenate(list(FileSource(tmp_path / "x.wav", 2.0, 2.5).blocks()), axis=1)
    np.testing.assert_array_equal(part, audio[:, 16_000:20_000])
    assert np.abs(np.fft.rfft(part[0])).argmax() * 2 == 660


def test_aiff_a_little_too_long_is_played(tmp_path):
    soundfile.write(tmp_path / "x.aiff", SOUND, 44_100)
    content = (tmp_path / "x.aiff").read_bytes()
    audio, warnings = played(tmp_path, content[:-44], "y.aiff")
    np.testing.assert_array_equal(audio[0], SOUND[:-22] / np.float32(32_768))
    assert warnings == ("its header promises 44 bytes more than there are",)


@pytest.mark.parametrize("tail", [b"", b"\0", b"LIST\4\0\0\0INFO", b"\0LIST\4\0\0\0INFO"])
def test_odd_sizes_are_played(tmp_path, tail):
    audio, _ = played(tmp_path, wav(len(PCM) - 1, PCM[:-1], after=tail))
    np.testing.assert_array_equal(audio[0], SOUND[:-1] / np.float32(32_768))


@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_an_odd_chunk_before_the_samples_may_lack_its_pad(tmp_path, pad):
    audio, warnings = played(tmp_path, wav(len(PCM), before=b"note\3\0\0\0abc" + pad))
    np.testing.assert_array_equal(audio[0], SOUND / np.float32(32_768))
    assert warnings == ()


@pytest.mark.parametrize("sizes", [None, (0, 0, 0), (2**64 - 1,) * 3])
@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("size", [UNKNOWN, 0])
def test_an_unfinished_rf64_is_played(tmp_path, sizes, magic, size):
    audio, warnings = played(tmp_path, large(sizes, magic=magic, size=size))
    np.testing.assert_array_equal(audio[0], SOUND / np.float32(32_768))
    assert len(warnings) == 1


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_a_finished_rf64_is_played_as_it_is(tmp_path, magic):
    audio, warnings = played(tmp_path, large((len(PCM) + 72, len(PCM), len(SOUND)), magic=magic))
    np.testing.assert_array_equal(audio[0], SOUND / np.float32(32_768))
    assert warnings == ()


def test_no_samples_are_no_samples(tmp_path):
    for content in (wav(0, b""), wav(0, b"", after=b"LIST\4\0\0\0INFO")):
        with pytest.raises(AudioError, match="holds no samples"):
            played(tmp_path, content)


def test_a_long_header_just_below_4_gigabytes_is_of_rf64_too():
    form = FORM[8:] + bytes(1_000)
    most = 0xFFFFFFFF - (4 + 8 + len(form) + 8)
    plain, large_form = _header(form, most), _header(form, most + 1)
    assert plain[:8] == b"RIFF\xff\xff\xff\xff"
    assert large_form[:4] == b"RF64"
    assert int.from_bytes(large_form[28:36], "little") == most + 1


def test_the_header_for_more_than_4_gigabytes_is_of_rf64(tmp_path):
    header = _header(FORM[8:], 5 << 30)
    assert header[:4] == b"RF64"
    assert int.from_bytes(header[28:36], "little") == 5 << 30
    path = tmp_path / "large.wav"
    with path.open("wb") as file:  # sparse: it takes no room
        file.write(wav(0, b""))
        file.truncate(5 << 30)
    assert FileSource(path).n_samples == (5 << 30) // 2 - 22
