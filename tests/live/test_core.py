"""The real-time core plays what `voice.stream()` plays, at any rate and in any blocks, whatever comes in."""

import json
import struct
import subprocess
import zlib
from functools import lru_cache

import live_core
import numpy as np
import pytest
import soundfile
import tiny_ddsp
from live_core import LiveCore, LiveCoreError, difference_db, example, played
from tones import SAMPLE_RATE, tone

from violute import load_voice
from violute.audio.resample import resample
from violute.families.ddsp.live_file import FORMAT_VERSION, live_bytes
from violute.families.ddsp.stream import LATENCY_SAMPLES
from violute.voices.load import DEFAULT_VOICE, find_voice
from violute.voices.mix import Mix

PROMISED_DB = -60.0
BETWEEN_RATES_SAMPLES = 32
"""By so many samples at 44.1 kHz each of the filters between rates is late."""


@lru_cache(maxsize=2)
def builtin(name=DEFAULT_VOICE):
    return live_bytes(name)


def piece(instrument, seconds=4):
    return example(instrument)[: seconds * SAMPLE_RATE]


def streamed(audio, mix, voice=None):
    return (voice or load_voice()).stream(mix).push(audio)


@pytest.mark.parametrize(("mix", "room"), [(0.0, 0.0), (0.5, 0.2), (1.0, 1.0)])
@pytest.mark.parametrize("instrument", ["flute", "violin"])
def test_it_plays_what_the_python_stream_plays(instrument, mix, room):
    audio = piece(instrument)
    made = played(builtin(), audio, room_size=room, mix=mix)
    wanted = streamed(audio, Mix.at(mix, room=room))
    assert difference_db(made[0], wanted) < PROMISED_DB
    assert np.array_equal(made[0], made[1])


def test_a_voice_of_the_low_range_follows_a_cello_as_the_python_stream_does():
    audio, name = piece("cello"), "violute-clarinet-cello"
    made = played(builtin(name), audio, mix=0.5)
    assert difference_db(made[0], streamed(audio, Mix.at(0.5, room=0.0), load_voice(name))) < PROMISED_DB


def test_dials_of_their_own_and_dials_that_turn_do_what_the_python_stream_does():
    audio = piece("flute")
    first, second = Mix(0.1, 0.9, 0.4, 0.5, 0.5), Mix(0.8, 0.3, 1.0, 0.5, 0.25)
    stream, middle = load_voice().stream(first), 200 * 441
    wanted = [stream.push(audio[:middle])]
    stream.set_mix(second)
    wanted.append(stream.push(audio[middle:]))
    with LiveCore(builtin(), room_size=0.5, tone=0.1, noise=0.9, attack=0.4) as live:
        made = [live.push(audio[:middle])]
        live.turn(tone=0.8, noise=0.3, attack=1.0, room=0.25)
        made.append(live.push(audio[middle:]))
    assert difference_db(np.concatenate(made, axis=1)[0], np.concatenate(wanted)) < PROMISED_DB


def test_a_voice_of_ones_own_is_played_too(tmp_path):
    path = tmp_path / "tiny.onnx"
    tiny_ddsp.walk(tiny_ddsp.task(), 60).export(path)
    audio = piece("violin", 2)
    made = played(live_bytes(path), audio, mix=0.3)
    assert difference_db(made[0], streamed(audio, Mix.at(0.3, room=0.0), load_voice(path))) < PROMISED_DB


@pytest.mark.parametrize("block", [1, 64, 441, 1024, 4096])
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_blocks_of_any_size_give_the_same_samples(block, sample_rate):
    audio = piece("violin")[:20_000]
    one = played(builtin(), audio, block=len(audio), sample_rate=sample_rate, room_size=0.4, n_channels=2)
    cut = played(builtin(), audio, block=block, sample_rate=sample_rate, room_size=0.4, n_channels=2)
    assert np.array_equal(one, cut)
    assert not np.array_equal(one[0], one[1])


@pytest.mark.parametrize("sample_rate", [48_000, 88_200, 96_000])
def test_at_another_rate_the_same_comes_out_as_late_as_it_says(sample_rate):
    audio = band_limited(piece("violin"))
    with LiveCore(builtin(), sample_rate=sample_rate) as live:
        made = resample(live.push(resample(audio, SAMPLE_RATE, sample_rate))[0], sample_rate, SAMPLE_RATE)
        ratio = SAMPLE_RATE / sample_rate
        before = live.latency_samples * ratio - LATENCY_SAMPLES - BETWEEN_RATES_SAMPLES
    wanted = delayed(played(builtin(), delayed(audio, before))[0], BETWEEN_RATES_SAMPLES)
    assert before == pytest.approx(BETWEEN_RATES_SAMPLES, abs=1.0)
    n = min(len(made), len(wanted))
    assert difference_db(band_limited(made[:n]), band_limited(wanted[:n])) < PROMISED_DB


