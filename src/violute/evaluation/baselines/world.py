"""The WORLD envelope swap: the source's pitch and loudness under another instrument's envelopes.

WORLD takes the source apart into pitch, spectral envelope and aperiodicity. Envelope and aperiodicity
of each frame give way to those of the frames of both ends' recordings that are nearest in pitch and
loudness, interpolated in log by the mix, at the source's A-weighted level; WORLD puts the result
together again. Pitch is that of conversion, not Harvest's, which judges in this bench.

Source:
    Morise, Yokomori & Ozawa, WORLD: A Vocoder-Based High-Quality Speech Synthesis System (IEICE 2016);
    Morise, CheapTrick (Speech Communication 2015); Morise, D4C (Speech Communication 2016).
"""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float
from scipy.ndimage import convolve1d

from violute.analysis.analyser import analyse
from violute.analysis.loudness import a_weighting_db
from violute.evaluation.baselines.reference_frames import (
    BorrowingBaseline,
    BorrowingTake,
    Course,
    EndFrames,
    ReferenceFrames,
)
from violute.rates import HOP_LENGTH, SAMPLE_RATE

with warnings.catch_warnings():
    # pyworld asks setuptools for its own version, in a way that setuptools has retired.
    warnings.simplefilter("ignore", UserWarning)
    import pyworld

SMOOTHING = np.array([0.25, 0.75, 1.0, 0.75, 0.25]) / 3.0
"""Over 50 ms: neighbouring frames borrow from far apart, and their envelopes would crackle."""

_LOWEST_POWER = 1e-16
_LOWEST_APERIODICITY = 1e-3
_FRAME_MS = 1000.0 * HOP_LENGTH / SAMPLE_RATE


class WorldTake(BorrowingTake):
    """One performance and the envelopes of both ends for it."""

    def prepare(self, frames: ReferenceFrames) -> None:
        """Take the performance apart and find its nearest frames."""
        course = Course.of(analyse(self.mono))
        self._f0_hz = np.where(course.is_voiced > 0.0, course.f0_hz, 0.0)
        seconds = np.arange(self._f0_hz.size) * HOP_LENGTH / SAMPLE_RATE
        own = pyworld.cheaptrick(self.mono.astype(np.float64), self._f0_hz, seconds, SAMPLE_RATE)
        self._weights = 10.0 ** (a_weighting_db(np.linspace(0.0, SAMPLE_RATE / 2, own.shape[1])) / 10.0)
        self._level = own @ self._weights
        self._ends = [borrowed_envelopes(end, course) for end in frames.ends]

    def play_mono(self, mix: float) -> Float[np.ndarray, " sample"]:
        """Interpolate both ends' envelopes and put the performance together."""
        weight = np.float32(mix)
        first, second = self._ends
        log_envelope, log_aperiodicity = (
            (1 - weight) * one + weight * other for one, other in zip(first, second, strict=True)
        )
        envelope = np.exp(log_envelope.astype(np.float64))
        envelope *= (self._level / (envelope @ self._weights))[:, None]
        aperiodicity = np.minimum(np.exp(log_aperiodicity.astype(np.float64)), 1.0)
        return np.asarray(
            pyworld.synthesize(
                self._f0_hz, np.maximum(envelope, _LOWEST_POWER), aperiodicity, SAMPLE_RATE, _FRAME_MS
            )
        )


class WorldEnvelopeSwap(BorrowingBaseline):
    """Plays the source's pitch and loudness under borrowed envelopes."""

    take_type = WorldTake


def borrowed_envelopes(
    end: EndFrames, course: Course
) -> tuple[Float[np.ndarray, "frame bin"], Float[np.ndarray, "frame bin"]]:
    """Return natural logs of envelope (power, at any level) and aperiodicity of the nearest frames.

    Only frames that are nearest to some frame of the performance are taken apart.
    """
    chosen, where = np.unique(end.nearest(course), return_inverse=True)
    n_bins = pyworld.get_cheaptrick_fft_size(SAMPLE_RATE) // 2 + 1
    log_envelope = np.empty((chosen.size, n_bins), np.float32)
    log_aperiodicity = np.empty((chosen.size, n_bins), np.float32)
    for audio, inside in end.by_recording(chosen):
        f0_hz = end.f0_hz[chosen[inside]]
        seconds = end.frame[chosen[inside]] * HOP_LENGTH / SAMPLE_RATE
        sound = audio.astype(np.float64)
        envelope = pyworld.cheaptrick(sound, f0_hz, seconds, SAMPLE_RATE)
        # Of the same level each, lest a loud recording outweigh the others where they are smoothed.
        envelope /= np.maximum(envelope.mean(axis=1, keepdims=True), _LOWEST_POWER)
        # These frames are known to be pitched; D4C's own test would make noise of some high notes.
        aperiodicity = pyworld.d4c(sound, f0_hz, seconds, SAMPLE_RATE, threshold=0.0)
        log_envelope[inside] = np.log(np.maximum(envelope, _LOWEST_POWER))
        log_aperiodicity[inside] = np.log(np.maximum(aperiodicity, _LOWEST_APERIODICITY))
    smooth_envelope, smooth_aperiodicity = (
        convolve1d(track[where], SMOOTHING, axis=0, mode="nearest")
        for track in (log_envelope, log_aperiodicity)
    )
    return smooth_envelope, smooth_aperiodicity
