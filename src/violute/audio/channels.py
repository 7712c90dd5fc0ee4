"""From many channels to one and back.

A voice plays one line, so a recording is analysed in mono, and what is played goes back to the
recording's channels at their own levels. The mono mix is the mean of the channels; where they cancel
(one of them wired the wrong way round) it is the loudest channel alone. A constant offset carries no
sound: it is measured along the way and taken out of the mono mix, which keeps phase and length as they
are, where a high-pass would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from violute.audio.loudness import LoudnessMeter, channel_weights
from violute.audio.source import BLOCK_SAMPLES, INAUDIBLE, Source
from violute.errors import SilentError

_CANCELLING = 0.1
"""Share of the power of unrelated channels below which the mean counts as cancelled: -10 dB."""


@dataclass(frozen=True)
class Measurement:
    """What one reading of a recording tells about its level and channels.

    Attributes:
        loudness_lufs: Integrated loudness of all channels, BS.1770-4.
        true_peak_db: Largest true peak of any channel, in dBTP.
        mono_weights: Share of each channel in the mono mix.
        mono_offset: Constant offset of that mix, linear.
        channel_gains: RMS of each channel over that of the mono mix, offsets apart: a mono line times
            these has the recording's balance. Identical channels give 1.
    """

    loudness_lufs: float
    true_peak_db: float
    mono_weights: Float32[np.ndarray, " channel"]
    mono_offset: float
    channel_gains: Float32[np.ndarray, " channel"]


def measure(source: Source) -> Measurement:
    """Read a recording once and measure loudness, peak, balance and offset.

    Raises:
        AudioError: The recording is silent from start to end, damaged, or not finite.
    """
    meter = LoudnessMeter(source.sample_rate, source.n_channels)
    reference = np.zeros((source.n_channels, 1))
    total = np.zeros(source.n_channels)
    cross_power = np.zeros((source.n_channels, source.n_channels))
    furthest = 0.0
    n_samples = 0
    for block in source.blocks():
        if n_samples == 0:
            reference = block[:, :1].astype(np.float64)
        meter.push(block)
        # Sums around the first sample: an offset, however large, then costs no precision.
        centred = block - reference
        total += centred.sum(axis=1)
        # einsum, not a matrix product, here and below: a BLAS would wake other cores for nothing.
        cross_power += np.einsum("cs,ds->cd", centred, centred)
        furthest = max(furthest, float(centred.max()), -float(centred.min()))
        n_samples += block.shape[1]
    if furthest <= INAUDIBLE:
        raise SilentError(f"{source.name} is silent from start to end: choose a recording with sound in it")
    mean = total / n_samples
    covariance = cross_power / n_samples - np.outer(mean, mean)
    weights = _mono_weights(covariance)
    mono_rms = float(np.sqrt(weights @ covariance @ weights))
    return Measurement(
        loudness_lufs=meter.integrated_lufs(),
        true_peak_db=meter.true_peak_db(),
        mono_weights=weights.astype(np.float32),
        mono_offset=float(weights @ (mean + reference[:, 0])),
        channel_gains=(np.sqrt(np.maximum(covariance.diagonal(), 0)) / mono_rms).astype(np.float32),
    )


def mono_blocks(
    source: Source, measurement: Measurement, n_samples: int = BLOCK_SAMPLES
) -> Iterator[Float32[np.ndarray, " sample"]]:
    """Read a recording's mono mix, without its offset, by what `measure` said of it.

    Raises:
        AudioError: The recording is damaged or not finite.
    """
    for block in source.blocks(n_samples):
        mono = np.einsum("c,cs->s", measurement.mono_weights, block)
        yield mono - np.float32(measurement.mono_offset)


def to_mono(source: Source) -> Float32[np.ndarray, " sample"]:
    """Read a recording's whole mono mix into memory.

    Raises:
        AudioError: The recording is silent from start to end, damaged, or not finite.
    """
    return np.concatenate(list(mono_blocks(source, measure(source))))


def spread_over_channels(
    mono: Float32[np.ndarray, " sample"], gains: Float32[np.ndarray, " channel"]
) -> Float32[np.ndarray, "channel sample"]:
    """Play a mono line on every channel, at that channel's gain."""
    return gains[:, None] * mono


def spread_loudness_lu(gains: Float32[np.ndarray, " channel"]) -> float:
    """Return how much louder a mono line gets by `spread_over_channels`, in LU.

    Loudness adds the channels' powers, so a line needs to be metered only once, in mono. Exact where
    the gates keep the same blocks, which fails only next to the absolute gate.

    Source:
        ITU-R BS.1770-4, annex 1, equation 2.
    """
    return 10 * float(np.log10(channel_weights(gains.size) @ np.square(gains, dtype=np.float64)))


def _mono_weights(covariance: Float[np.ndarray, "channel channel"]) -> Float[np.ndarray, " channel"]:
    n_channels = len(covariance)
    power = covariance.diagonal()
    # The mean of unrelated channels has a share of 1 / n_channels of their mean power.
    if covariance.mean() >= _CANCELLING * power.mean() / n_channels:
        return np.full(n_channels, 1 / n_channels)
    weights = np.zeros(n_channels)
    weights[power.argmax()] = 1
    return weights