def band_limited(audio, highest_hz=17_000):
    spectrum = np.fft.rfft(audio * np.hanning(len(audio)))
    spectrum[int(highest_hz / SAMPLE_RATE * len(audio)) :] = 0.0
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def delayed(audio, n_samples):
    n = len(audio) + 4096
    turned = np.fft.rfft(audio, n) * np.exp(-2j * np.pi * np.arange(n // 2 + 1) * n_samples / n)
    return np.fft.irfft(turned, n)[: len(audio)].astype(np.float32)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e38, 1e-42])
@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_whatever_comes_in_sound_comes_out(odd, sample_rate):
    audio = piece("flute")[:40_000].copy()
    audio[5_000:6_000] = odd
    audio[10_000] = -odd
    made = played(builtin(), audio, sample_rate=sample_rate, room_size=0.3, n_channels=2)
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1.0
    assert np.abs(made[:, 30_000:]).max() > 0.01


def test_silence_stays_silent_and_two_streams_do_not_hear_each_other():
    silence, audio = np.zeros(SAMPLE_RATE, np.float32), piece("violin")[:SAMPLE_RATE]
    with LiveCore(builtin(), mix=0.5) as one, LiveCore(builtin(), mix=0.5) as other:
        pairs = [
            (one.push(audio[i : i + 500]), other.push(silence[i : i + 500])) for i in range(0, 44_000, 500)
        ]
    heard, silent = (np.concatenate(blocks, axis=1) for blocks in zip(*pairs, strict=True))
    assert np.abs(silent).max() < 1e-5
    assert np.array_equal(heard, played(builtin(), audio[:44_000], mix=0.5))


def test_the_card_comes_with_the_voice():
    with LiveCore(builtin()) as live:
        assert json.loads(live.card)["ends"] == ["flute", "violin"]


def refusal(content, **options):
    with pytest.raises(LiveCoreError) as raised:
        LiveCore(content, **options)
    line = str(raised.value)
    assert line
    assert "\n" not in line
    return line


def test_what_is_no_voice_or_no_rate_is_refused_with_one_line():
    assert "no voice file" in refusal(find_voice(DEFAULT_VOICE).read_bytes())
    assert "no voice file" in refusal(b"")
    assert "22050 Hz" in refusal(builtin(), sample_rate=22_050)
    assert "3 channels" in refusal(builtin(), n_channels=3)
    assert "room" in refusal(builtin(), room_size=float("nan"))


def resealed(body):
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(("version", "remedy"), [(FORMAT_VERSION + 1, "newer"), (1, "export it again")])
def test_a_newer_or_older_voice_says_so(version, remedy):
    body = bytearray(builtin()[:-4])
    body[8] = version
    line = refusal(resealed(bytes(body)))
    assert f"format {version}," in line
    assert remedy in line


def test_a_damaged_voice_is_refused_even_where_its_checksum_holds():
    content, rng = builtin(), np.random.default_rng(0)
    for length in (8, 12, 20, 1000, len(content) - 1):
        assert "damaged" in refusal(content[:length])
        assert "damaged" in refusal(resealed(content[:length]))
    for place in rng.integers(16, len(content), 20):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        assert "damaged" in refusal(bytes(changed))
    nameless = content.replace(b"network.first_bias", b"network.first_bloc")
    assert "damaged" in refusal(resealed(nameless[:-4]))
    endless = bytearray(content[:-4])
    endless[12:16] = b"\xff" * 4
    assert "damaged" in refusal(resealed(bytes(endless)))


def test_sanitizers_and_a_count_of_allocations_find_nothing_in_what_is_played_and_opened(tmp_path):
    program = live_core.built(sanitized=True) / "violute-live"
    audio = np.concatenate([piece("violin")[:9_000], [np.nan, np.inf, 1e38], tone(220.0, 0.1)])
    soundfile.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    (tmp_path / "voice.live").write_bytes(builtin())
    (tmp_path / "low.live").write_bytes(builtin("violute-clarinet-cello"))
    (tmp_path / "damaged.live").write_bytes(resealed(builtin()[:50_000]))

    def run(*options):
        command = [program, tmp_path / "in.wav", tmp_path / "out.wav", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    for voice, *options in (
        ("voice", "--block", "7", "--room", "1"),
        ("low", "--block", "4096", "--mix", "1", "--room", "0"),
    ):
        done = run("--voice", tmp_path / f"{voice}.live", *options)
        assert (done.returncode, done.stderr) == (0, "")
        made, sample_rate = soundfile.read(tmp_path / "out.wav")
        assert made.shape == (len(audio), 2)
        assert sample_rate == 48_000
        assert np.isfinite(made).all()
    refused = run("--voice", tmp_path / "damaged.live")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
