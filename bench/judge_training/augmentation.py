"""Training excerpts for the instrument judge: any room, any tone control, any phrase.

What differs between two collections without being the instrument (room, microphone, band limit,
codec, noise floor, level, whether notes stand alone or follow each other) is drawn at random here,
alike for all classes, so that none of it can stand for the instrument.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from jaxtyping import Float, Float32
from scipy.fft import next_fast_len

from violute.evaluation.judge.classifier import SAMPLE_RATE

N_EQ_BANDS = 32
EQ_CENTRES_HZ = np.geomspace(80.0, SAMPLE_RATE / 2, N_EQ_BANDS)
"""Centres of the bands in which average spectra are measured and equalisers are drawn."""

MAX_TAIL_SECONDS = 1.5
"""Longest decay of a drawn room that is kept."""

MAX_ROOM_SAMPLES = int((MAX_TAIL_SECONDS + 0.1) * SAMPLE_RATE)
"""Room for the longest impulse response: its decay, what it comes late, and rounding."""

MAX_SEMITONES = 2.0
"""Furthest that an excerpt is tuned up or down."""

TUNING_MARGIN = 1.13
"""How much longer an excerpt must be than what is left of it after tuning it up."""


@dataclass(frozen=True)
class Source:
    """What one file offers: performances, phrases or notes by one player in one room.

    Attributes:
        name: Of the file.
        instrument: One of `judge.INSTRUMENTS`.
        clips: Mono at the judge's rate, one a recording.
        spectrum_db: Average spectrum in `EQ_CENTRES_HZ`, its mean removed.
    """

    name: str
    instrument: str
    clips: list[Float32[np.ndarray, " _sample"]]
    spectrum_db: Float[np.ndarray, " band"]

    @property
    def n_seconds(self) -> float:
        """Total length in seconds."""
        return sum(len(clip) for clip in self.clips) / SAMPLE_RATE


def average_spectrum_db(clips: list[Float32[np.ndarray, " _sample"]]) -> Float[np.ndarray, " band"]:
    """Measure the long-term spectrum of clips in dB per band, with its mean removed."""
    n_fft = 2048
    power = np.full(n_fft // 2 + 1, 1e-12)
    for clip in clips:
        whole = clip[: len(clip) // n_fft * n_fft].reshape(-1, n_fft)
        power += np.square(np.abs(np.fft.rfft(whole * np.hanning(n_fft), axis=1))).sum(axis=0)
    distance = np.log2(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE)[1:, None] / EQ_CENTRES_HZ)
    weights = np.exp(-0.5 * np.square(distance / 0.25))
    levels_db = 10.0 * np.log10(power[1:] @ weights / weights.sum(axis=0))
    return np.asarray(levels_db - levels_db.mean())


def draw_excerpt(source: Source, n_samples: int, rng: np.random.Generator) -> Float32[np.ndarray, " sample"]:
    """Cut or assemble an excerpt: half the time a stretch as played, else fragments in a row.

    Fragments last 0.1 to 1.5 s, follow each other with gaps or overlaps, and make isolated notes
    of performances and performances of isolated notes.
    """
    longest = max(len(clip) for clip in source.clips)
    if longest >= n_samples and rng.random() < 0.5:
        clips = [clip for clip in source.clips if len(clip) >= n_samples]
        clip = clips[rng.integers(len(clips))]
        start = int(rng.integers(len(clip) - n_samples + 1))
        return clip[start : start + n_samples].copy()
    excerpt = np.zeros(n_samples, dtype=np.float32)
    typical_seconds = float(np.exp(rng.uniform(np.log(0.12), np.log(1.5))))
    keeps_attacks = rng.random() < 0.7
    place = -int(rng.uniform(0.0, 0.3) * SAMPLE_RATE)
    while place < n_samples:
        clip = source.clips[rng.integers(len(source.clips))]
        n_wanted = int(typical_seconds * rng.uniform(0.6, 1.6) * SAMPLE_RATE)
        n_fragment = min(len(clip), n_wanted)
        spare = len(clip) - n_fragment
        is_note = len(clip) < 3 * SAMPLE_RATE
        start = 0 if spare == 0 or (is_note and keeps_attacks) else int(rng.integers(spare + 1))
        fragment = _faded(clip[start : start + n_fragment], rng)
        loudness = np.sqrt(np.mean(np.square(fragment))) + 1e-6
        fragment = fragment * np.float32(0.1 / loudness * 10.0 ** (rng.normal(0.0, 3.0) / 20.0))
        first, last = max(place, 0), min(place + n_fragment, n_samples)
        if last > first:
            excerpt[first:last] += fragment[first - place : last - place]
        overlap_seconds = 0.06 if rng.random() < 0.9 else 0.6 * typical_seconds
        gap_seconds = rng.uniform(-overlap_seconds, 0.03) if rng.random() < 0.7 else rng.uniform(0.0, 0.5)
        place += max(n_fragment + int(gap_seconds * SAMPLE_RATE), SAMPLE_RATE // 20)
    return excerpt


def augment(
    excerpt: Float32[np.ndarray, " longer"],
    n_samples: int,
    rng: np.random.Generator,
    *,
    spectrum_db: Float[np.ndarray, " band"],
    target_spectrum_db: Float[np.ndarray, " band"],
) -> Float32[np.ndarray, " sample"]:
    """Play an excerpt elsewhere: another tuning, tone control, room, band limit, noise, codec.

    Args:
        excerpt: At the judge's rate, at least `TUNING_MARGIN` times `n_samples` long.
        n_samples: Of the result.
        rng: Draws everything.
        spectrum_db: Average spectrum of the excerpt's source.
        target_spectrum_db: Of another source, of any instrument; a third of the excerpts are
            equalised some of the way towards it.

    Returns:
        `n_samples` samples, with an RMS of 0.1.
    """
    semitones = rng.uniform(-MAX_SEMITONES, MAX_SEMITONES)
    shifted = soxr.resample(excerpt, SAMPLE_RATE * 2.0 ** (semitones / 12.0), SAMPLE_RATE, quality="MQ")
    shifted = shifted[:n_samples]
    n_fft = next_fast_len(n_samples + MAX_ROOM_SAMPLES, real=True)
    frequencies = np.fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE)
    response_db = draw_equaliser_db(frequencies, rng)
    if rng.random() < 1 / 3:
        towards = np.clip(target_spectrum_db - spectrum_db, -20.0, 20.0) * rng.uniform(0.3, 1.0)
        response_db = 0.5 * response_db + _over_bins(towards, frequencies)
    response = (10.0 ** (response_db / 20.0)).astype(np.float32)
    if rng.random() < 0.4:
        cut_hz = np.exp(rng.uniform(np.log(3_500.0), np.log(11_000.0)))
        passed = 1.0 / (1.0 + np.exp(np.clip((frequencies - cut_hz) / 80.0, -60.0, 60.0)))
        response = response * passed.astype(np.float32)
    spectrum = np.fft.rfft(shifted, n_fft) * response
    if rng.random() < 0.75:
        spectrum = spectrum * np.fft.rfft(draw_room(rng).astype(np.float32), n_fft)
    wet = np.fft.irfft(spectrum, n_fft)[:n_samples]
    if rng.random() < 0.6:
        n_noise = next_fast_len(n_samples, real=True)
        white = np.fft.rfft(rng.standard_normal(n_noise, dtype=np.float32))
        slope = np.maximum(np.arange(len(white)), 8.0) ** -rng.uniform(0.0, 1.0)
        noise = np.fft.irfft(white * slope.astype(np.float32), n_noise)[:n_samples]
        level = np.sqrt(np.mean(np.square(wet)) / np.mean(np.square(noise)))
        wet = wet + noise * level * 10.0 ** (-rng.uniform(22.0, 65.0) / 20.0)
    if rng.random() < 0.25:
        wet = through_codec(wet, rng)
    rms = np.sqrt(np.mean(np.square(wet)))
    return (wet * (0.1 / max(float(rms), 1e-9))).astype(np.float32)


def through_codec(
    audio: Float[np.ndarray, " sample"], rng: np.random.Generator
) -> Float32[np.ndarray, " sample"]:
    """Encode and decode, by MP3 or Vorbis at a low quality: about 24 to 60 kbit/s.

    A codec's delay stays in; its length does not.
    """
    peak = max(float(np.max(np.abs(audio))), 1e-9)
    kind, subtype = [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")][int(rng.integers(2))]
    file = io.BytesIO()
    soundfile.write(
        file,
        (audio * (0.9 / peak)).astype(np.float32),
        SAMPLE_RATE,
        format=kind,
        subtype=subtype,
        compression_level=float(rng.uniform(0.3, 0.95)),
    )
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    fitted = np.zeros(len(audio), dtype=np.float32)
    fitted[: len(decoded)] = decoded[: len(audio)]
    return fitted * np.float32(peak / 0.9)


def draw_equaliser_db(
    frequencies_hz: Float[np.ndarray, " bin"], rng: np.random.Generator
) -> Float[np.ndarray, " bin"]:
    """Draw a smooth curve of 4 to 9 bends within 12 dB, and a tilt within 2.5 dB an octave."""
    n_bends = int(rng.integers(4, 10))
    bends_db = np.clip(rng.normal(0.0, rng.uniform(1.0, 7.0), n_bends), -12.0, 12.0)
    bends_hz = np.geomspace(80.0, SAMPLE_RATE / 2, n_bends)
    curve_db = np.interp(np.log(EQ_CENTRES_HZ), np.log(bends_hz), bends_db)
    tilt_db = rng.uniform(-2.5, 2.5) * np.log2(EQ_CENTRES_HZ / 1000.0)
    return _over_bins(curve_db + tilt_db, frequencies_hz)


def draw_room(rng: np.random.Generator) -> Float[np.ndarray, " sample"]:
    """Draw an impulse response: the direct sound, then noise that decays, faster at high frequencies.

    The reverberation time is 0.15 to 1.8 s, the direct sound from 15 dB above the reverberation to
    2 dB below it, the reverberation 0 to 40 ms late. In a wetter room nobody can tell an instrument from
    a model that smears it.

    Source:
        Moorer, About this reverberation business (Computer Music Journal, 1979): decaying noise.
    """
    rt60_seconds = float(np.exp(rng.uniform(np.log(0.15), np.log(1.8))))
    n_tail = next_fast_len(int(min(rt60_seconds, MAX_TAIL_SECONDS) * SAMPLE_RATE), real=True)
    seconds = np.arange(n_tail) / SAMPLE_RATE
    spectrum = np.fft.rfft(rng.standard_normal(n_tail))
    frequencies = np.fft.rfftfreq(n_tail, 1.0 / SAMPLE_RATE)
    dark = np.fft.irfft(
        spectrum / np.sqrt(1.0 + np.square(frequencies / rng.uniform(800.0, 6_000.0))), n_tail
    )
    bright = np.fft.irfft(spectrum, n_tail)
    decay = np.exp(-6.9 * seconds / rt60_seconds)
    tail = dark * decay + 0.5 * bright * np.square(decay)
    tail /= np.sqrt(np.sum(np.square(tail)))
    response = np.concatenate([np.zeros(int(rng.uniform(0.0, 0.04) * SAMPLE_RATE)), tail])
    response *= 10.0 ** (-rng.uniform(-2.0, 15.0) / 20.0)
    response[0] += 1.0
    return response


def _over_bins(
    bands_db: Float[np.ndarray, " band"], frequencies_hz: Float[np.ndarray, " bin"]
) -> Float[np.ndarray, " bin"]:
    """Interpolate band levels over the logarithm of frequency."""
    return np.interp(np.log(np.maximum(frequencies_hz, 1.0)), np.log(EQ_CENTRES_HZ), bands_db)


def _faded(
    fragment: Float32[np.ndarray, " sample"], rng: np.random.Generator
) -> Float32[np.ndarray, " sample"]:
    """Fade in within 3 ms and out within 5 to 80 ms."""
    faded = fragment.copy()
    n_in = min(len(faded), int(0.003 * SAMPLE_RATE))
    n_out = min(len(faded), int(rng.uniform(0.005, 0.08) * SAMPLE_RATE))
    faded[:n_in] *= np.linspace(0.0, 1.0, n_in, dtype=np.float32)
    faded[len(faded) - n_out :] *= np.linspace(1.0, 0.0, n_out, dtype=np.float32)
    return faded
