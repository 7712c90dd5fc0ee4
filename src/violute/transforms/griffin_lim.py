"""Phases for magnitudes that have none.

Two steps. A start: every peak of a frame is taken for a sinusoid, whose phase runs on from frame to frame at
the peak's own frequency and which the bins around it share. Then the fast Griffin-Lim iteration, which moves
the phases towards those of a sound that exists. From the start, a few dozen rounds do what a hundred do from
chance.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex64, Float, Float32

from violute.transforms.peaks import peak_offset
from violute.transforms.spectrogram import SpectrogramSettings, istft, stft, with_phase

Spectrum = Complex64[np.ndarray, "bin frame"]
Magnitudes = Float[np.ndarray, "bin frame"]

N_ITERATIONS = 32
MOMENTUM = 0.99
"""How far a round goes on in the direction of the last; 0 is the plain variant."""

_SMALLEST = 1e-12


def griffin_lim(
    magnitude: Magnitudes,
    settings: SpectrogramSettings,
    *,
    start: Spectrum | None = None,
    n_iterations: int = N_ITERATIONS,
) -> Spectrum:
    """Find phases with which magnitudes (`n_fft / 2 + 1` bins) are nearly those of a sound; `istft` makes it.

    The rounds begin with the phases of `start`, or those of `sinusoidal_phase`.

    Source:
        Perraudin, Balazs & Søndergaard, A fast Griffin-Lim algorithm (WASPAA 2013).
    """
    magnitude = magnitude.astype(np.float32, copy=False)
    spectrum = with_phase(magnitude, sinusoidal_phase(magnitude, settings) if start is None else start)
    before = spectrum  # the first round has none
    for i in range(n_iterations):
        real = _of_a_sound(spectrum, settings)
        spectrum = with_phase(magnitude, real + np.float32(MOMENTUM) * (real - before) if i else real)
        before = real
    return spectrum


def sinusoidal_phase(magnitude: Magnitudes, settings: SpectrogramSettings) -> Spectrum:
    """Let each peak of a frame run on as a sinusoid, the bins around it in step with it: numbers of size 1.

    Source:
        Beauregard, Harish & Wyse, Single pass spectrogram inversion (DSP 2015): the frequency of a
        peak by a parabola through its neighbours, phases advanced by it, the bins of a peak locked to it.
    """
    n_bins, n_frames = magnitude.shape
    advance = 2.0 * np.pi * settings.hop_length / settings.n_fft
    bins = np.arange(n_bins)
    # A frame is centred in its window, and the transform counts time from the window's first sample: the bins
    # of one sinusoid alternate in sign.
    signs = np.where(bins % 2, np.pi, 0.0)
    phase = np.zeros(n_bins)
    phases = np.empty((n_frames, n_bins))
    for i in range(n_frames):
        levels = np.log(np.maximum(magnitude[:, i].astype(np.float64), _SMALLEST))
        peaks = 1 + np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] >= levels[2:]))
        if len(peaks):
            offset = peak_offset(levels[peaks - 1], levels[peaks], levels[peaks + 1])
            running = phase[peaks] + advance * (peaks + offset)
            # Each bin belongs to the nearest peak, the border lying at the middle.
            owner = np.searchsorted((peaks[1:] + peaks[:-1]) / 2.0, bins)
            phase = running[owner]
        else:
            phase = phase + advance * bins
        phases[i] = phase + signs
    return np.exp(1j * phases.T).astype(np.complex64)


def spectral_convergence(magnitude: Magnitudes, spectrum: Spectrum, settings: SpectrogramSettings) -> float:
    """How far a sound made of a spectrum misses the magnitudes asked for: 0 is exact, 1 as bad as silence.

    Source:
        Sturmel & Daudet, Signal reconstruction from STFT magnitude: a state of the art (DAFx 2011): the
        Frobenius norm of the difference over that of the magnitudes.
    """
    heard: Float32[np.ndarray, "bin frame"] = np.abs(_of_a_sound(spectrum, settings))
    norm = float(np.linalg.norm(magnitude))
    return float(np.linalg.norm(heard - magnitude)) / norm if norm > 0.0 else 0.0


def _of_a_sound(spectrum: Spectrum, settings: SpectrogramSettings) -> Spectrum:
    """Return the frames of the sound that a spectrum makes, all of it that its frames hold.

    A picture cut out of a recording hears the sound before and after it; taken for silence, that would be an
    error at its edges which no phases can mend.
    """
    n_frames, reach = spectrum.shape[1], settings.n_fft // 2
    n_samples = 2 * reach + (n_frames - 1) * settings.hop_length
    audio = istft(spectrum, settings, start=reach, n_samples=n_samples)
    return stft(audio, settings, start=reach, n_frames=n_frames)
