"""Sines at the whole multiples of a fundamental given frame by frame: what holds the pitch of a network.

An oscillator counts the cycles, so that segments that are made apart have their sines in one phase. From the
cycles follow sines, one for each multiple, or pulses, all of them at once: a sum of cosines of equal size has
a closed form, so that a hundred cost as much as three. `violute.dsp.sines` holds the differentiable twins.

Source:
    Wang et al., Neural source-filter waveform models (2020), section III-B; Winham & Steiglitz, Input
    generators for digital sound synthesis (JASA 47(2B), 1970), for the closed form.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from violute.rates import SAMPLE_RATE

FADING_HZ = 800.0
"""Below the highest frequency, over which sines fade as they rise towards it."""

GLIDING_RATIO = 1.06
"""Fundamentals of neighbouring frames further apart than a semitone are two notes, with no glide between."""

HIGHEST_HZ = 20_000.0
"""No pulse holds anything above it."""

SMALLEST_CYCLES = 1e-6
"""So near to a pulse the closed form divides by nothing: the sum is the number of harmonics."""


class Oscillator:
    """Counts the cycles of a fundamental.

    It is above 0, runs in straight lines between the middles of frames, and jumps where a new note begins.
    """

    def __init__(self, f0_hz: Float32[np.ndarray, " frame"], hop_length: int, sample_rate: int) -> None:
        self.f0_hz = f0_hz
        self._n_samples = hop_length
        self._per_frame = f0_hz.astype(np.float64) * hop_length / sample_rate
        padded = np.pad(self._per_frame, 1, mode="edge")
        self._before = _glide(padded[:-2], self._per_frame)
        self._after = _glide(padded[2:], self._per_frame)
        gone_by = np.cumsum(self._per_frame + (self._before + self._after) / 8.0)
        self._starts = np.concatenate([[0.0], gone_by[:-1]])

    def cycles(self, frames: Int64[np.ndarray, "*piece frame"]) -> Float64[np.ndarray, "*piece sample"]:
        """Return the cycles gone by, without whole ones, in frames; outside, the outermost ones go on."""
        inside = np.clip(frames, 0, len(self.f0_hz) - 1)
        per_frame = self._per_frame[inside][..., None]
        gone_by = (self._starts[inside] + (frames - inside) * self._per_frame[inside])[..., None]
        place = (np.arange(self._n_samples) + 0.5) / self._n_samples
        first, second = np.square(np.maximum(0.5 - place, 0.0)), np.square(np.maximum(place - 0.5, 0.0))
        is_inside = (frames == inside)[..., None]
        glide = self._before[inside][..., None] * (0.25 - first) + self._after[inside][..., None] * second
        cycles = gone_by + per_frame * place + 0.5 * is_inside * glide
        return (cycles % 1.0).reshape(*frames.shape[:-1], -1)


def sines_of(
    cycles: Float64[np.ndarray, "piece sample"],
    f0_hz: Float32[np.ndarray, "piece frame"],
    n_harmonics: int,
    highest_hz: float,
    leads: Float64[np.ndarray, " {n_harmonics}"] | None = None,
) -> Float32[np.ndarray, "piece sample sine"]:
    """Return cosines, then sines, of the fundamental's whole multiples; too high ones are silent.

    Args:
        cycles: Of the fundamental, gone by at each sample; whole cycles may be left out.
        f0_hz: Of each frame; frames are equally long.
        n_harmonics: Multiples, from 1 on.
        highest_hz: From which on sines are silent, at most Nyquist.
        leads: By how many of its own cycles each leads the multiple of the fundamental's phase; None is by 0.
    """
    n_pieces, n_frames = f0_hz.shape
    multiples = np.arange(1, n_harmonics + 1, dtype=np.float32)
    size = np.clip((highest_hz - multiples * f0_hz[..., None]) / FADING_HZ, 0.0, 1.0)
    angle = (2.0 * np.pi * cycles).astype(np.float32)[..., None] * multiples
    if leads is not None:
        angle += (2.0 * np.pi * leads).astype(np.float32)
    waves = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(n_pieces, n_frames, -1, 2, n_harmonics)
    return (waves * size[:, :, None, None]).reshape(n_pieces, cycles.shape[1], -1)


def pulses(
    cycles: Float[np.ndarray, " sample"], f0_hz: Float[np.ndarray, " sample"]
) -> Float32[np.ndarray, " sample"]:
    """Sum the harmonics of a fundamental, which is above 0, in cosine phase, the topmost fading to the limit.

    The power in each hertz is that of white noise of deviation 1, at any fundamental.
    """
    from_pulse = np.asarray(cycles, np.float64) - np.rint(cycles)
    room = HIGHEST_HZ / f0_hz
    n_whole = np.floor(room)
    is_pulse = np.abs(from_pulse) < SMALLEST_CYCLES
    apart = np.where(is_pulse, 0.5, from_pulse)
    summed = 0.5 * (np.sin((2.0 * n_whole + 1.0) * np.pi * apart) / np.sin(np.pi * apart) - 1.0)
    topmost = (room - n_whole) * np.cos(2.0 * np.pi * (n_whole + 1.0) * from_pulse)
    amplitude = np.sqrt(2.0 * f0_hz / (0.5 * SAMPLE_RATE))
    played: Float32[np.ndarray, " sample"] = (
        amplitude * (np.where(is_pulse, n_whole, summed) + topmost)
    ).astype(np.float32)
    return played


def _glide(
    neighbour: Float64[np.ndarray, " frame"], own: Float64[np.ndarray, " frame"]
) -> Float64[np.ndarray, " frame"]:
    """Return how far neighbours are from frames, 0 where they are other notes."""
    ratio = neighbour / own
    return np.where((ratio < GLIDING_RATIO) & (ratio > 1.0 / GLIDING_RATIO), neighbour - own, 0.0)
