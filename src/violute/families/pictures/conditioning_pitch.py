"""The pitch that picture networks are given: as a picture of its harmonics, and as the phases of their sum.

A network that must find pitch in a picture finds that of the recordings it knows; one that filters what it
hears cannot give a flute, or a recording without treble, the upper partials of a violin. So voices whose
card says so are given the pitch that the analysis of the recording found, as a picture that is 1 where its
harmonics lie, up to the top. Likewise the source's phases are noise wherever the source has no partial: what
such a network drew is played with the phases of an excitation, the sum of all harmonics at one strength, and
of the source itself where nothing has a pitch.

Source:
    Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), for partials and noise as
    the two parts of a sound; Wang et al., Neural source-filter waveform models (2020), section III-B, for an
    excitation that carries the pitch past the network.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex64, Float, Float32

from violute.analysis.articulation import harmonic_gate
from violute.analysis.controls import SILENCE_DB, Controls
from violute.rates import HOP_LENGTH
from violute.synthesis.harmonics import HarmonicSynth
from violute.transforms.spectrogram import SpectrogramSettings

LOBE_BINS = 2.0
"""From the middle of a harmonic to where the Hann window's main lobe ends."""

LOBE_BLUR = 0.01
"""How much wider each further harmonic's lobe is: a pitch that glides within a window moves it further."""

N_HARMONICS = 110
"""Of the excitation: up to Nyquist from the lowest note of a violin."""

BLOCK_FRAMES = 1000
NOISE_LEVEL, NOISE_SEED = 0.4, 0x50484153
"""Of the excitation's white noise beside harmonics of amplitude 1: in a bin of the transform 33 dB less.

Added to the sound and not to its frames, which overlap: noise of its own in each would cancel in their sum.
"""

SILENT = 1e-9


class ConditioningPitch:
    """Where the harmonics of a performance lie, at any time."""

    def __init__(self, controls: Controls) -> None:
        self._rate_hz = controls.frame_rate_hz
        gates, pitches = [], []
        loudest_db = controls.loudness_db.max(axis=0)
        for f0_hz, periodicity, loudness_db in zip(
            controls.f0_hz, controls.periodicity, controls.loudness_db, strict=True
        ):
            gate = harmonic_gate(periodicity > 0.0, loudness_db) * (f0_hz > 0.0)
            beside = 10.0 ** ((loudness_db - np.maximum(loudest_db, SILENCE_DB)) / 20.0)
            gates.append((gate * beside).astype(np.float32))
            pitches.append(f0_hz.astype(np.float32))
        self.strength: Float32[np.ndarray, "line frame"] = np.stack(gates)
        self.f0_hz: Float32[np.ndarray, "line frame"] = np.stack(pitches)

    @property
    def voiced_share(self) -> float:
        """Of the frames."""
        return float((self.strength.max(axis=0) > 0.0).mean())

    def at(
        self, first_frame: int, n_frames: int, settings: SpectrogramSettings
    ) -> tuple[Float32[np.ndarray, "line frame"], Float32[np.ndarray, "line frame"]]:
        """Return pitch in Hz and strength, 0 to 1, at some frames of a picture; outside nothing sounds."""
        seconds = (first_frame + np.arange(n_frames)) * settings.hop_length / settings.sample_rate
        place = np.rint(seconds * self._rate_hz).astype(np.int64)
        inside = np.clip(place, 0, self.f0_hz.shape[1] - 1)
        return self.f0_hz[:, inside], self.strength[:, inside] * (place == inside)

    def partials(
        self, first_frame: int, n_frames: int, settings: SpectrogramSettings
    ) -> Float32[np.ndarray, "bin frame"]:
        """Draw the harmonics at some frames of a picture; of several notes the strongest counts."""
        lines = zip(*self.at(first_frame, n_frames, settings), strict=True)
        pictures = [strength * harmonic_lobes(f0_hz, settings) for f0_hz, strength in lines]
        return np.max(pictures, axis=0).astype(np.float32)

    def excitation(self) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Play all harmonics of all lines at one strength, and noise, at `SAMPLE_RATE`, in blocks."""
        n_frames, rng = self.f0_hz.shape[1], np.random.default_rng(NOISE_SEED)
        synths = [HarmonicSynth() for _ in self.f0_hz]
        for start in range(0, n_frames, BLOCK_FRAMES):
            points = np.minimum(np.arange(start, min(start + BLOCK_FRAMES, n_frames) + 1), n_frames - 1)
            block = NOISE_LEVEL * rng.standard_normal((len(points) - 1) * HOP_LENGTH, dtype=np.float32)
            for synth, f0_hz, strength in zip(synths, self.f0_hz, self.strength, strict=True):
                levels = np.repeat(strength[points, None], N_HARMONICS, axis=1)
                block += synth.block(f0_hz[points], levels)
            yield block


def harmonic_lobes(
    f0_hz: Float[np.ndarray, " frame"], settings: SpectrogramSettings
) -> Float32[np.ndarray, "bin frame"]:
    """Draw every harmonic as a raised cosine: within 0.03 of the Hann window's main lobe.

    The twin of `corpus.harmonic_lobes` without torch. Where the pitch is 0 nothing is drawn.
    """
    f0_bins = np.maximum(f0_hz, 1.0).astype(np.float32) * np.float32(settings.n_fft / settings.sample_rate)
    bins = np.arange(settings.n_bins, dtype=np.float32)[:, None]
    harmonic = np.maximum(np.rint(bins / f0_bins), 1.0)
    distance = np.abs(bins - harmonic * f0_bins) / (np.float32(1.0) + np.float32(LOBE_BLUR) * harmonic)
    lobes = 0.5 + 0.5 * np.cos(np.float32(np.pi / LOBE_BINS) * np.minimum(distance, np.float32(LOBE_BINS)))
    return (lobes * (f0_hz > 0.0)).astype(np.float32)


def phases_of(
    excitation: Complex64[np.ndarray, "bin frame"],
    source: Complex64[np.ndarray, "bin frame"],
    strength: Float32[np.ndarray, " frame"],
) -> Complex64[np.ndarray, "bin frame"]:
    """Return numbers whose phases a drawn picture is played with: the source's where nothing has a pitch."""
    loudest = np.maximum(np.abs(source).max(axis=0), SILENT)
    own: Complex64[np.ndarray, "bin frame"] = source * ((1.0 - strength) / loudest).astype(np.float32)
    return excitation + own
