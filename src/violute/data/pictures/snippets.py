"""Snippets: recordings cut into pieces of some seconds, silence left out.

A snippet that is longer than a picture of the spectrogram is cut into as many equal parts as it needs, one
picture each. Every part knows the sound on either side of it, as conversion does, but only as far as a window
that is centred on its own edge hears.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import librosa
import numpy as np
from jaxtyping import Complex64, Float, Float32

from violute.errors import InputError
from violute.transforms.spectrogram import SpectrogramSettings, stft

GATE_FRAME_SAMPLES = 1024
LEAST_SOUNDING_SHARE = 0.25
"""Share of a snippet's frames that must be above the gate."""

SHORTEST_SECONDS = 0.2
"""What is left of a recording after its last whole snippet is kept if it lasts this long."""


@dataclass(frozen=True)
class SnippetSettings:
    """How recordings are cut.

    Attributes:
        seconds: Length of a snippet.
        overlap: Share of a snippet that it has in common with the next, from 0 up to, not including, 1.
        gate_db: Level under which a frame counts as silent, relative to the loudest frame of the file.

    Raises:
        InputError: A setting is out of range.
    """

    seconds: float = 5.0
    overlap: float = 0.0
    gate_db: float = -50.0

    def __post_init__(self) -> None:
        if not SHORTEST_SECONDS <= self.seconds <= 600.0:
            raise InputError(f"{self.seconds:g} seconds: snippets last {SHORTEST_SECONDS} to 600 seconds")
        if not 0.0 <= self.overlap <= 0.95:
            raise InputError(f"overlap {self.overlap:g}: give the share in common, from 0 to 0.95")
        if not -200.0 <= self.gate_db < 0.0:
            raise InputError(f"gate {self.gate_db:g} dB: give a level from -200 up to, not including, 0")


FIVE_SECONDS = SnippetSettings()


class Part(NamedTuple):
    """A piece of a recording that becomes one picture.

    Attributes:
        start: First sample.
        n_samples: Length; the end of a recording may be short.
    """

    start: int
    n_samples: int


def parts_of(n_samples: int, settings: SnippetSettings, spectrogram: SpectrogramSettings) -> list[Part]:
    """Cut a recording of so many samples into parts that fit pictures, from its start to its end."""
    rate = spectrogram.sample_rate
    snippet = round(settings.seconds * rate)
    length = math.ceil(snippet / math.ceil(snippet / spectrogram.n_samples))
    step = max(round(length * (1.0 - settings.overlap)), 1)
    shortest = min(round(SHORTEST_SECONDS * rate), length)
    parts = []
    covered = 0  # samples that a part has already
    for start in range(0, n_samples, step):
        stop = min(start + length, n_samples)
        if start and stop - start < length and stop - covered < shortest:
            break
        parts.append(Part(start, stop - start))
        covered = stop
    return parts


def cut(
    recordings: Sequence[Float[np.ndarray, " _sample"]],
    settings: SnippetSettings,
    spectrogram: SpectrogramSettings,
) -> list[list[Part]]:
    """Cut the mono recordings of one file, at the spectrogram's rate, silent parts left out.

    Returns:
        Parts of each recording; none of a recording of zeros.
    """
    parts = [parts_of(len(audio), settings, spectrogram) for audio in recordings]
    levels = [
        [_levels_db(audio[part.start : part.start + part.n_samples]) for part in pieces]
        for audio, pieces in zip(recordings, parts, strict=True)
    ]
    loudest_db = max((float(level.max()) for pieces in levels for level in pieces), default=-np.inf)
    return [
        [
            part
            for part, level in zip(pieces, measured, strict=True)
            if np.mean((level > loudest_db + settings.gate_db) & np.isfinite(level)) >= LEAST_SOUNDING_SHARE
        ]
        for pieces, measured in zip(parts, levels, strict=True)
    ]


def spectra(
    audio: Float[np.ndarray, " sample"], parts: Sequence[Part], spectrogram: SpectrogramSettings
) -> Iterator[Complex64[np.ndarray, "bin frame"]]:
    """Transform parts of a recording, `n_frames` each: silence follows a part that is short."""
    reach = spectrogram.n_fft // 2
    for start, n_samples in parts:
        begin = max(start - reach, 0)
        piece = audio[begin : start + n_samples + reach]
        yield stft(piece, spectrogram, start=start - begin, n_frames=spectrogram.n_frames)


def _levels_db(audio: Float[np.ndarray, " sample"]) -> Float32[np.ndarray, " frame"]:
    """RMS of each frame in dB; minus infinity for zeros."""
    rms = librosa.feature.rms(
        y=audio, frame_length=GATE_FRAME_SAMPLES, hop_length=GATE_FRAME_SAMPLES // 2, pad_mode="constant"
    )[0]
    return np.log10(rms, out=np.full_like(rms, -np.inf), where=rms > 0.0) * np.float32(20.0)
