"""A recording in mono at a voice's rate, kept where it can be read again from anywhere."""

from __future__ import annotations

import numpy as np

from violute.audio.channels import Measurement, mono_blocks
from violute.audio.resample import StreamResampler, resampled_length
from violute.audio.source import Source
from violute.voices.contract import OnProgress
from violute.voices.spool import SPOOL_BYTES, Spool


def spooled(
    source: Source, measurement: Measurement, sample_rate: int, on_progress: OnProgress
) -> tuple[Spool, float]:
    """Resample a recording, in constant memory.

    Args:
        source: The recording.
        measurement: Of its level and channels.
        sample_rate: To resample to, in Hz.
        on_progress: Called with the share done.

    Returns:
        The recording, and the magnitude of its loudest sample.
    """
    length = resampled_length(source.n_samples, source.sample_rate, sample_rate)
    resampler = StreamResampler(source.sample_rate, sample_rate, 1, length)
    spool = Spool(SPOOL_BYTES, "the recording")
    peak = 0.0
    n_done = 0
    for block in mono_blocks(source, measurement):
        mono = resampler.push(block[None])
        peak = max(peak, float(np.abs(mono).max(initial=0.0)))
        spool.append(mono)
        n_done += len(block)
        on_progress(n_done / source.n_samples)
    rest = resampler.flush()
    spool.append(rest)
    return spool, max(peak, float(np.abs(rest).max(initial=0.0)))
