"""MP3 as the world has it: without a length, with a wrong one, joined, cut, among other bytes."""

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from violute.audio.file_source import FileSource
from violute.audio.read import read, read_mono
from violute.errors import AudioError

RATE = 44_100
KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def tone(seconds, f0_hz=440.0, level=0.3):
    n = round(seconds * RATE)
    return (level * np.sin(2 * np.pi * f0_hz * np.arange(n) / RATE)).astype(np.float32)


def mp3(audio, rate=RATE, **how):
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", rate, 1 if audio.ndim == 1 else 2, format="MP3", **how) as file:
        for start in range(0, len(audio), 4096):
            file.write(audio[start : start + 4096])
    return content.getvalue()


def frames(content):
    """Cut MPEG 1, layer III, at 44.1 kHz into its frames."""
    found = []
    while content[:1] == b"\xff":
        size = 144_000 * KBITS[content[2] >> 4] // RATE + (content[2] >> 1 & 1)
        found.append(content[:size])
        content = content[size:]
    return found


def read_bytes(content, folder):
    (folder / "whole.mp3").write_bytes(content)
    return read(folder / "whole.mp3")


CONSTANT = {"bitrate_mode": "CONSTANT", "compression_level": 0.5}
VARIABLE = {"bitrate_mode": "VARIABLE", "compression_level": 0.3}
SWEEP = (0.3 * np.sin(2 * np.pi * np.cumsum(np.linspace(200, 2_000, 4 * RATE)) / RATE)).astype(np.float32)
LOUD_START = np.concatenate([0.9 * np.random.default_rng(0).uniform(-1, 1, RATE).astype(np.float32), SWEEP])
SOFT_START = LOUD_START[::-1]


def without_tag(content):
    first, *rest = frames(content)
    assert b"Info" in first or b"Xing" in first
    return rest


@pytest.fixture
def played(tmp_path):
    def play(content, name="x.mp3"):
        (tmp_path / name).write_bytes(content)
        source = FileSource(tmp_path / name)
        audio, _ = read(tmp_path / name)
        assert audio.shape == (source.n_channels, source.n_samples)
        return source, audio

    return play


@pytest.mark.parametrize("how", [CONSTANT, VARIABLE], ids=["constant", "variable"])
@pytest.mark.parametrize("audio", [LOUD_START, SOFT_START], ids=["loud start", "soft start"])
@pytest.mark.parametrize("channels", [1, 2])
def test_without_a_tag_every_frame_is_played_and_none_is_missed(tmp_path, played, how, audio, channels):
    audio = audio if channels == 1 else np.stack([audio, 0.5 * audio], axis=1)
    rest = without_tag(mp3(audio, **how))
    source, got = played(b"".join(rest))
    assert 0 <= 1152 * len(rest) - source.n_samples <= 1152
    assert source.n_samples >= len(audio)
    # The encoder's delay, which the tag told, is all that is added.
    with_tag, _ = read_bytes(mp3(audio, **how), tmp_path)
    excerpt = with_tag[0, 2 * RATE : 2 * RATE + 4_000]
    late = np.argmax(np.correlate(got[0, 2 * RATE :][:5_500], excerpt, "valid"))
    np.testing.assert_allclose(got[0, 2 * RATE + late :][:4_000], excerpt, atol=1e-4)
    assert source.warnings == ()


def test_every_bit_rate_without_a_tag(played):
    for level in np.linspace(0, 0.99, 6):
        rest = frames(mp3(tone(1), bitrate_mode="CONSTANT", compression_level=level))
        rest = rest[b"Info" in rest[0] :]  # the lowest rates have no room for a tag
        assert played(b"".join(rest))[0].n_samples == 1152 * len(rest) - 529


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 32_000, 48_000])
def test_every_rate_keeps_its_length(played, rate):
    source, _ = played(mp3(tone(1), rate))
    assert (source.n_samples, source.sample_rate) == (RATE, rate)


@pytest.mark.parametrize("declared", [1, 20, 10_000])
def test_a_tag_that_is_wrong_is_not_believed(played, declared):
    content = bytearray(mp3(tone(2), **CONSTANT))
    at = max(content.find(b"Info"), content.find(b"Xing"))
    content[at + 8 : at + 12] = struct.pack(">I", declared)
    source, _ = played(bytes(content))
    assert source.n_samples == pytest.approx(2 * RATE, abs=1_500)
    assert (declared > 100) == any("its header promises" in warning for warning in source.warnings)


def test_a_file_that_was_cut_between_frames_is_played_with_a_warning(played):
    whole = frames(mp3(tone(2), **CONSTANT))
    source, audio = played(b"".join(whole[:40]))
    assert source.n_samples == pytest.approx(39 * 1152, abs=1_200)
    assert source.warnings == ("its header promises 2.0 s, 1.0 s are there",)
    assert np.abs(audio[0, -500:]).max() > 0.2


