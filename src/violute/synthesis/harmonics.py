"""Harmonics: the sum of sinusoids at the whole multiples of one gliding fundamental.

Frame `i` is centred on sample `i * HOP_LENGTH`. Fundamental and amplitudes move in straight lines from
frame to frame; the phase is the exact integral of the fundamental, kept in float64 and wrapped to one
turn, so it does not drift over hours. Where the fundamental leaps to another note, both notes keep their
pitch and the old one gives way to the new one over the hop: a sweep would smear every partial.

Written as z = exp(j phase), harmonics 1 ... A B are the imaginary part of

    z * sum_a (z^B)^a * sum_b amplitude[a, b] * z^b,    a < A, b < B

so a hop costs one small matrix product and A steps of Horner's rule in place of A B sines.

Source:
    Engel et al., DDSP (ICLR 2020), section 3.2, for the signal model; the factorisation is our own.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Complex, Float

from violute.rates import HOP_LENGTH, SAMPLE_RATE

Frames = Float[np.ndarray, " frame"]
Levels = Float[np.ndarray, "frame harmonic"]
Hops = Float[np.ndarray, "frame hop"]
Scratch = tuple[Complex[np.ndarray, "_frame power hop"], Float[np.ndarray, "_frame row sample"]]
"""Powers of the phasor, and rows of the matrix product, of frames worked on together."""

HOP_SECONDS = HOP_LENGTH / SAMPLE_RATE

FADE_START = 0.90
"""Frequency from which a harmonic fades, as a share of Nyquist."""

FADE_STOP = 0.98
"""Frequency at which a harmonic is silent, as a share of Nyquist.

