"""The five conditions of the exam: as it is, and as other equipment and other rooms give it.

Everything random is drawn from the recording's name, so that every voice hears the same.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Float32

LOW_RATE = 16_000
MP3_KBIT = 64
HISS_DB = -25.0
RT60_SECONDS = 0.9
DIRECT_DB = 3.0
"""How far the direct sound stands above the room."""

Mono = Float32[np.ndarray, " sample"]
Change = Callable[[Mono, int, np.random.Generator], tuple[Mono, int]]


def as_it_is(audio: Mono, sample_rate: int, _rng: np.random.Generator) -> tuple[Mono, int]:
    """Return the recording."""
    return audio, sample_rate


def at_16_khz(audio: Mono, sample_rate: int, _rng: np.random.Generator) -> tuple[Mono, int]:
    """Return it at 16 kHz, so that nothing above 8 kHz is left, nor can be in what is made of it."""
    return np.asarray(soxr.resample(audio, sample_rate, LOW_RATE), dtype=np.float32), LOW_RATE


def as_mp3(audio: Mono, sample_rate: int, _rng: np.random.Generator) -> tuple[Mono, int]:
    """Return it through MP3 at a constant 64 kb/s."""
    peak = max(float(np.max(np.abs(audio), initial=0.0)), 1e-9)
    file = io.BytesIO()
    soundfile.write(
        file,
        audio * np.float32(0.9 / peak),
        sample_rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        # libsndfile runs from 320 kb/s at 0 to 32 kb/s at 1.
        compression_level=(320.0 - MP3_KBIT) / (320.0 - 32.0),
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    fitted = np.zeros(len(audio), dtype=np.float32)
    fitted[: len(decoded)] = decoded[: len(audio)]
    return fitted * np.float32(peak / 0.9), sample_rate


def in_a_room(audio: Mono, sample_rate: int, rng: np.random.Generator) -> tuple[Mono, int]:
    """Return it in a room: six early reflections, and noise that decays by 60 dB in 0.9 s, the treble sooner.

    Source:
        Moorer, About this reverberation business (Computer Music Journal, 1979): decaying noise.
    """
    n_tail = int(RT60_SECONDS * sample_rate)
    seconds = np.arange(n_tail) / sample_rate
    spectrum = np.fft.rfft(rng.standard_normal(n_tail))
    dark = np.fft.irfft(spectrum / (1.0 + np.fft.rfftfreq(n_tail, 1.0 / sample_rate) / 3000.0), n_tail)
    tail = dark * np.exp(-6.9 * seconds / RT60_SECONDS) * np.minimum(seconds / 0.02, 1.0)
    for arrival in rng.uniform(0.004, 0.04, 6):
        tail[int(arrival * sample_rate)] += rng.choice([-1.0, 1.0]) * 3.0 * np.abs(tail).max()
    tail *= 10.0 ** (-DIRECT_DB / 20.0) / np.sqrt(np.sum(np.square(tail)))
    tail[0] += 1.0
    n_fft = len(audio) + n_tail
    wet = np.fft.irfft(np.fft.rfft(audio, n_fft) * np.fft.rfft(tail, n_fft), n_fft)[: len(audio)]
    return _in_scale(wet), sample_rate


def with_hiss(audio: Mono, sample_rate: int, rng: np.random.Generator) -> tuple[Mono, int]:
    """Return it with white noise 25 dB below its RMS."""
    rms = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    noise = rng.standard_normal(len(audio)) * rms * 10.0 ** (HISS_DB / 20.0)
    return _in_scale(audio + noise), sample_rate


CONDITIONS: Mapping[str, Change] = {
    "as it is": as_it_is,
    "at 16 kHz": at_16_khz,
    "64 kb/s MP3": as_mp3,
    "in a room": in_a_room,
    "hiss, -25 dB": with_hiss,
}
"""In the order of the tables."""


def under(condition: str, audio: Mono, sample_rate: int, *, name: str) -> tuple[Mono, int]:
    """Put a recording under a condition.

    Args:
        condition: One of `CONDITIONS`.
        audio: Of the recording.
        sample_rate: In Hz.
        name: Of the recording; it seeds what is random.

    Returns:
        Audio, as long in seconds, and its rate.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), list(CONDITIONS).index(condition)])
    return CONDITIONS[condition](audio, sample_rate, rng)


def _in_scale(changed: Float[np.ndarray, " sample"]) -> Mono:
    """Bring a sound that rose above full scale down to it."""
    peak = float(np.max(np.abs(changed), initial=0.0))
    return np.asarray(changed / max(peak, 1.0), dtype=np.float32)
