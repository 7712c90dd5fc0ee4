"""Optimal transport between spectra: partials of one instrument slide to those of the other.

For each frame of the source, the frames of both ends' recordings that are nearest in pitch and
loudness are taken at the source's exact pitch and A-weighted level; the masses of the one spectrum are
assigned to those of the other by one-dimensional optimal transport, and the mix says how far along
each has moved. Phases run on as in a phase vocoder.

Transport knows nothing of harmonics: where one end's fundamental is stronger than the other's, the rest
of it goes to the second partial and is found, half way, at one and a half times the pitch. That is what
the method does, and a reason to mix partial by partial instead.

Source:
    Henderson & Solomon, Audio Transport: A Generalized Portamento via Optimal Transport (DAFx 2019).
    Added here: the choice of frames, and their pitch and level; masses weigh by power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int

from violute.analysis.analyser import analyse
from violute.analysis.loudness import a_weighting_db
from violute.evaluation.baselines.reference_frames import (
    BorrowingBaseline,
    BorrowingTake,
    Course,
    EndFrames,
    ReferenceFrames,
)
from violute.evaluation.baselines.spectral_masses import N_FFT, Masses, hann, masses_of, spectra, windows_at
from violute.rates import HOP_LENGTH, SAMPLE_RATE

STEP_SAMPLES = N_FFT // 4
"""Between frames of the synthesis."""

_N_BINS = N_FFT // 2 + 1
_RADIANS_PER_BIN = 2.0 * np.pi / N_FFT


@dataclass(frozen=True)
class Plan:
    """What goes from which mass of one spectrum to which of another.

    Attributes:
        source: Index of the mass that gives.
        target: Index of the mass that takes.
        share: How much, of 1 in all.
    """

    source: Int[np.ndarray, " move"]
    target: Int[np.ndarray, " move"]
    share: Float[np.ndarray, " move"]


def transport_plan(
    source_share: Float[np.ndarray, " source"],
    source_bins: Float[np.ndarray, " source"],
    target_share: Float[np.ndarray, " target"],
    target_bins: Float[np.ndarray, " target"],
) -> Plan:
    """Return the cheapest way, by squared distance, to turn one distribution over bins into another."""
    # POT wakes torch: 3 s and 260 MB that the other baselines need not pay.
    from ot.lp import emd_1d_sorted

    share, moves, _ = emd_1d_sorted(source_share, target_share, source_bins, target_bins)
    is_used = share > 0.0
    return Plan(moves[is_used, 0].astype(int), moves[is_used, 1].astype(int), share[is_used])


class TransportTake(BorrowingTake):
    """One performance and the spectra of both ends for it."""

    def prepare(self, frames: ReferenceFrames) -> None:
        """Find the nearest frames and the plans between them."""
        at = np.arange(0, self.mono.size + N_FFT // 2, STEP_SAMPLES)
        course = _course_at(Course.of(analyse(self.mono)), at)
        self._weights = 10.0 ** (a_weighting_db(np.linspace(0.0, SAMPLE_RATE / 2, _N_BINS)) / 10.0)
        self._level = np.square(np.abs(spectra(windows_at(self.mono, at)))) @ self._weights
        self._ends = [_Borrowed.of(end, course) for end in frames.ends]
        first, second = self._ends
        self._plans = [
            transport_plan(
                one.share, ratio * one.frequency_bins, other.share, other_ratio * other.frequency_bins
            )
            for (one, ratio), (other, other_ratio) in zip(first.frames(), second.frames(), strict=True)
        ]

    def play_mono(self, mix: float) -> Float[np.ndarray, " sample"]:
        """Move the masses as far as the mix says and put the performance together."""
        played = np.zeros(STEP_SAMPLES * (len(self._plans) - 1) + N_FFT)
        phase = np.zeros(_N_BINS)
        window = hann()
        first, second = self._ends
        frames = zip(self._plans, first.frames(), second.frames(), self._level, strict=True)
        for i, (plan, one, other, level) in enumerate(frames):
            spectrum, phase = _moved(plan, one, other, mix, phase)
            heard = float(np.square(np.abs(spectrum)) @ self._weights)
            spectrum *= np.sqrt(level / heard) if heard > 0.0 else 0.0
            start = i * STEP_SAMPLES
            played[start : start + N_FFT] += np.fft.fftshift(np.fft.irfft(spectrum, N_FFT)) * window
        # Four squared Hann windows overlap to 1.5 everywhere.
        return played[N_FFT // 2 :] / 1.5


class OptimalTransport(BorrowingBaseline):
    """Moves partials from the spectra of one instrument to those of the other."""

    take_type = TransportTake


@dataclass(frozen=True)
class _Borrowed:
    """Frames of one end for each frame of a performance, and what brings them to its pitch."""

    masses: list[Masses]
    where: Int[np.ndarray, " frame"]
    ratio: Float[np.ndarray, " frame"]

    @classmethod
    def of(cls, end: EndFrames, course: Course) -> _Borrowed:
        nearest = end.nearest(course)
        chosen, where = np.unique(nearest, return_inverse=True)
        masses: dict[int, Masses] = {}
        for audio, inside in end.by_recording(chosen):
            cut = windows_at(audio, end.frame[chosen[inside]] * HOP_LENGTH)
            masses.update(zip(inside.tolist(), masses_of(cut), strict=True))
        return cls([masses[i] for i in range(chosen.size)], where, course.f0_hz / end.f0_hz[nearest])

    def frames(self) -> list[tuple[Masses, float]]:
        return [(self.masses[i], float(r)) for i, r in zip(self.where, self.ratio, strict=True)]


def _moved(
    plan: Plan,
    one: tuple[Masses, float],
    other: tuple[Masses, float],
    weight: float,
    phase: Float[np.ndarray, " bin"],
) -> tuple[Complex[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
    """Place every mass where its move has come to; return the frame, and phases half a step on.

    Args:
        plan: From `one` to `other`.
        one: Spectrum at mix 0 and the ratio to its pitch.
        other: Spectrum at mix 1 and the ratio to its pitch.
        weight: How far to go, 0 to 1.
        phase: Of each bin, half a step before this frame's centre.

    Source:
        Henderson & Solomon (2019): each mass goes to the frequency between both, and each
        bin's phase runs on at the frequency of the loudest mass in it.
    """
    (first, first_ratio), (second, second_ratio) = one, other
    frequency = (1.0 - weight) * first_ratio * first.frequency_bins[plan.source]
    frequency = frequency + weight * second_ratio * second.frequency_bins[plan.target]
    is_heard = (frequency >= 0.5) & (frequency < _N_BINS - 1.5)
    frequency = frequency[is_heard]
    half_turn = 0.5 * STEP_SAMPLES * _RADIANS_PER_BIN * frequency
    centre = np.round(frequency).astype(int)
    now = phase[centre] + half_turn
    share = plan.share[is_heard]
    bins, values, owners = [], [], []
    for borrowed, mass, part in (
        (first, plan.source[is_heard], 1.0 - weight),
        (second, plan.target[is_heard], weight),
    ):
        start, stop = borrowed.edges[mass], borrowed.edges[mass + 1]
        owner = np.repeat(np.arange(mass.size), stop - start)
        # Counts 0, 1, 2 … within each mass, all masses in one array.
        ends = np.cumsum(stop - start)
        inside = np.arange(owner.size) - np.repeat(ends - (stop - start), stop - start)
        taken = start[owner] + inside
        turn = np.exp(1j * (now - np.angle(borrowed.spectrum[borrowed.centres[mass]])))
        # Both frames weigh the same; the parts of a mass add up to the mass where they meet again.
        whole = max(float(np.linalg.norm(borrowed.spectrum)), 1e-30)
        gain = part * share / borrowed.share[mass] / whole
        bins.append(taken + (centre - borrowed.centres[mass])[owner])
        values.append(borrowed.spectrum[taken] * (gain * turn)[owner])
        owners.append(owner)
    at, value, owner = np.concatenate(bins), np.concatenate(values), np.concatenate(owners)
    inside = (at >= 0) & (at < _N_BINS)
    at, value, owner = at[inside], value[inside], owner[inside]
    frame = np.bincount(at, value.real, _N_BINS) + 1j * np.bincount(at, value.imag, _N_BINS)
    # Loudest last, so that it is the one that stays.
    order = np.argsort(np.abs(value), kind="stable")
    later = np.zeros(_N_BINS)
    later[at[order]] = np.mod(now + half_turn, 2.0 * np.pi)[owner[order]]
    return frame, later


def _course_at(course: Course, samples: Int[np.ndarray, " step"]) -> Course:
    """Read a course, measured every 10 ms, at the centres of other frames."""
    frame = np.minimum(np.round(samples / HOP_LENGTH).astype(int), course.f0_hz.size - 1)
    return Course(course.f0_hz[frame], course.is_voiced[frame], course.relative_db[frame])
