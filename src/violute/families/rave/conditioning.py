"""What a conditioned RAVE hears beside its latent: an excitation at the recording's pitch, pitch, loudness.

The excitation holds all harmonics of the tracked fundamental, and nothing where the recording has no pitch.
Three tracks go with it, a value for each frame of the bands (16 samples): octaves above 440 Hz, voiced (0 to
1) and A-weighted loudness in dB. Of chords, the excitations of the lines add up, each as loud as its line,
and the tracks are those of the loudest.

Source:
    Wang et al., Neural source-filter waveform models (2020), section III-B.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.controls import Controls
from violute.dsp.pqmf_sizes import N_BANDS
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.sines import Oscillator, pulses

FRAME_SAMPLES = N_BANDS
"""Of a frame of the bands: as many as there are of them."""

N_TRACKS = 3
TUNING_HZ = 440.0
SILENT_DB = -90.0
"""Nothing is softer."""


def tracks_at(
    place: Float[np.ndarray, " frame"],
    f0_hz: Float[np.ndarray, " control"],
    is_voiced: Float[np.ndarray, " control"],
    loudness_db: Float[np.ndarray, " control"],
) -> Float32[np.ndarray, "3 frame"]:
    """Return the tracks at places between the frames of controls.

    Args:
        place: In frames of the controls; what lies outside has no pitch and is silent.
        f0_hz: 0 where the piece has no pitch at all.
        is_voiced: 0 or 1.
        loudness_db: A-weighted.
    """
    at = np.arange(len(f0_hz), dtype=np.float64)
    octaves = np.log2(np.where(f0_hz > 0.0, f0_hz, TUNING_HZ) / TUNING_HZ)
    nearest = np.clip(np.rint(place).astype(np.int64), 0, max(len(f0_hz) - 1, 0))
    if not len(f0_hz):
        silent = np.zeros((N_TRACKS, len(place)), np.float32)
        silent[2] = SILENT_DB
        return silent
    between = np.interp(place, at, octaves)
    # Where a new note begins nothing glides.
    leaps = np.abs(between - octaves[nearest]) > 1.0 / 12.0
    tracks = [
        np.where(leaps, octaves[nearest], between),
        np.interp(place, at, is_voiced, left=0.0, right=0.0),
        np.interp(place, at, np.maximum(loudness_db, SILENT_DB), left=SILENT_DB, right=SILENT_DB),
    ]
    return np.stack(tracks).astype(np.float32)


class Conditioning:
    """Excitation and tracks of a performance that is raised by a gain, from any sample on."""

    def __init__(self, controls: Controls, gain_db: float) -> None:
        self._voiced = (controls.periodicity > 0.0).astype(np.float32)
        self._f0_hz, self._loudness_db = controls.f0_hz, controls.loudness_db + np.float32(gain_db)
        self._oscillators = [
            Oscillator(np.where(f0 > 0.0, f0, TUNING_HZ).astype(np.float32), HOP_LENGTH, SAMPLE_RATE)
            for f0 in controls.f0_hz
        ]

    def between(self, start: int, stop: int) -> Float32[np.ndarray, "channel frame"]:
        """Return the excitation's samples, 16 to a frame, and the tracks; both edges are whole frames."""
        n_frames = (stop - start) // FRAME_SAMPLES
        middles = start + FRAME_SAMPLES * (np.arange(n_frames) + 0.5)
        first = max(int(start // HOP_LENGTH) - 2, 0)
        part = slice(first, int(stop // HOP_LENGTH) + 3)
        place = middles / HOP_LENGTH - first
        lines = np.stack(
            [
                tracks_at(place, f0[part], voiced[part], level[part])
                for f0, voiced, level in zip(self._f0_hz, self._voiced, self._loudness_db, strict=True)
            ]
        )
        powers = 10.0 ** (lines[:, 2] / 10.0) * np.maximum(lines[:, 1], 1e-3)
        shares = np.sqrt(powers / powers.sum(axis=0))
        excitation = np.zeros(stop - start, np.float32)
        for share, tracks, oscillator in zip(shares, lines, self._oscillators, strict=True):
            if (tracks[1] > 0.0).any():
                sounding = np.repeat(share * tracks[1], FRAME_SAMPLES).astype(np.float32)
                f0_hz = np.repeat(TUNING_HZ * 2.0 ** tracks[0], FRAME_SAMPLES)
                excitation += sounding * pulses(_cycles(oscillator, start, stop), f0_hz)
        leading = lines[powers.argmax(axis=0), :, np.arange(n_frames)].T
        leading[1] = lines[:, 1].max(axis=0)
        leading[2] = np.maximum(10.0 * np.log10((10.0 ** (lines[:, 2] / 10.0)).sum(axis=0)), SILENT_DB)
        return np.concatenate([excitation.reshape(-1, FRAME_SAMPLES).T, leading]).astype(np.float32)


def _cycles(oscillator: Oscillator, start: int, stop: int) -> np.ndarray:
    """Count cycles from sample to sample; a frame of controls is centred on the first of its samples."""
    half = HOP_LENGTH // 2
    first, last = (start + half) // HOP_LENGTH, (stop + half) // HOP_LENGTH
    at = start + half - first * HOP_LENGTH
    return oscillator.cycles(np.arange(first, last + 1))[at : at + stop - start]
