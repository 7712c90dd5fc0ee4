"""A spectrum as masses of power, each with one frequency: what optimal transport moves about.

Windows are centred on their frame, so that the bins of a steady partial share one phase.

Source:
    Henderson & Solomon, Audio Transport: A Generalized Portamento via Optimal Transport (DAFx 2019),
    for masses between reassigned frequencies, there weighed by magnitude; Auger & Flandrin, Improving
    the readability of time-frequency and time-scale representations by the reassignment method
    (IEEE TSP 1995), for frequencies between the bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int

N_FFT = 2048
_QUIET = 1e-9


@dataclass(frozen=True)
class Masses:
    """One frame of sound, cut into masses side by side.

    Attributes:
        spectrum: The frame, phases relative to the window's centre.
        edges: First bin of each mass, and one past the last bin.
        centres: Bin of each mass nearest to its frequency.
        frequency_bins: Frequency of each mass in bins, with fractions.
        share: Of the frame's power that each mass holds; they sum to 1.
    """

    spectrum: Complex[np.ndarray, " bin"]
    edges: Int[np.ndarray, " edge"]
    centres: Int[np.ndarray, " mass"]
    frequency_bins: Float[np.ndarray, " mass"]
    share: Float[np.ndarray, " mass"]


def hann() -> Float[np.ndarray, " sample"]:
    """Return the periodic Hann window of `N_FFT` samples."""
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT))


def windows_at(
    audio: Float[np.ndarray, " sample"], centres: Int[np.ndarray, " frame"]
) -> Float[np.ndarray, "frame window"]:
    """Cut out `N_FFT` samples around each centre; outside the sound there is silence."""
    padded = np.pad(audio.astype(np.float64), N_FFT // 2)
    last = padded.size - N_FFT
    return np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[np.minimum(centres, last)]


def spectra(windows: Float[np.ndarray, "frame window"]) -> Complex[np.ndarray, "frame bin"]:
    """Return Hann spectra, phases relative to the windows' centres."""
    return np.asarray(np.fft.rfft(np.fft.ifftshift(windows * hann(), axes=1), axis=1))


def reassigned_bins(
    windows: Float[np.ndarray, "frame window"], spectrum: Complex[np.ndarray, "frame bin"]
) -> Float[np.ndarray, "frame bin"]:
    """Return the frequency, in bins, of what each bin hears.

    Source:
        Auger & Flandrin (1995), the reassigned frequency by the window's derivative.
    """
    slope = np.pi / N_FFT * np.sin(2.0 * np.pi * np.arange(N_FFT) / N_FFT)
    by_slope = np.fft.rfft(np.fft.ifftshift(windows * slope, axes=1), axis=1)
    ratio = by_slope * spectrum.conj() / np.maximum(np.square(np.abs(spectrum)), _QUIET**2)
    return np.arange(spectrum.shape[1]) - ratio.imag * N_FFT / (2.0 * np.pi)


def masses_of(windows: Float[np.ndarray, "frame window"]) -> list[Masses]:
    """Cut each frame between the places that its reassigned frequencies point away from."""
    spectrum = spectra(windows)
    frequency_bins = reassigned_bins(windows, spectrum)
    return [_grouped(row, bins) for row, bins in zip(spectrum, frequency_bins, strict=True)]


def _grouped(spectrum: Complex[np.ndarray, " bin"], frequency_bins: Float[np.ndarray, " bin"]) -> Masses:
    is_rising = frequency_bins > np.arange(spectrum.size)
    starts = np.concatenate([[0], np.flatnonzero(~is_rising[:-1] & is_rising[1:]) + 1])
    edges = np.append(starts, spectrum.size)
    # Silence too is some distribution: an even one, so that no share is undefined.
    magnitude = np.abs(spectrum) + _QUIET
    # Inside a mass the bins below its frequency point up and those above it down.
    below = np.clip(starts + np.add.reduceat(is_rising.astype(int), starts) - 1, starts, edges[1:] - 1)
    above = np.minimum(below + 1, edges[1:] - 1)
    centres = np.where(magnitude[above] > magnitude[below], above, below)
    frequency = np.clip(frequency_bins[centres], starts - 0.5, edges[1:] - 0.5)
    held = np.add.reduceat(np.square(magnitude), starts)
    return Masses(spectrum.astype(np.complex64), edges, centres, frequency, held / held.sum())
