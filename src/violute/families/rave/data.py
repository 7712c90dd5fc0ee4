"""Windows of sound to learn from, balanced over instruments and sources, and what their encoder hears.

Every recording is read once at 44.1 kHz in mono, levelled, and kept on disk as 16-bit numbers, so that a
window may begin anywhere and a corpus may be larger than memory.

What the encoder hears is not quite what the decoder is to make: see `violute.dsp.disguise`.
Pitch and loudness are measured with the reading, by the analysis that conditions conversions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import soxr
import torch
from jaxtyping import Float, Float32, Float64, Int, Int16
from torch import Tensor

from violute.analysis.analyser import analyse
from violute.analysis.phase import cycles_played
from violute.data.features import highest_recorded_hz
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import Material, WindowSampler, read_material, window_of
from violute.families.rave.conditioning import FRAME_SAMPLES, tracks_at
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.transforms.spectrogram import PEAK

SOUND_VERSION = 3
"""Part of the cache's key: raised when what is kept changes."""

FULL_SCALE = 32_767
QUIETEST_RMS = 0.003
"""A window whose RMS lies below holds a rest; another one is drawn."""

LEVEL_RANGE_DB = (-12.0, 3.0)
TRANSPOSED_SEMITONES = 2.0

DUET_SHARE, DUET_RANGE_DB = 0.3, (-9.0, 0.0)
"""How often a window is two of the same instrument at once, and how loud the second is beside the first."""


def _nothing() -> Float32[np.ndarray, " 0"]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class SoundLine(Material):
    """One recording.

    Attributes:
        audio: 16-bit, at 44.1 kHz.
        highest_hz: Nothing above it was recorded (a codec cut it off).
        f0_hz: Its fundamental, a frame each 10 ms, carried on where there is none.
        is_voiced: 1 in frames that have one, else 0.
        loudness_db: A-weighted.
        cycles: Of the fundamental gone by at each frame, in the phase in which the recording plays it.
    """

    audio: Int16[np.ndarray, " sample"]
    highest_hz: float
    f0_hz: Float32[np.ndarray, " control"] = field(default_factory=_nothing)
    is_voiced: Float32[np.ndarray, " control"] = field(default_factory=_nothing)
    loudness_db: Float32[np.ndarray, " control"] = field(default_factory=_nothing)
    cycles: Float64[np.ndarray, " control"] = field(default_factory=_nothing)

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE


class SoundWindows(NamedTuple):
    """A batch of windows: what is to be made, what the encoder hears of it, who plays, its conditions.

    Attributes:
        audio: To be made.
        encoder_input: Disguised, or the same.
        end: Who plays.
        highest_hz: Nothing above it counts.
        tracks: Octaves above 440 Hz, voiced and loudness; see `violute.families.rave.conditioning`.
        cycles: Of the fundamental, without whole ones.
    """

    audio: Float[Tensor, "window sample"]
    encoder_input: Float[Tensor, "window sample"]
    end: Int[Tensor, " window"]
    highest_hz: Float[Tensor, " window"]
    tracks: Float[Tensor, "window 3 frame"]
    cycles: Float[Tensor, "window sample"]


class _Window(NamedTuple):
    audio: Float32[np.ndarray, " sample"]
    end: int
    highest_hz: float
    tracks: Float32[np.ndarray, "3 frame"]
    cycles: Float32[np.ndarray, " sample"]


