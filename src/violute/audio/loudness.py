"""How loud a recording is: integrated loudness and true peak by ITU-R BS.1770-4, block by block.

The K-weighting runs in the frequency domain, overlap-save: its impulse response has fallen by 100 dB
after a tenth of a second, and an FFT filters a thousand times faster than real time where a recursion
in Python can't. Memory grows only by one number a channel for every tenth of a second.

Conventions: LUFS, 0 for a full-scale sine of 997 Hz being -3.01 LUFS in one channel; gating blocks of
400 ms overlap by three quarters; blocks below -70 LUFS, then those 10 LU below the mean of the rest,
don't count.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float, Float32

from violute.audio.true_peak import TruePeakMeter

SILENCE_LUFS = -120.0
"""Loudness that stands for digital silence; the lowest value that is ever returned."""

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_HOPS_PER_GATING_BLOCK = 4
_HOPS_PER_SECOND = 10
_RESPONSE_SECONDS = 0.1
_PROTOTYPE_RATE_HZ = 48_000


def channel_weights(n_channels: int) -> Float[np.ndarray, " channel"]:
    """Return what each channel's power counts for.

    Five channels are taken as L R C Ls Rs and six as L R C LFE Ls Rs, the order of WAV files; otherwise
    nothing is known about where the loudspeakers stand and every channel counts 1.

    Source:
        ITU-R BS.1770-4, annex 1, table 3.
    """
    if n_channels == 5:
        return np.array([1.0, 1.0, 1.0, 1.41, 1.41])
    if n_channels == 6:
        return np.array([1.0, 1.0, 1.0, 0.0, 1.41, 1.41])
    return np.ones(n_channels)


def k_weighting(frequency_hz: Float[np.ndarray, " bin"], sample_rate: int) -> Complex[np.ndarray, " bin"]:
    """Return the K-weighting's response: a high shelf for the head, a high-pass for the ear.

    The Recommendation gives coefficients for 48 kHz; for higher rates they are derived from the analogue
    prototype, and for lower ones the response at 48 kHz holds, so that a resampled recording is as loud
    as before.

    Source:
        ITU-R BS.1770-4, annex 1, tables 1 and 2; prototype after De Man, "Evaluation of
        implementations of the EBU R128 loudness measurement" (AES 145, 2018).
    """
    rate = max(sample_rate, _PROTOTYPE_RATE_HZ)
    delay = np.exp(-2j * np.pi * frequency_hz / rate)
    shelf_gain = 10 ** (3.999843853973347 / 20)
    shelf_band = shelf_gain**0.4996667741545416
    shelf = _biquad(delay, 1681.974450955533, 0.7071752369554196, rate, shelf_gain, shelf_band, 1.0)
    high_pass = _biquad(delay, 38.13547087602444, 0.5003270373238773, rate, 1.0, 0.0, 0.0)
    # The Recommendation's high-pass has the numerator 1, -2, 1, not divided as the prototype has it.
    k = np.tan(np.pi * 38.13547087602444 / rate)
    return shelf * high_pass * (1 + k / 0.5003270373238773 + k * k)


class LoudnessMeter:
    """Measure a recording that comes in blocks; `channel_weights` says what each channel counts."""

    def __init__(self, sample_rate: int, n_channels: int) -> None:
        self.sample_rate = sample_rate
        self.n_channels = n_channels
        self.n_samples = 0
        self._true_peak = TruePeakMeter(n_channels)
        self._n_history = round(_RESPONSE_SECONDS * sample_rate)
        # Several times the history, or most of each transform would be thrown away.
        self._n_fft = 1 << (6 * self._n_history).bit_length()
        self._response = _k_response(self._n_fft, sample_rate)
        self._buffer = np.zeros((n_channels, self._n_fft), dtype=np.float32)
        self._n_buffered = self._n_history
        self._n_weighted = 0
        # Energy per channel in each whole hop of a tenth of a second, and in the one under way.
        self._hops: list[Float[np.ndarray, "channel hop"]] = []
        self._begun = np.zeros(n_channels)

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> None:
        """Measure the next block, of any length."""
        self._true_peak.push(block)
        self.n_samples += block.shape[1]
        taken = 0
        while taken < block.shape[1]:
            n = min(self._n_fft - self._n_buffered, block.shape[1] - taken)
            self._buffer[:, self._n_buffered : self._n_buffered + n] = block[:, taken : taken + n]
            self._n_buffered += n
            taken += n
            if self._n_buffered == self._n_fft:
                hops, self._begun = self._hop_energies()
                self._hops.append(hops)
                self._n_weighted += self._n_fft - self._n_history
                self._buffer[:, : self._n_history] = self._buffer[:, -self._n_history :]
                self._n_buffered = self._n_history

    def integrated_lufs(self) -> float:
        """Return the gated loudness of everything pushed so far, in LUFS.

        Where the gates leave nothing to measure, the loudness of the whole, ungated, stands in: in a
        sound shorter than 400 ms, and in one that never rises above -70 LUFS, so that two quiet
        recordings still compare. Digital silence, or nothing, is `SILENCE_LUFS`.

        Source:
            ITU-R BS.1770-4, annex 1, equations 2 to 7.
        """
        if self.n_samples == 0:
            return SILENCE_LUFS
        last, begun = self._hop_energies()
        energy = channel_weights(self.n_channels) @ np.concatenate([*self._hops, last], axis=1)
        whole = float(energy.sum() + channel_weights(self.n_channels) @ begun) / self.n_samples
        n_blocks = energy.size - _HOPS_PER_GATING_BLOCK + 1
        if n_blocks < 1:
            return _lufs(whole)
        edges = _hop_edges(np.arange(energy.size + 1), self.sample_rate)
        n_in_block = edges[_HOPS_PER_GATING_BLOCK:] - edges[:-_HOPS_PER_GATING_BLOCK]
        power = np.convolve(energy, np.ones(_HOPS_PER_GATING_BLOCK), "valid") / n_in_block
        power = power[power > _power(_ABSOLUTE_GATE_LUFS)]
        if power.size == 0:
            return _lufs(whole)
        gate = power.mean() * 10 ** (_RELATIVE_GATE_LU / 10)
        return _lufs(float(power[power > gate].mean()))

    def true_peak_db(self) -> float:
        """Return the largest true peak of any channel so far, in dBTP; at least `SILENCE_LUFS`."""
        return max(SILENCE_LUFS, 20 * float(np.log10(max(self._true_peak.peak(), 1e-12))))

    def _hop_energies(self) -> tuple[Float[np.ndarray, "channel hop"], Float[np.ndarray, " channel"]]:
        """Weight what is buffered; return the energy of the hops that end in it, and of the one begun."""
        n_new = self._n_buffered - self._n_history
        if n_new == 0:
            return np.zeros((self.n_channels, 0)), self._begun
        # What lies behind the newest sample is left from before; a causal filter doesn't look there.
        weighted = np.fft.irfft(np.fft.rfft(self._buffer) * self._response, self._n_fft)
        squared = np.square(weighted[:, self._n_history : self._n_buffered])
        first = self._n_weighted * _HOPS_PER_SECOND // self.sample_rate
        last = (self._n_weighted + n_new) * _HOPS_PER_SECOND // self.sample_rate + 1
        edges = _hop_edges(np.arange(first, last + 1), self.sample_rate) - self._n_weighted
        edges = edges[(edges > 0) & (edges <= n_new)]
        pieces = np.split(squared, edges, axis=1)
        energies = np.stack([piece.sum(axis=1, dtype=np.float64) for piece in pieces], axis=1)
        energies[:, 0] += self._begun
        return energies[:, :-1], energies[:, -1]


@lru_cache(maxsize=4)
def _k_response(n_fft: int, sample_rate: int) -> Complex[np.ndarray, " bin"]:
    """K-weighting of each bin of a transform; a rendering makes several meters of one rate."""
    return k_weighting(np.fft.rfftfreq(n_fft, 1 / sample_rate), sample_rate).astype(np.complex64)


def _hop_edges(hops: Float[np.ndarray, " hop"] | np.ndarray, sample_rate: int) -> np.ndarray:
    """First sample of each tenth of a second, also where a tenth isn't a whole number of samples."""
    return -(-hops * sample_rate // _HOPS_PER_SECOND)


def _biquad(
    delay: Complex[np.ndarray, " bin"],
    frequency_hz: float,
    quality: float,
    sample_rate: int,
    high: float,
    band: float,
    low: float,
) -> Complex[np.ndarray, " bin"]:
    """Response of a second-order section by its gains above, at and below `frequency_hz`."""
    k = np.tan(np.pi * frequency_hz / sample_rate)
    numerator = (
        (high + band * k / quality + low * k * k)
        + 2 * (low * k * k - high) * delay
        + (high - band * k / quality + low * k * k) * delay**2
    )
    denominator = (1 + k / quality + k * k) + 2 * (k * k - 1) * delay + (1 - k / quality + k * k) * delay**2
    response: Complex[np.ndarray, " bin"] = numerator / denominator
    return response


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _lufs(power: float) -> float:
    return max(SILENCE_LUFS, -0.691 + 10 * float(np.log10(max(power, 1e-30))))
