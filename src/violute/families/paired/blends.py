"""Blending two aligned sounds of one performance by ratio: three ways, from the plainest to the most fused.

Both sounds come from the same source and so share its notes and its timing. `waveform` adds the samples:
two instruments at once, and where their phases differ, partials that cancel. `log-magnitude` puts every bin
of the spectrogram between the two on its logarithmic scale and takes the phases of the weighed sum, so that
either end is the sound itself and a partial has the phase of the sound that plays it louder. `harmonic`
measures the harmonics and the noise of both at the source's pitch and plays levels between them with one
phase: one instrument, one note at a time.

Source:
    Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), for harmonics and
    noise as the two parts to interpolate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import HIGH
from violute.data.harmonics import bands_from_gaps, measure_partials
from violute.errors import InputError, ShapeError
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.harmonics import harmonic_synth
from violute.synthesis.noise import filtered_noise
from violute.transforms.spectrogram import DETAIL, denormalise, istft, normalise, stft, with_phase

Blend = Literal["waveform", "log-magnitude", "harmonic"]
Sound = Float[np.ndarray, " sample"]

LARGEST_LAG_SAMPLES = SAMPLE_RATE // 20
"""Furthest shift that `lag_samples` looks at: 50 ms."""


def blend(
    first: Sound, second: Sound, mix: float, *, source: Sound, how: Blend
) -> Float32[np.ndarray, " sample"]:
    """Put a sound between two.

    Args:
        first: At mix 0, mono, 44.1 kHz.
        second: At mix 1, of the same length.
        mix: 0 to 1.
        source: The recording that both were made from: gives the pitch.
        how: `waveform`, `log-magnitude` or `harmonic`.

    Raises:
        ShapeError: The sounds differ in length.
        InputError: There is no such blend.
    """
    if not len(first) == len(second) == len(source):
        raise ShapeError(
            f"sounds of {len(first)}, {len(second)} and {len(source)} samples: give sounds of one length"
        )
    if how not in BLENDS:
        raise InputError(f"there is no blend {how!r}: name one of {', '.join(BLENDS)}")
    return BLENDS[how](first, second, mix, source).astype(np.float32)


def lag_samples(source: Sound, translation: Sound) -> int:
    """Return by how much a translation lags behind its source, found by cross-correlating their envelopes.

    The loudness contour is compared, not the waveform, whose partials another instrument weighs otherwise.
    """
    n_fft = 1 << (2 * max(len(source), LARGEST_LAG_SAMPLES + 1) - 1).bit_length()
    spectra = [np.fft.rfft(_envelope(sound), n_fft) for sound in (source, translation)]
    correlation = np.fft.irfft(spectra[1] * np.conj(spectra[0]), n_fft)
    lags = np.arange(-LARGEST_LAG_SAMPLES, LARGEST_LAG_SAMPLES + 1)
    return int(lags[np.argmax(correlation[lags])])


def _envelope(sound: Sound) -> Float[np.ndarray, " sample"]:
    """Return the changes of a sound's level, smoothed over 10 ms."""
    window = np.hanning(HOP_LENGTH)
    level = np.sqrt(np.convolve(np.square(sound.astype(np.float64)), window / window.sum(), mode="same"))
    return level - level.mean()


def _waveform(first: Sound, second: Sound, mix: float, _source: Sound) -> Sound:
    return (1.0 - mix) * first + mix * second


def _log_magnitude(first: Sound, second: Sound, mix: float, source: Sound) -> Sound:
    """Interpolate pictures; the Nyquist bin is left out."""
    spectra = [stft(sound, DETAIL) for sound in (first, second)]
    pictures = [normalise(np.abs(spectrum), DETAIL) for spectrum in spectra]
    picture = (1.0 - mix) * pictures[0] + mix * pictures[1]
    # A phase of the source's would be noise wherever only the other sound has a partial.
    summed = (1.0 - mix) * spectra[0] + mix * spectra[1]
    return istft(with_phase(denormalise(picture, DETAIL), summed), DETAIL, n_samples=len(source))


def _harmonic(first: Sound, second: Sound, mix: float, source: Sound) -> Sound:
    """Interpolate levels of harmonics and noise in dB, at the source's pitch."""
    controls = analyse(np.asarray(source, dtype=np.float32))
    is_voiced = controls.periodicity[0] > 0.0
    f0_hz = np.maximum(controls.f0_hz[0], HIGH.lowest_hz)
    ends = [measure_partials(sound, f0_hz) for sound in (first, second)]
    harmonic_db = (1.0 - mix) * ends[0].harmonic_db + mix * ends[1].harmonic_db
    noise_db = [bands_from_gaps(end.noise_db, end.f0_hz) for end in ends]
    amplitudes = 10.0 ** (harmonic_db / 20.0) * is_voiced[:, None]
    played = harmonic_synth(f0_hz.astype(np.float32), amplitudes.astype(np.float32))
    played = played + filtered_noise(((1.0 - mix) * noise_db[0] + mix * noise_db[1]).astype(np.float32))
    return np.pad(played, (0, max(len(source) - len(played), 0)))[: len(source)]


BLENDS: dict[Blend, Callable[[Sound, Sound, float, Sound], Sound]] = {
    "waveform": _waveform,
    "log-magnitude": _log_magnitude,
    "harmonic": _harmonic,
}
"""Techniques by name."""
