"""What RAVE's encoder hears: windows of another timbre, so that it tells nothing of the instrument.

Drawn anew for each window: overtones that the instrument did not play (a saturating curve, at every
loudness alike), an equaliser from octave to octave, a slope that takes overtones away, and some noise. A
flute may arrive as rich as a violin and a violin as plain as a flute; the decoder is to make the true sound
of either, so it has to take the instrument from the embedding, and only the notes from the latent.

Conventions: windows (window, sample) at 44.1 kHz; each keeps its power.

Source:
    Choi et al., Neural analysis and synthesis (NeurIPS 2021), section 3.1, for perturbing what an encoder
    hears so that it keeps what is asked for.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from scipy.ndimage import uniform_filter1d

from violute.rates import SAMPLE_RATE

EQUALISER_HZ = (60.0, 14_000.0)
EQUALISER_POINTS_PER_OCTAVE = 1.0
EQUALISER_RANGE_DB = 12.0

SATURATED_SHARE = 0.5
"""How often overtones are added."""

SATURATION_DRIVE = (1.0, 6.0)
"""Gain before the saturating curve, relative to the RMS; the larger, the more overtones."""

LARGEST_BIAS = 0.7
"""Shift before the curve: it adds the even overtones too."""

LEVEL_SAMPLES = 2048
"""Over which the level is taken that the curve works at."""

SLOPED_SHARE, SLOPE_HZ, SLOPE_DB_PER_OCTAVE = 0.5, (300.0, 2000.0), (3.0, 18.0)
"""How often overtones are taken away, from where on, and how steeply."""

NOISE_DB = (-70.0, -30.0)
"""White noise beside the window's power."""


def perturbed(
    audio: Float32[np.ndarray, "window sample"], rng: np.random.Generator
) -> Float32[np.ndarray, "window sample"]:
    """Change the colour of windows, not their notes and not their level."""
    saturated = np.stack([_saturated(one, rng) if rng.random() < SATURATED_SHARE else one for one in audio])
    return equalised(saturated, rng)


def equalised(
    audio: Float32[np.ndarray, "window sample"], rng: np.random.Generator
) -> Float32[np.ndarray, "window sample"]:
    """Weigh the frequencies of windows: gains at octaves joined smoothly, perhaps a slope, and noise."""
    n_fft = 2 * audio.shape[1]
    octaves = np.log2(EQUALISER_HZ[1] / EQUALISER_HZ[0])
    points_hz = np.geomspace(*EQUALISER_HZ, round(EQUALISER_POINTS_PER_OCTAVE * octaves) + 1)
    frequency_hz = np.maximum(np.fft.rfftfreq(n_fft, 1.0 / SAMPLE_RATE), 1.0)
    spectra = np.fft.rfft(audio, n_fft, axis=1)
    for spectrum in spectra:
        drawn_db = rng.uniform(-EQUALISER_RANGE_DB, EQUALISER_RANGE_DB, len(points_hz))
        gains_db = np.interp(np.log(frequency_hz), np.log(points_hz), drawn_db)
        if rng.random() < SLOPED_SHARE:
            corner_hz = np.exp(rng.uniform(*np.log(SLOPE_HZ)))
            gains_db -= rng.uniform(*SLOPE_DB_PER_OCTAVE) * np.log2(np.maximum(frequency_hz / corner_hz, 1.0))
        spectrum *= 10.0 ** (gains_db / 20.0)
    changed = np.fft.irfft(spectra, n_fft, axis=1)[:, : audio.shape[1]]
    changed *= np.sqrt(_power(audio) / _power(changed))
    levels = np.sqrt(_power(audio)) * 10.0 ** (rng.uniform(*NOISE_DB, (len(audio), 1)) / 20.0)
    return (changed + levels * rng.standard_normal(changed.shape)).astype(np.float32)


def _saturated(
    audio: Float32[np.ndarray, " sample"], rng: np.random.Generator
) -> Float32[np.ndarray, " sample"]:
    """Send a waveform through a saturating curve, levelled so that soft and loud get as many overtones."""
    power = uniform_filter1d(np.square(audio, dtype=np.float64), LEVEL_SAMPLES)
    envelope = np.sqrt(np.maximum(power, 1e-10))  # a running sum can fall just below 0
    gain, shift = np.exp(rng.uniform(*np.log(SATURATION_DRIVE))), rng.uniform(-LARGEST_BIAS, LARGEST_BIAS)
    saturated = np.tanh(gain * audio / envelope / 1.5 + gain * shift) - np.tanh(gain * shift)
    saturated = envelope * (saturated - uniform_filter1d(saturated, LEVEL_SAMPLES))
    return (saturated * np.sqrt(_power(audio[None])[0] / _power(saturated[None])[0])).astype(np.float32)


def _power(audio: np.ndarray) -> np.ndarray:
    return np.square(audio).mean(axis=1, keepdims=True) + 1e-12
