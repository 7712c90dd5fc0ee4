"""Files that nobody should send to a studio, and names that nobody should give them."""

import io
import struct

import numpy as np
import soundfile
from tones import SAMPLE_RATE, tone


def encoded(audio, kind="WAV", rate=SAMPLE_RATE, **options):
    content = io.BytesIO()
    soundfile.write(content, audio, rate, format=kind, **options)
    return content.getvalue()


GOOD = encoded(tone(440.0, 0.5))


def wav_header(n_data, channels=1, rate=44_100, bits=16):
    """A header that promises more than follows."""
    block = channels * bits // 8
    chunk = struct.pack("<HHIIHH", 1, channels, rate, (rate * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    head = b"WAVEfmt " + struct.pack("<I", 16) + chunk + b"data" + struct.pack("<I", n_data & 0xFFFFFFFF)
    return b"RIFF" + struct.pack("<I", (n_data + 36) & 0xFFFFFFFF) + head


def silent_bomb(kind, seconds, rate, channels=1):
    """Hours of silence in a few kilobytes."""
    content = io.BytesIO()
    options = {"subtype": "OPUS"} if kind == "OGG" else {}
    with soundfile.SoundFile(content, "w", rate, channels, format=kind, **options) as file:
        block = np.zeros((rate * 10, channels), np.float32)
        for _ in range(seconds // 10):
            file.write(block)
    return content.getvalue()


def flac_that_lies(n_samples):
    """A good FLAC whose header is changed to tell of up to 2^36 - 1 samples."""
    content = bytearray(encoded(tone(440.0, 0.5), "FLAC"))
    at = content.index(b"fLaC") + 8 + 13
    content[at] = content[at] & 0xF0 | n_samples >> 32
    content[at + 1 : at + 5] = struct.pack(">I", n_samples & 0xFFFFFFFF)
    return bytes(content)


HOSTILE = {
    "text": (b"this is no music\n" * 50, "not audio"),
    "empty": (b"", "is empty"),
    "html": (b"<html><script>alert(1)</script></html>", "not audio"),
    "zip bomb": (b"PK\x03\x04" + b"\0" * 5_000, "not audio"),
    "noise": (bytes(np.random.default_rng(0).integers(0, 256, 20_000, np.uint8)), "not audio"),
    "header alone": (wav_header(1 << 30), "damaged or truncated"),
    "a gigabyte promised": (wav_header(1 << 30) + b"\1\0" * 1_000, "damaged or truncated"),
    "length unknown": (wav_header(0xFFFFFFFF) + b"\1\0" * 1_000, "silent"),
    "no samples": (wav_header(0), "no samples"),
    "many channels": (encoded(np.ones((4, 900)) * np.arange(4)[:, None] / 9), "900 channels"),
    "rate of 1 Hz": (encoded(tone(440.0, 0.1), rate=1), "sample rate of 1 Hz"),
    "rate of 1 MHz": (encoded(tone(440.0, 0.1), rate=1_000_000), "sample rate of 1000000 Hz"),
    "silence": (encoded(np.zeros(9_000)), "silent"),
    "infinity": (encoded(np.full(9_000, np.inf, np.float32), subtype="FLOAT"), "NaN or infinity"),
    "FLAC bomb": (silent_bomb("FLAC", 600, 8_000), "lasts longer than"),
    "Opus bomb": (silent_bomb("OGG", 120, 8_000), "lasts longer than"),
    "FLAC that lies": (flac_that_lies(2**36 - 1), ""),
    "cut FLAC": (encoded(tone(440.0, 1.0), "FLAC")[:9_000], "damaged or truncated"),
    "cut MP3": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\xff\xfb\x90\0" * 60, ""),
    "AIFF of nothing": (b"FORM\xff\xff\xff\xffAIFFCOMM\0\0\0\x12\xff\xff\xff\xff\xff\xff", ""),
}


NAMES = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\evil.wav",
    "/etc/shadow",
    "C:\\autoexec.bat",
    "\r\nSet-Cookie: evil=1",
    '"; rm -rf /; ".wav',
    "<script>alert(1)</script>.wav",
    "\u202egnp.wav",
    "a" * 5_000 + ".wav",
    ".",
    "..",
    "",
    "CON",
    "naïve 音楽.flac",
    "--help",
    "%2e%2e%2fpasswd",
]
