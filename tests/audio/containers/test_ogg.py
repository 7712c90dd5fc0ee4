"""Ogg with more than one stream: chains, films with sound, FLAC."""

import io
import struct

import numpy as np
import pytest
import soundfile

from violute.audio.file_source import FileSource
from violute.audio.read import read
from violute.errors import AudioError

RATE = 48_000


def tone(seconds, f0_hz=440.0, channels=1):
    mono = 0.3 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([mono] * channels, axis=1).astype(np.float32)


def encoded(audio, subtype="VORBIS", rate=RATE, kind="OGG"):
    content = io.BytesIO()
    soundfile.write(content, audio, rate, format=kind, subtype=subtype)
    return content.getvalue()


def page(serial, number, body, *, flags=0, granule=0):
    """A page of Ogg around packets of 255 bytes or fewer, joined; its checksum is right."""
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(lacing)) + lacing
    checksum = 0
    for byte in head + body:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return head[:22] + struct.pack("<I", checksum) + head[26:] + body


def in_ogg(flac, n_samples, *, knows_length=True):
    """Put native FLAC into Ogg: one page for the header, then pages of what follows, as it comes."""
    flac = bytearray(flac)
    if not knows_length:
        flac[21] &= 0xF0
        flac[22:26] = bytes(4)
    size = 4 + 4 + int.from_bytes(flac[5:8], "big")
    first = page(7, 0, b"\x7fFLAC\1\0\0\0" + bytes(flac[:size]), flags=2)
    rest = [bytes(flac[at : at + 20_000]) for at in range(size, len(flac), 20_000)]
    return first + b"".join(page(7, i, body, granule=n_samples) for i, body in enumerate(rest, start=1))


def read_bytes(tmp_path, content, name="x.ogg"):
    (tmp_path / name).write_bytes(content)
    audio, _ = read(tmp_path / name)
    return FileSource(tmp_path / name), audio


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("n_links", [2, 5])
def test_every_link_of_a_chain_is_played_whole(tmp_path, subtype, n_links):
    sounds = [tone(0.5 + 0.1 * i, 440.0 * (i + 1), channels=2) for i in range(n_links)]
    links = [encoded(sound, subtype) for sound in sounds]
    source, audio = read_bytes(tmp_path, b"".join(links))
    assert source.n_samples == sum(map(len, sounds))
    at = 0
    for sound in sounds:
        got = audio[0, at + 3_000 : at + len(sound) - 3_000]
        assert np.corrcoef(got, sound[3_000:-3_000, 0])[0, 1] > 0.99
        at += len(sound)
    whole = np.concatenate(list(source.blocks(1_000)), axis=1)
    np.testing.assert_array_equal(whole, audio)
    assert {block.shape[1] for block in list(source.blocks(1_000))[:-1]} == {1_000}


@pytest.mark.parametrize("other", [encoded(tone(0.5), rate=44_100), encoded(tone(0.5, channels=2))])
def test_a_link_of_another_kind_is_refused_in_one_line(tmp_path, other):
    with pytest.raises(AudioError, match=r"x\.ogg is a chain of recordings of different kinds") as caught:
        read_bytes(tmp_path, encoded(tone(0.5)) + other)
    assert "\n" not in str(caught.value)


def test_a_chain_whose_last_link_is_cut_is_refused(tmp_path):
    with pytest.raises(AudioError, match="truncated"):
        read_bytes(tmp_path, (encoded(tone(1)) * 2)[:-9])


def test_sound_beside_another_stream_is_found(tmp_path):
    sound = encoded(tone(1))
    first = sound.index(b"OggS", 4)
    film = page(99, 0, b"\x80theora and so on", flags=2)
    more = page(99, 1, b"pictures" * 20)
    source, _ = read_bytes(tmp_path, film + sound[:first] + more + sound[first:] + more)
    assert (source.n_samples, source.warnings) == (RATE, ())
    other = encoded(tone(1, 880.0))
    second = other.index(b"OggS", 4)
    source, _ = read_bytes(tmp_path, sound[:first] + other[:second] + sound[first:] + other[second:])
    assert source.n_samples == RATE
    assert source.warnings == ("2 sounds run side by side in it: the first is played",)


@pytest.mark.parametrize("knows_length", [True, False])
@pytest.mark.parametrize("name", ["x.oga", "x.ogg"])
def test_flac_in_ogg_is_flac(tmp_path, knows_length, name):
    sound = tone(2.5, channels=2)
    content = in_ogg(encoded(sound, "PCM_24", kind="FLAC"), len(sound), knows_length=knows_length)
    source, audio = read_bytes(tmp_path, content, name)
    assert source.subtype == "PCM_24"
    np.testing.assert_allclose(audio.T, sound, atol=2**-23)
    np.testing.assert_allclose(
        read_bytes(tmp_path, content * 2, name)[1].T, np.concatenate([sound] * 2), atol=2**-23
    )


def test_flacs_one_behind_the_other_are_all_played(tmp_path):
    sounds = [tone(0.5, 440.0), tone(0.7, 660.0), tone(0.3, 880.0)]
    content = b"".join(encoded(sound, "PCM_16", kind="FLAC") for sound in sounds)
    source, audio = read_bytes(tmp_path, content + b"TAG" + bytes(125), "x.flac")
    assert source.n_samples == sum(map(len, sounds))
    np.testing.assert_allclose(audio[0], np.concatenate(sounds)[:, 0], atol=1e-4)


def test_ogg_without_sound_that_is_known_goes_to_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match=r"x\.ogg is Ogg without Vorbis, Opus or FLAC, which needs ffmpeg"):
        read_bytes(tmp_path, page(1, 0, b"Speex   1.2", flags=2) + page(1, 1, b"speech"))
