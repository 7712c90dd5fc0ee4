"""The long-term EQ match: the average spectrum of the source moved to that of another instrument.

What a mixing engineer's "match EQ" does. Average spectra are means of power over all frames, read in
bands of a third of an octave, twelve points an octave, each relative to its own total; the filter is
the difference in dB between the target (both ends' spectra, interpolated in dB by the mix) and the
source, at zero phase.

Source:
    Ma, Reiss & Black, Implementation of an Intelligent Equalization Tool Using Yule-Walker for Music
    Mixing and Mastering (AES 134, 2013), for matching to a target; the filter here is applied by FFT.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from jaxtyping import Float

from violute.evaluation.baselines.references import LevelledTake, References, check_references
from violute.evaluation.metrics.loudness import to_mono

GRID_HZ = 40.0 * 2.0 ** (np.arange(108) / 12.0)
"""Where average spectra are read: 40 Hz to 19.3 kHz."""

LARGEST_CHANGE_DB = 30.0
"""No band moves further than this from the median change: where the source has nothing, there is only
noise to raise."""

_N_FFT_SECONDS = 0.1
_FLOOR = 1e-9
_PAD_SECONDS = 0.5


def average_spectrum_db(
    audio: Float[np.ndarray, "... sample"], sample_rate: int
) -> Float[np.ndarray, " point"]:
    """Return the long-term average spectrum in third-octave bands around `GRID_HZ`.

    Returns:
        Power density in dB relative to the whole's mean over the grid, at least -90.
    """
    return _relative_db(_band_power(audio, sample_rate))


def average_spectrum_of_recordings_db(
    recordings: list[tuple[Float[np.ndarray, "... sample"], int]],
) -> Float[np.ndarray, " point"]:
    """Return the average over recordings: power, each at the same level, weighed by its length."""
    total = np.zeros(GRID_HZ.size)
    for audio, sample_rate in recordings:
        power = _band_power(audio, sample_rate)
        total += power / max(float(power.sum()), 1e-30) * (audio.shape[-1] / sample_rate)
    return _relative_db(total)


class EqMatch:
    """Moves the average spectrum of the source to that of both ends' recordings."""

    def __init__(self, references: References) -> None:
        self._references = {end: list(references[end]) for end in check_references(references)}
        self._targets_db: list[Float[np.ndarray, " point"]] = []

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> EqTake:
        """Measure the average spectrum of a performance."""
        if not self._targets_db:
            self._targets_db = [average_spectrum_of_recordings_db(r) for r in self._references.values()]
        return EqTake(audio, sample_rate, self._targets_db)


class EqTake(LevelledTake):
    """One performance and the filters to the average spectra of both ends."""

    def __init__(
        self,
        audio: Float[np.ndarray, "... sample"],
        sample_rate: int,
        targets_db: list[Float[np.ndarray, " point"]],
    ) -> None:
        super().__init__(audio, sample_rate)
        self._n_samples = audio.shape[-1]
        source_db = average_spectrum_db(audio, sample_rate)
        self._changes_db = [target_db - source_db for target_db in targets_db]
        # Silence at the end, or the filter's response before the start would wrap round onto it.
        padded = self._n_samples + int(_PAD_SECONDS * sample_rate)
        self._n_fft = scipy.fft.next_fast_len(padded, real=True)
        self._spectrum = scipy.fft.rfft(audio.astype(np.float32), self._n_fft)

    def play(self, mix: float) -> Float[np.ndarray, "... sample"]:
        """Filter the recording."""
        change_db = (1.0 - mix) * self._changes_db[0] + mix * self._changes_db[1]
        change_db = np.clip(change_db - np.median(change_db), -LARGEST_CHANGE_DB, LARGEST_CHANGE_DB)
        frequency_hz = np.maximum(scipy.fft.rfftfreq(self._n_fft, 1.0 / self._sample_rate), 1.0)
        gain = 10.0 ** (np.interp(np.log(frequency_hz), np.log(GRID_HZ), change_db) / 20.0)
        filtered = scipy.fft.irfft(self._spectrum * gain.astype(np.float32), self._n_fft)
        return np.asarray(filtered[..., : self._n_samples])


def _band_power(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Float[np.ndarray, " point"]:
    """Mean power density of third-octave bands around `GRID_HZ`; 0 above Nyquist."""
    mono = to_mono(audio)
    n_fft = scipy.fft.next_fast_len(int(_N_FFT_SECONDS * sample_rate), real=True)
    mono = np.pad(mono, (n_fft // 2, n_fft))
    windows = np.lib.stride_tricks.sliding_window_view(mono, n_fft)[:: n_fft // 2]
    power = np.zeros(n_fft // 2 + 1)
    hann = np.hanning(n_fft)
    for start in range(0, len(windows), 256):
        power += np.square(np.abs(np.fft.rfft(windows[start : start + 256] * hann, axis=1))).sum(axis=0)
    # Integrated up to each bin's upper edge, so that any band reads exactly, however narrow.
    edges_hz = (np.arange(power.size + 1) - 0.5) * sample_rate / n_fft
    integral = np.concatenate([[0.0], np.cumsum(power / len(windows))])
    upper, lower = (np.interp(GRID_HZ * 2.0**shift, edges_hz, integral) for shift in (1.0 / 6, -1.0 / 6))
    return np.asarray((upper - lower) / GRID_HZ)


def _relative_db(power: Float[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    relative = power / max(float(power.mean()), 1e-30)
    return np.asarray(10.0 * np.log10(np.maximum(relative, _FLOOR)))