def draw(
    lines: Sequence[SoundLine],
    n_samples: int,
    batch_size: int,
    rng: np.random.Generator,
    *,
    augment: bool,
    duet_share: float = DUET_SHARE,
) -> SoundWindows:
    """Draw windows: both ends equally often, short sources more often than their length earns.

    To augment is to transpose, to change the level, and to let two sound at once; nothing is disguised yet.
    """
    sampler = WindowSampler(lines, [line.source for line in lines], [len(line.audio) for line in lines])
    windows: list[_Window] = []
    for i in range(batch_size):
        window = _window(sampler, i, n_samples, rng, augment=augment)
        if augment:
            if rng.random() < duet_share:
                second = _window(sampler, i, n_samples, rng, augment=True)
                window = _duet(window, second, rng.uniform(*DUET_RANGE_DB))
            level_db = rng.uniform(*LEVEL_RANGE_DB)
            window.tracks[2] += np.float32(level_db)
            window = window._replace(audio=window.audio * np.float32(10.0 ** (level_db / 20.0)))
        windows.append(window)
    audio, end, highest_hz, tracks, cycles = zip(*windows, strict=True)
    sound = torch.from_numpy(np.stack(audio).astype(np.float32))
    return SoundWindows(
        sound,
        sound,
        torch.tensor(end),
        torch.tensor(highest_hz, dtype=torch.float32),
        torch.from_numpy(np.stack(tracks)),
        torch.from_numpy(np.stack(cycles)),
    )


def _duet(first: _Window, second: _Window, level_db: float) -> _Window:
    """Let two windows sound at once, the second so much louder than the first; the first conditions."""
    gain = np.sqrt(np.square(first.audio).mean() / max(np.square(second.audio).mean(), 1e-12))
    both = first.audio + np.float32(gain * 10.0 ** (level_db / 20.0)) * second.audio
    return first._replace(audio=both, highest_hz=min(first.highest_hz, second.highest_hz))


def _window(
    sampler: WindowSampler[SoundLine], i: int, n_samples: int, rng: np.random.Generator, *, augment: bool
) -> _Window:
    """Draw a window that isn't a rest, perhaps transposed."""
    semitones = float(rng.uniform(-TRANSPOSED_SEMITONES, TRANSPOSED_SEMITONES)) if augment else 0.0
    ratio = 2.0 ** (semitones / 12.0)
    n_read = round(n_samples * ratio)
    line, start, window = sampler.window(i, n_read, rng, window_at, _is_rest)
    if augment:
        window = soxr.resample(window, n_read, n_samples, quality="MQ")[:n_samples]
        window = window_of(window, 0, n_samples)
    middles = FRAME_SAMPLES * (np.arange(n_samples // FRAME_SAMPLES) + 0.5)
    places = [(start + at * ratio) / HOP_LENGTH for at in (middles, np.arange(n_samples))]
    tracks = tracks_at(places[0], line.f0_hz, line.is_voiced, line.loudness_db)
    tracks[0] += semitones / 12.0
    cycles = np.zeros(n_samples)
    if len(line.cycles):
        cycles = np.interp(places[1], np.arange(len(line.cycles)), line.cycles) % 1.0
    return _Window(window, line.end, line.highest_hz * min(ratio, 1.0), tracks, cycles.astype(np.float32))


def _is_rest(window: Float32[np.ndarray, " sample"]) -> bool:
    return bool(np.sqrt(np.mean(np.square(window))) < QUIETEST_RMS)


def window_at(line: SoundLine, start: int, n_samples: int) -> Float32[np.ndarray, " sample"]:
    """Cut a window; what lies outside of the recording is silent."""
    return window_of(line.audio, start, n_samples).astype(np.float32) / np.float32(FULL_SCALE)


def _measure(recording: Recording) -> dict[str, np.ndarray]:
    audio = read_recording(recording, SAMPLE_RATE, peak=PEAK)
    controls = analyse(audio)
    return {
        "audio": np.rint(audio * FULL_SCALE).astype(np.int16),
        "highest_hz": np.array(highest_recorded_hz(audio)),
        "f0_hz": controls.f0_hz[0],
        "is_voiced": (controls.periodicity[0] > 0.0).astype(np.float32),
        "loudness_db": controls.loudness_db[0],
        "cycles": cycles_played(audio, controls.f0_hz[0], SAMPLE_RATE),
    }


sound_lines = partial(read_material, SoundLine, measure=_measure, version=f"sound {SOUND_VERSION}")
"""Reads recordings of one end, or opens what a cache already holds."""
