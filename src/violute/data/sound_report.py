"""What can be said of a recording before anything is learned from it: two readings, constant memory.

Conventions: loudness and true peak by ITU-R BS.1770-4; a sample is clipped where it and its neighbours,
three or more on end, stand at full scale (a lossy file may swing above it without being clipped);
50 ms are silent that lie 45 dB or more below the loud ones; `bandwidth_hz` is the highest frequency with
energy, which for MP3 and Opus ends near 16 or 20 kHz: there is nothing to be learned above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int8

from violute.analysis.polyphony import estimate as polyphony
from violute.audio.channels import measure
from violute.audio.file_source import FileSource
from violute.audio.resample import StreamResampler
from violute.data.measured import content_digest

CLIPPED_AT = (0.999, 1.001)
"""Magnitudes between which a sample may be clipped: from 32,735 of 32,768; floats above it are not cut."""

SILENCE_RANGE_DB = 45.0
SILENCE_FLOOR_DB = -80.0
"""RMS below which 50 ms are silent however quiet the recording is, relative to full scale."""

BANDWIDTH_RANGE_DB = 85.0
"""A frequency whose mean power lies further than this below the strongest one holds nothing."""

_BANDWIDTH_N_FFT = 2048
_FRAMES_A_SECOND = 20


@dataclass(frozen=True)
class SoundReport:
    """A recording in figures.

    Attributes:
        seconds: Length.
        sample_rate: In Hz.
        n_channels: Of the file.
        n_bytes: Of the file.
        sha256: Of the file's bytes, in hexadecimal.
        loudness_lufs: Integrated.
        true_peak_db: In dBTP; above 0 where a lossy file decodes above full scale.
        clipped_share: Of all samples, 0 to 1.
        silent_share: Of the 50 ms frames, 0 to 1.
        polyphonic_share: Of the sounding frames, 0 to 1; an estimate, see `polyphony`.
        bandwidth_hz: Highest frequency with energy, up to 300 Hz too high.
    """

    seconds: float
    sample_rate: int
    n_channels: int
    n_bytes: int
    sha256: str
    loudness_lufs: float
    true_peak_db: float
    clipped_share: float
    silent_share: float
    polyphonic_share: float
    bandwidth_hz: float


def report_sound(path: Path) -> SoundReport:
    """Measure a recording, in any format that `violute convert` reads.

    Raises:
        AudioError: The file is missing, no audio, damaged, not finite, or silent from start to end.
    """
    source = FileSource(path)
    measurement = measure(source)
    to_polyphony = StreamResampler(source.sample_rate, polyphony.SAMPLE_RATE, 1)
    notes = polyphony.PolyphonyMeter()
    clipping = _ClippingMeter(source.n_channels)
    levels = _LevelMeter(source.sample_rate)
    band = _BandMeter()
    for block in source.blocks():
        mono = np.einsum("c,cs->s", measurement.mono_weights, block)
        clipping.push(block)
        levels.push(block)
        band.push(mono)
        notes.push(to_polyphony.push(mono[None])[0])
    return SoundReport(
        seconds=round(source.n_samples / source.sample_rate, 3),
        sample_rate=source.sample_rate,
        n_channels=source.n_channels,
        n_bytes=path.stat().st_size,
        sha256=content_digest(path),
        loudness_lufs=round(measurement.loudness_lufs, 2),
        true_peak_db=round(measurement.true_peak_db, 2),
        clipped_share=clipping.share(),
        silent_share=round(levels.silent_share(), 4),
        polyphonic_share=round(notes.share(), 4),
        bandwidth_hz=round(band.bandwidth_hz(source.sample_rate)),
    )


class _ClippingMeter:
    """Counts samples that stand at full scale together with their neighbours."""

    def __init__(self, n_channels: int) -> None:
        # Two samples that still wait for what follows them, and two before those.
        self._context = np.zeros((n_channels, 4), dtype=np.int8)
        self._n_clipped = self._n_samples = 0

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> None:
        magnitude = np.abs(block)
        is_at_top = (magnitude >= CLIPPED_AT[0]) & (magnitude <= CLIPPED_AT[1])
        side = (np.sign(block) * is_at_top).astype(np.int8)
        sides = np.concatenate([self._context, side], axis=1)
        self._n_samples += block.size
        self._n_clipped += _n_in_runs_of_three(sides)
        self._context = sides[:, -4:]

    def share(self) -> float:
        silence = np.zeros((len(self._context), 2), dtype=np.int8)
        last = _n_in_runs_of_three(np.concatenate([self._context, silence], axis=1))
        return (self._n_clipped + last) / self._n_samples if self._n_samples else 0.0


class _LevelMeter:
    """Follows the level in frames of 50 ms."""

    def __init__(self, sample_rate: int) -> None:
        self._n_frame = max(1, sample_rate // _FRAMES_A_SECOND)
        self._waiting = np.zeros(0, dtype=np.float32)
        self._power: list[Float[np.ndarray, " frame"]] = []

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> None:
        power = np.mean(np.square(block), axis=0)
        self._waiting = np.concatenate([self._waiting, power])
        n_frames = len(self._waiting) // self._n_frame
        whole = self._waiting[: n_frames * self._n_frame].reshape(n_frames, self._n_frame)
        self._power.append(whole.mean(axis=1, dtype=np.float64))
        self._waiting = self._waiting[n_frames * self._n_frame :]

    def silent_share(self) -> float:
        rest = [self._waiting.mean(keepdims=True, dtype=np.float64)] if len(self._waiting) else []
        levels_db = 10.0 * np.log10(np.concatenate([*self._power, *rest]) + 1e-20)
        gate_db = max(float(np.percentile(levels_db, 95)) - SILENCE_RANGE_DB, SILENCE_FLOOR_DB)
        return float(np.mean(levels_db < gate_db))


class _BandMeter:
    """Averages power spectra, to see where the energy ends."""

    def __init__(self) -> None:
        self._waiting = np.zeros(0, dtype=np.float32)
        self._power = np.zeros(_BANDWIDTH_N_FFT // 2 + 1)
        # Blackman's side lobes fall fastest, so that loud low partials don't fill the top.
        self._window = np.blackman(_BANDWIDTH_N_FFT).astype(np.float32)

    def push(self, mono: Float32[np.ndarray, " sample"]) -> None:
        self._waiting = np.concatenate([self._waiting, mono])
        n_whole = len(self._waiting) // _BANDWIDTH_N_FFT * _BANDWIDTH_N_FFT
        frames = self._waiting[:n_whole].reshape(-1, _BANDWIDTH_N_FFT)
        spectra = np.fft.rfft(frames * self._window, axis=1)
        self._power += np.sum(np.square(np.abs(spectra)), axis=0)
        self._waiting = self._waiting[n_whole:]

    def bandwidth_hz(self, sample_rate: int) -> float:
        power = self._power
        if not power.any():  # shorter than one frame
            window = np.blackman(len(self._waiting)).astype(np.float32)
            power = np.square(np.abs(np.fft.rfft(self._waiting * window, _BANDWIDTH_N_FFT)))
        held = np.flatnonzero(power > power.max() * 10.0 ** (-BANDWIDTH_RANGE_DB / 10.0))
        return float(held[-1]) * sample_rate / _BANDWIDTH_N_FFT if len(held) else 0.0


def _n_in_runs_of_three(sides: Int8[np.ndarray, "channel sample"]) -> int:
    """Count samples in runs of three or more equal sides other than 0, the outer two on each end apart."""
    is_run = (sides[:, :-2] == sides[:, 1:-1]) & (sides[:, 1:-1] == sides[:, 2:]) & (sides[:, 1:-1] != 0)
    return int(np.sum(is_run[:, :-2] | is_run[:, 1:-1] | is_run[:, 2:]))