The gap up to Nyquist is wider than a vibrato moves the highest harmonic within one hop.
"""

HARMONICS_PER_ROW = 10
"""B above: harmonics that one row of the matrix product takes."""

LEAP_CENTS = 80.0
"""A pitch that moves further than this within one hop has leapt to another note: no vibrato is so fast."""

FRAMES_PER_GROUP = 32
"""Frames worked on together: few enough for their arrays to stay in the second-level cache."""


class HarmonicSynth:
    """Harmonics block by block: the phase is carried from each block to the next."""

    def __init__(self) -> None:
        self._phase_turns = 0.0
        self._position = np.arange(HOP_LENGTH) / HOP_LENGTH
        self._ramp = np.repeat(self._position.astype(np.float32), 2)  # once for real, once for imaginary

    def block(
        self, f0_hz: Float[np.ndarray, " point"], amplitudes: Float[np.ndarray, "point harmonic"]
    ) -> Float[np.ndarray, " sample"]:
        """Play from the first frame given up to the last; the next block opens with that last frame.

        `frame + 1` points in time enclose `frame` hops.

        Harmonics fade out below Nyquist and are silent above it, at any glide or leap of the pitch.

        Args:
            f0_hz: Fundamental per frame in Hz. Frames at 0 are silent, and the pitch of their
                voiced neighbour holds through the fade.
            amplitudes: Linear peak amplitude of harmonic k + 1.

        Returns:
            `frame * HOP_LENGTH` samples at `SAMPLE_RATE`, in float32.
        """
        f0_hz = f0_hz.astype(np.float64)
        n_frames = len(f0_hz) - 1
        audio = np.empty((n_frames, HOP_LENGTH), np.float32)
        n_rows = -(-amplitudes.shape[1] // HARMONICS_PER_ROW)
        n_together = min(n_frames, FRAMES_PER_GROUP)
        powers = np.empty((n_together, 2 * HARMONICS_PER_ROW, HOP_LENGTH), np.complex64)
        powers[:, 0] = 1.0
        # Not kept: several lines of a piece are played in turns, and one needs it at a time.
        scratch = powers, np.empty((n_together, n_rows, 2 * HOP_LENGTH), np.float32)
        for start in range(0, n_frames, FRAMES_PER_GROUP):
            stop = min(start + FRAMES_PER_GROUP, n_frames)
            self._play(f0_hz[start : stop + 1], amplitudes[start : stop + 1], audio[start:stop], scratch)
        return audio.ravel()

    def skip(self, f0_hz: Float[np.ndarray, " point"]) -> None:
        """Move on as `block` does, without a sound."""
        start_hz, stop_hz = hop_ends(f0_hz.astype(np.float64))
        self._pass_hops(np.where(leaps(start_hz, stop_hz), stop_hz, start_hz), stop_hz)

    def _play(
        self,
        f0_hz: Float[np.ndarray, " point"],
        amplitudes: Float[np.ndarray, "point harmonic"],
        audio: Hops,
        scratch: Scratch,
    ) -> None:
        """Write at most `FRAMES_PER_GROUP` frames into `audio` and move the phase on."""
        nyquist_hz = SAMPLE_RATE / 2
        start_hz, stop_hz = hop_ends(f0_hz)
        is_leap = leaps(start_hz, stop_hz)
        # The new note sounds through the hop of a leap, at its own pitch, while the old one fades.
        left_hz, start_hz = start_hz, np.where(is_leap, stop_hz, start_hz)
        turns = self._advance(start_hz, stop_hz)

        gains = harmonic_gains(f0_hz, amplitudes.shape[1], nyquist_hz)
        heard = np.flatnonzero(gains.any(axis=0))
        if len(heard) == 0:
            audio[:] = 0.0
            return
        n_harmonics = int(heard[-1]) + 1
        faded = amplitudes[:, :n_harmonics] * gains[:, :n_harmonics]
        start_amplitude, stop_amplitude = faded[:-1], faded[1:]
        if is_leap.any():
            left_amplitude = start_amplitude[is_leap]
            start_amplitude = np.where(is_leap[:, None], 0.0, start_amplitude)
        crossing = crosses_nyquist(start_hz, stop_hz, start_amplitude, stop_amplitude, nyquist_hz)
        if crossing.any():
            start_amplitude = np.where(crossing, 0.0, start_amplitude)
            stop_amplitude = np.where(crossing, 0.0, stop_amplitude)
        audio[:] = self._sum(turns, start_amplitude, stop_amplitude, scratch)
        if is_leap.any():
            hop_turns = left_hz[is_leap] * HOP_SECONDS
            left_turns = turns[is_leap, :1] + np.multiply.outer(hop_turns, self._position)
            left_turns -= np.rint(left_turns)
            audio[is_leap] += self._sum(left_turns, left_amplitude, np.zeros_like(left_amplitude), scratch)

        for i in np.flatnonzero(crossing.any(axis=1)):
            number = np.flatnonzero(crossing[i])[:, None] + 1
            glide_hz = (start_hz[i] + (stop_hz[i] - start_hz[i]) * self._position).astype(np.float32)
            ends = np.asarray(amplitudes[i : i + 2, number[:, 0] - 1], np.float32)
            ends = (ends * (f0_hz[i : i + 2, None] > 0))[..., None]
            amplitude = ends[0] + (ends[1] - ends[0]) * self._position.astype(np.float32)
            amplitude *= nyquist_fade(number.astype(np.float32) * glide_hz, nyquist_hz)
            # Only the phase needs double precision, and only until it is wrapped.
            phase = number * turns[i]
            phase -= np.rint(phase)
            amplitude *= np.sin((2.0 * np.pi * phase).astype(np.float32))
            audio[i] += amplitude.sum(axis=0)

    def _advance(self, start_hz: Frames, stop_hz: Frames) -> Hops:
        """Integrate the fundamental over each hop: phase of every sample, wrapped, in turns."""
        first_turns = self._pass_hops(start_hz, stop_hz)
        turns = np.multiply.outer((stop_hz - start_hz) * (0.5 * HOP_SECONDS), self._position)
        turns += (start_hz * HOP_SECONDS)[:, None]
        turns *= self._position
        turns += first_turns[:, None]
        turns -= np.rint(turns)
        return turns

    def _pass_hops(self, start_hz: Frames, stop_hz: Frames) -> Frames:
        """Integrate the fundamental from hop to hop: phase at the start of each, wrapped, in turns."""
        hop_turns = (start_hz + stop_hz) * (0.5 * HOP_LENGTH / SAMPLE_RATE)
        hop_turns -= np.rint(hop_turns)
        first_turns = self._phase_turns + np.concatenate([[0.0], np.cumsum(hop_turns)])
        first_turns -= np.rint(first_turns)
        self._phase_turns = float(first_turns[-1])
        return first_turns[:-1]

    def _sum(self, turns: Hops, start_amplitude: Levels, stop_amplitude: Levels, scratch: Scratch) -> Hops:
        """Sum the harmonics with amplitudes that move in straight lines over the hop."""
        n_frames, n_harmonics = start_amplitude.shape
        n_rows = -(-n_harmonics // HARMONICS_PER_ROW)
        table = np.zeros((2, n_frames, n_rows * HARMONICS_PER_ROW), np.float32)
        table[0, :, :n_harmonics] = start_amplitude
        table[1, :, :n_harmonics] = stop_amplitude - start_amplitude
        table = table.reshape(2, n_frames, n_rows, HARMONICS_PER_ROW)

        z = unit_phasor(turns)
        powers, rows = scratch[0][:n_frames], scratch[1][:n_frames, :n_rows]
        for power in range(1, HARMONICS_PER_ROW):
            np.multiply(powers[:, power - 1], z, out=powers[:, power])
        # Two real numbers for each complex one: real matrices multiply complex ones at half the cost.
        pairs = powers.view(np.float32)
        np.multiply(pairs[:, :HARMONICS_PER_ROW], self._ramp, out=pairs[:, HARMONICS_PER_ROW:])
        np.matmul(np.concatenate([table[0], table[1]], axis=2), pairs, out=rows)
        rows = rows.view(np.complex64)

        total = rows[:, -1].copy()
        if n_rows > 1:
            leap = HARMONICS_PER_ROW * turns
            leap -= np.rint(leap)
            stride = unit_phasor(leap)
            for row in range(n_rows - 2, -1, -1):
                total *= stride
                total += rows[:, row]
        total *= z
        return np.asarray(total.imag)


def harmonic_synth(f0_hz: Frames, amplitudes: Levels) -> Float[np.ndarray, " sample"]:
    """Play a whole performance with `HarmonicSynth.block`; the last frame holds for one hop."""
    return HarmonicSynth().block(np.append(f0_hz, f0_hz[-1:]), np.concatenate([amplitudes, amplitudes[-1:]]))


def hop_ends(f0_hz: Float[np.ndarray, " point"]) -> tuple[Frames, Frames]:
    """Return the pitch at the start and the stop of each hop, unvoiced ends taking the other's."""
    start_hz, stop_hz = f0_hz[:-1], f0_hz[1:]
    return np.where(start_hz > 0, start_hz, stop_hz), np.where(stop_hz > 0, stop_hz, start_hz)


