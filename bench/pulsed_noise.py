"""How much the noise of bow and breath rises and falls within a period, in recorded notes.

    python bench/pulsed_noise.py --data DATA [--every 5]

A note is stretched so that all its periods are alike. What differs from the mean of the two periods before
and after is noise; so is, in part, what strays in the partials, which is in step with the period too: the
depths are upper limits. Steady noise has depth 0, noise times 1 + d cos(phase) has 2 d / (1 + d^2 / 2).
The first row is a tone made here, whose noise has d = 0.3: 0.57.

Prints Markdown: medians over the notes of a register, and how alike the phases of the rise are (1: all the
same beside the waveform's own, 0: any).

Source:
    Chafe, Pulsed noise in self-sustained oscillations of musical instruments (ICASSP 1990).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from labelled_notes import labelled_notes
from scipy.signal import butter, sosfiltfilt

from violute.analysis.analyser import analyse
from violute.rates import HOP_LENGTH, SAMPLE_RATE

BANDS_HZ = ((1500.0, 4000.0), (4000.0, 10_000.0))
REGISTERS_HZ = (180.0, 300.0, 450.0, 700.0, 1100.0, 2000.0)
EDGE_FRAMES, LEAST_PERIODS, LEAST_POINTS = 5, 24, 24
BESIDE = 2
MADE_DEPTH = 0.3


class Pulsing(NamedTuple):
    """Of one note in one band.

    Attributes:
        depth: First harmonic of the noise's power over the period, relative to its mean.
        turn: Phase of that beside the phase of the waveform's own power, as a complex number of size 1.
    """

    depth: float
    turn: complex


def pulsing(audio: Float[np.ndarray, " sample"]) -> tuple[float, list[Pulsing | None]]:
    """Return the median pitch of a note in Hz, 0 where it has too few periods, and what each band does."""
    controls = analyse(np.asarray(audio, np.float32), lines=1)
    is_voiced = controls.periodicity[0] > 0.0
    frames = np.flatnonzero(is_voiced)[EDGE_FRAMES:-EDGE_FRAMES]
    if len(frames) == 0:
        return 0.0, []
    f0_hz = np.interp(
        np.arange(len(audio)) / SAMPLE_RATE, frames * (HOP_LENGTH / SAMPLE_RATE), controls.f0_hz[0][frames]
    )
    cycles = np.cumsum(f0_hz) / SAMPLE_RATE
    first, last = np.interp(frames[[0, -1]] * HOP_LENGTH, np.arange(len(audio)), cycles)
    pitch_hz = float(np.median(controls.f0_hz[0][frames]))
    n_points = max(round(SAMPLE_RATE / pitch_hz), LEAST_POINTS)
    n_periods = int(last - first)
    if n_periods < LEAST_PERIODS:
        return 0.0, []
    wanted = np.ceil(first) + np.arange((n_periods - 1) * n_points) / n_points
    stretched = np.interp(np.interp(wanted, cycles, np.arange(len(audio))), np.arange(len(audio)), audio)
    return pitch_hz, [_in_band(stretched, n_points, pitch_hz, band) for band in BANDS_HZ]


def _in_band(
    stretched: Float[np.ndarray, " sample"], n_points: int, pitch_hz: float, band: tuple[float, float]
) -> Pulsing | None:
    rate_hz = n_points * pitch_hz
    highest_hz = min(band[1], 0.45 * rate_hz)
    if highest_hz < 1.3 * band[0]:
        return None
    filtered = sosfiltfilt(butter(4, (band[0], highest_hz), "band", fs=rate_hz, output="sos"), stretched)
    periods = filtered.reshape(-1, n_points)
    padded = np.pad(periods, ((BESIDE, BESIDE), (0, 0)), mode="edge")
    around = sum(padded[i : i + len(periods)] for i in range(2 * BESIDE + 1)) - periods
    noise, wave = (_over_period(x) for x in (periods - around / (2 * BESIDE), periods))
    turn = noise * np.conj(wave)
    return Pulsing(2.0 * abs(noise), complex(turn / max(abs(turn), 1e-12)))


def _over_period(periods: Float[np.ndarray, "period point"]) -> complex:
    """Return the first Fourier coefficient of the power over the period, each period's mean being 1."""
    power = np.square(periods)
    power /= np.maximum(power.mean(axis=1, keepdims=True), 1e-20)
    n_points = power.shape[1]
    return complex((power.mean(axis=0) * np.exp(-2j * np.pi * np.arange(n_points) / n_points)).mean())


def made_tone() -> Float[np.ndarray, " sample"]:
    """Two seconds of A4 with ten partials, and noise that is pulsed by `MADE_DEPTH`."""
    phase = 2.0 * np.pi * 440.0 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = sum(np.cos(k * phase) / k for k in range(1, 11))
    noise = np.random.default_rng(0).standard_normal(len(phase)) * (1.0 + MADE_DEPTH * np.cos(phase))
    return np.asarray(0.1 * tone + 0.01 * noise)


def notes(data: Path, every: int) -> Iterator[tuple[str, Float[np.ndarray, " sample"]]]:
    """Yield the tone that is made here, then recorded notes, by the name of what plays."""
    yield "made, 0.57", made_tone()
    for instrument in ("violin", "flute"):
        for note in labelled_notes(data, instrument, SAMPLE_RATE, every=every):
            yield instrument, note.audio


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--every", type=int, default=5, help="measure one note in so many")
    given = parser.parse_args()
    found: dict[tuple[str, int, int], list[Pulsing]] = {}
    for name, audio in notes(given.data, given.every):
        pitch_hz, by_band = pulsing(audio)
        register = int(np.searchsorted(REGISTERS_HZ, pitch_hz)) - 1
        if not 0 <= register < len(REGISTERS_HZ) - 1:
            continue
        for i, one in enumerate(by_band):
            if one is not None:
                found.setdefault((name, register, i), []).append(one)
    print("| | notes of, Hz | band, Hz | notes | depth | phases alike |\n|---|---|---|---|---|---|")
    for (name, register, i), all_of in found.items():
        depth = np.median([one.depth for one in all_of])
        alike = abs(np.mean([one.turn for one in all_of]))
        low, high = REGISTERS_HZ[register : register + 2]
        band = f"{BANDS_HZ[i][0]:.0f} to {BANDS_HZ[i][1]:.0f}"
        print(f"| {name} | {low:.0f} to {high:.0f} | {band} | {len(all_of)} | {depth:.2f} | {alike:.2f} |")


if __name__ == "__main__":
    main()
