"""Filtered noise: breath and bow as white noise shaped by the levels of mel-spaced bands.

A band level is the mean power spectral density under the band's triangle, in dB relative to white
noise of RMS 1, which has 0 dB in every band. The triangles add up to one at every frequency, so equal
levels make white noise, and the density between two centres moves in a straight line on the mel scale.

Frame `i` is centred on sample `i * HOP_LENGTH`. Its noise depends on nothing but the seed and `i`:
streaming, seeking and repeating give the same samples.

Source:
    Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), stochastic part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float

from violute.errors import ShapeError
from violute.rates import HOP_LENGTH, SAMPLE_RATE

N_BANDS = 64
"""Bands of a voice's noise."""

LOWEST_BAND_HZ = 50.0
"""Centre of the first band; below it the density stays level."""

N_FFT = 1024
"""Samples of one draw of noise; the overlap-add takes two hops of them."""

N_DRAWS = 1024
"""Draws in the pool. They are met in random order, so no repetition is heard."""

DRAWS_SEED = 20_261_122

FRAMES_PER_GROUP = 32
"""Frames worked on together: few enough for their arrays to stay in the second-level cache."""


class FilteredNoise:
    """Noise of given band levels, block by block, from `first_frame` on; another seed is other noise."""

    def __init__(self, n_bands: int = N_BANDS, *, seed: int = 0, first_frame: int = 0) -> None:
        self.seed = seed
        self._frame = first_frame
        weights = band_weights(noise_bands(n_bands))
        self._n_bands = n_bands
        # A bin lies between two bands at most, so two gathers do; a matrix product would wake other cores.
        self._below = np.minimum((weights > 0.0).argmax(axis=0), max(n_bands - 2, 0))
        self._above = np.minimum(self._below + 1, n_bands - 1)
        bins = np.arange(weights.shape[1])
        self._share_below = weights[self._below, bins]
        self._share_above = weights[self._above, bins] * (self._above > self._below)
        self._window = overlap_window(HOP_LENGTH)

    def block(self, band_db: Float[np.ndarray, "point band"]) -> Float[np.ndarray, " sample"]:
        """Play from the first frame given up to the last; the next block opens with that last frame.

        Args:
            band_db: Level of each band at each frame, in dB as defined above; minus infinity is silence.

        Returns:
            `frame * HOP_LENGTH` samples at `SAMPLE_RATE` in float32, where `frame + 1` points were given.

        Raises:
            ShapeError: No frame, or another number of bands.
        """
        if band_db.ndim != 2 or len(band_db) == 0 or band_db.shape[1] != self._n_bands:
            raise ShapeError(
                f"band_db {band_db.shape} must be (point, {self._n_bands}) with at least one point"
            )
        n_frames = len(band_db) - 1
        audio = np.empty((n_frames, HOP_LENGTH), np.float32)
        for start in range(0, n_frames, FRAMES_PER_GROUP):
            stop = min(start + FRAMES_PER_GROUP, n_frames)
            power = np.exp(band_db[start : stop + 1].astype(np.float32) * np.float32(np.log(10) / 10))
            spectra = white_spectra(self._frame, stop - start + 1, seed=self.seed)
            density = np.take(power, self._below, axis=1) * self._share_below
            density += np.take(power, self._above, axis=1) * self._share_above
            spectra *= np.sqrt(density)
            draws = np.fft.irfft(spectra, N_FFT, axis=1)[:, : 2 * HOP_LENGTH]
            draws *= self._window
            np.add(draws[:-1, HOP_LENGTH:], draws[1:, :HOP_LENGTH], out=audio[start:stop])
            self._frame += stop - start
        return audio.ravel()


def filtered_noise(
    band_db: Float[np.ndarray, "frame band"], *, seed: int = 0
) -> Float[np.ndarray, " sample"]:
    """Play a whole performance with `FilteredNoise.block`; the last frame holds for one hop."""
    noise = FilteredNoise(band_db.shape[-1], seed=seed)
    return noise.block(np.concatenate([band_db, band_db[-1:]]))


def noise_bands(n_bands: int = N_BANDS, *, sample_rate: int = SAMPLE_RATE) -> Float[np.ndarray, " band"]:
    """Return the centres of the bands in Hz, evenly spaced in mel from `LOWEST_BAND_HZ` to Nyquist.

    The triangle of band b reaches from the centre of b - 1 to that of b + 1.

    Source:
        O'Shaughnessy, Speech Communication (1987), for mel = 2595 log10(1 + f / 700).
    """
    return mel_to_hz(np.linspace(hz_to_mel(LOWEST_BAND_HZ), hz_to_mel(sample_rate / 2), n_bands))


def band_weights(
    centres_hz: Float[np.ndarray, " band"], *, sample_rate: int = SAMPLE_RATE, n_fft: int = N_FFT
) -> Float[np.ndarray, "band bin"]:
    """Return the share of each band in the power of each bin of an FFT; every bin's shares add up to 1.

    The level of a band is measured with the same weights: their mean over a power spectral density.
    """
    mel = hz_to_mel(np.arange(n_fft // 2 + 1) * (sample_rate / n_fft))
    triangles = [np.interp(mel, hz_to_mel(centres_hz), peak) for peak in np.eye(len(centres_hz))]
    return np.array(triangles, np.float32)


def white_spectra(first_frame: int, n_frames: int, *, seed: int = 0) -> Complex[np.ndarray, "frame bin"]:
    """Return the spectra of white noise of RMS 1 that belong to these frames, whatever the blocks."""
    # SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): neighbouring frames land far apart, without a state.
    key = np.arange(first_frame, first_frame + n_frames, dtype=np.uint64)
    key = (key + np.uint64(seed % 2**32) * np.uint64(2**32) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return _draws()[(key ^ (key >> np.uint64(31))) % np.uint64(N_DRAWS)]


def overlap_window(hop_length: int) -> Float[np.ndarray, " sample"]:
    """Return a window of two hops whose square and its own shift by a hop add up to 1."""
    return np.sin(np.pi * (np.arange(2 * hop_length) + 0.5) / (2 * hop_length)).astype(np.float32)


def hz_to_mel(frequency_hz: float | Float[np.ndarray, " *axes"]) -> Float[np.ndarray, " *axes"]:
    """Convert Hz to mel (O'Shaughnessy 1987)."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0))


def mel_to_hz(mel: float | Float[np.ndarray, " *axes"]) -> Float[np.ndarray, " *axes"]:
    """Convert mel to Hz (O'Shaughnessy 1987)."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0))


@lru_cache(maxsize=1)
def _draws() -> Complex[np.ndarray, "draw bin"]:
    white = np.random.default_rng(DRAWS_SEED).standard_normal((N_DRAWS, N_FFT), np.float32)
    return np.fft.rfft(white, axis=1)