def leaps(start_hz: Frames, stop_hz: Frames) -> Bool[np.ndarray, " frame"]:
    """Find hops over which the pitch leaps from one note to another rather than glides."""
    ratio = 2.0 ** (LEAP_CENTS / 1200.0)
    return (stop_hz > start_hz * ratio) | (start_hz > stop_hz * ratio)


def nyquist_fade(frequency_hz: Float[np.ndarray, " *axes"], nyquist_hz: float) -> Float[np.ndarray, " *axes"]:
    """Return the gain of a sinusoid: 1 up to `FADE_START`, 0 from `FADE_STOP`, smooth between."""
    span_hz = (FADE_STOP - FADE_START) * nyquist_hz
    below = np.clip((FADE_STOP * nyquist_hz - frequency_hz) / span_hz, 0.0, 1.0)
    return below * below * (3.0 - 2.0 * below)


def harmonic_gains(f0_hz: Frames, n_harmonics: int, nyquist_hz: float) -> Levels:
    """Return the gain of each harmonic at each frame: 0 above Nyquist and where unvoiced."""
    gains = nyquist_fade(np.multiply.outer(f0_hz, np.arange(1.0, n_harmonics + 1.0)), nyquist_hz)
    return np.asarray(gains * (f0_hz > 0)[:, None], np.float32)


def crosses_nyquist(
    start_hz: Frames, stop_hz: Frames, start_amplitude: Levels, stop_amplitude: Levels, nyquist_hz: float
) -> Bool[np.ndarray, "frame harmonic"]:
    """Find harmonics that glide over Nyquist within a hop and would still sound there.

    Only a fast glide of the pitch does that. These few need the fade at every sample; elsewhere the
    straight line between the gains of two frames, which is far cheaper, does as well.
    """
    numbers = np.arange(1, start_amplitude.shape[1] + 1)
    over = np.multiply.outer(np.maximum(start_hz, stop_hz), numbers) >= nyquist_hz
    return over & ((start_amplitude != 0) | (stop_amplitude != 0))


def unit_phasor(turns: Float[np.ndarray, " *axes"]) -> Complex[np.ndarray, " *axes"]:
    """Return exp(2j pi turns) in complex64, from wrapped turns in float64."""
    radians = (2.0 * np.pi * turns).astype(np.float32)
    phasor = np.empty(turns.shape, np.complex64)
    np.cos(radians, out=phasor.real)
    np.sin(radians, out=phasor.imag)
    return phasor
