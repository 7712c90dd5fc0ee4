"""The sounds of a report: excerpts at one loudness, small enough to live inside the page."""

from __future__ import annotations

import base64
import hashlib
import io

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Float32

from violute.audio.level import bring_to_loudness

EXCERPT_SECONDS = 8.0
LOUDNESS_LUFS = -23.0
"""EBU R 128's programme level: whatever is compared is equally loud, or the louder would be preferred."""

ANCHOR_HZ = 3_500.0
"""Where BS.1534-3 cuts its low-range anchor."""

OPUS_RATE = 48_000
_COMPRESSION = 0.85
"""Of libsndfile's scale: about 60 kbit/s of Opus in mono."""

_FADE_SECONDS = 0.02


class SoundStore:
    """Sounds by a name that tells nothing about who played; equal sounds are stored once."""

    def __init__(self) -> None:
        self.sounds: dict[str, str] = {}

    def add(self, audio: Float[np.ndarray, " sample"], sample_rate: int) -> str:
        """Store the first `EXCERPT_SECONDS` of mono sound, at `LOUDNESS_LUFS`, and return their name."""
        kept = excerpt(audio, sample_rate)
        name = hashlib.sha256(kept.tobytes()).hexdigest()[:12]
        if name not in self.sounds:
            self.sounds[name] = base64.b64encode(encode_opus(kept, sample_rate)).decode("ascii")
        return name


def excerpt(audio: Float[np.ndarray, " sample"], sample_rate: int) -> Float32[np.ndarray, " sample"]:
    """Cut, fade and level a sound."""
    kept = audio[: int(EXCERPT_SECONDS * sample_rate)].astype(np.float32)
    n_fade = min(int(_FADE_SECONDS * sample_rate), len(kept) // 2)
    if n_fade:
        ramp = np.linspace(0.0, 1.0, n_fade, dtype=np.float32)
        kept[:n_fade] *= ramp
        kept[-n_fade:] *= ramp[::-1]
    return bring_to_loudness(kept, LOUDNESS_LUFS, sample_rate)


def low_passed(audio: Float[np.ndarray, " sample"], sample_rate: int) -> Float32[np.ndarray, " sample"]:
    """Return a sound without anything above `ANCHOR_HZ`: the anchor of quality.

    Source:
        ITU-R BS.1534-3, section 5.1.
    """
    spectrum = np.fft.rfft(audio.astype(np.float64))
    frequency_hz = np.fft.rfftfreq(len(audio), 1.0 / sample_rate)
    # A slope of a third of an octave: a cliff would ring.
    octaves_above = np.log2(np.maximum(frequency_hz, 1.0) / ANCHOR_HZ)
    gain = np.cos(np.clip(octaves_above * 3.0, 0.0, 1.0) * np.pi / 2.0)
    return np.fft.irfft(spectrum * gain, len(audio)).astype(np.float32)


def layered(
    first: Float[np.ndarray, " sample"], second: Float[np.ndarray, " sample"], sample_rate: int
) -> Float32[np.ndarray, " sample"]:
    """Return two sounds at once, equally loud: the anchor of fusion."""
    both = [bring_to_loudness(audio, LOUDNESS_LUFS, sample_rate) for audio in (first, second)]
    return np.asarray(both[0] + both[1], dtype=np.float32)


def encode_opus(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> bytes:
    """Encode mono sound as Ogg Opus."""
    resampled = soxr.resample(audio, sample_rate, OPUS_RATE)
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", OPUS_RATE, 1, "OPUS", format="OGG", compression_level=_COMPRESSION
    ) as file:
        # libsndfile's Opus encoder keeps a whole write on the stack.
        for start in range(0, len(resampled), 16_384):
            file.write(np.clip(resampled[start : start + 16_384], -1.0, 1.0))
    return buffer.getvalue()