@pytest.mark.parametrize("kept", [-1, -100])
def test_a_last_frame_that_is_cut_is_refused(played, kept):
    for content in (mp3(tone(1)), b"".join(without_tag(mp3(tone(1))))):
        with pytest.raises(AudioError, match=r"x\.mp3 is damaged or truncated"):
            played(content[:kept])


def test_files_joined_end_to_end_are_played_one_after_the_other(played):
    tag = b"ID3\4\0\0\0\0\1\0" + bytes(128)
    source, audio = played(tag + mp3(tone(1)) + b"TAG" + bytes(125) + tag + mp3(tone(0.5, 880.0)))
    assert source.n_samples == RATE + RATE // 2
    np.testing.assert_allclose(audio[0, 2_000:40_000], tone(1)[2_000:40_000], atol=0.02)
    np.testing.assert_allclose(
        audio[0, RATE + 2_000 : RATE + 20_000], tone(0.5, 880.0)[2_000:20_000], atol=0.02
    )


def test_a_change_of_rate_or_channels_is_refused(played):
    for other in (mp3(tone(1), 48_000), mp3(np.stack([tone(1)] * 2, axis=1))):
        with pytest.raises(AudioError, match="changes its rate or its number of channels"):
            played(mp3(tone(1)) + other)


def test_other_bytes_before_and_between_are_passed_over(played):
    whole = frames(mp3(tone(2)))
    junk = b"\xff\xfb\x90\0" + bytes(300)
    source, _ = played(bytes(700) + b"".join(whole[:30]) + junk + b"".join(whole[30:]) + junk)
    assert source.n_samples == 2 * RATE
    assert played(b"".join(whole), "song.wav")[0].n_samples == 2 * RATE


def test_a_frame_that_tells_no_size_is_other_bytes(played):
    whole = frames(mp3(tone(2)))
    free = bytes([whole[1][0], whole[1][1], whole[1][2] & 0x0F, whole[1][3]]) + bytes(200)
    source, _ = played(b"".join(whole[:30]) + free + b"".join(whole[30:]))
    assert source.n_samples == 2 * RATE


def test_mp3_in_wav_is_counted_too(played):
    content = b"".join(without_tag(mp3(LOUD_START, **VARIABLE)))
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1, 1393)
    for size in (len(content), 0, 0xFFFFFFFF):
        chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"fact" + struct.pack("<II", 4, 1_000)
        wav = (
            b"RIFF"
            + struct.pack("<I", 60 + len(content))
            + chunks
            + b"data"
            + struct.pack("<I", size)
            + content
        )
        source, _ = played(wav, "x.wav")
        assert source.n_samples == pytest.approx(5 * RATE, abs=3_000)
        assert bool(source.warnings) == (size != len(content))


def test_a_part_is_where_it_was(tmp_path):
    audio = np.concatenate([tone(1), tone(1, 880.0), tone(1)])
    (tmp_path / "x.mp3").write_bytes(b"".join(without_tag(mp3(audio, **VARIABLE))))
    whole = read_mono(tmp_path / "x.mp3", RATE)
    part = read_mono(tmp_path / "x.mp3", RATE, start_seconds=1.2, end_seconds=1.7)
    np.testing.assert_allclose(part, whole[round(1.2 * RATE) : round(1.7 * RATE)], atol=1e-3)


def test_the_decoder_writes_nothing_to_the_terminal(tmp_path):
    content = bytearray(mp3(LOUD_START))
    for at in np.random.default_rng(1).integers(1_000, len(content), 200):
        content[at] ^= 0x5A
    (tmp_path / "x.mp3").write_bytes(content)
    plain = "import soundfile, sys\nwith soundfile.SoundFile('x.mp3') as file: file.read()"
    ours = "import sys; from violute.audio.read import read\nread('x.mp3'); print('heard', file=sys.stderr)"
    said = []
    for code in (plain, ours):
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        said.append(done.stderr)
    if sys.platform == "linux":
        assert "mpg123" in said[0]
    assert said[1] == "heard\n"


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize("how", [CONSTANT, VARIABLE], ids=["constant", "variable"])
def test_blocks_of_any_length_join_without_a_gap(tmp_path, how, tagged):
    content = mp3(SOFT_START, **how)
    (tmp_path / "x.mp3").write_bytes(content if tagged else b"".join(without_tag(content)))
    source = FileSource(tmp_path / "x.mp3")
    whole = next(source.blocks(10 * RATE))
    for n_samples in (1_152, 5_000, 65_536):
        np.testing.assert_allclose(np.concatenate(list(source.blocks(n_samples)), axis=1), whole, atol=1e-6)
