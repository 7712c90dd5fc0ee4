"""A recording in mono at a voice's rate: block by block, or kept where it can be read again from anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32

from violute.audio.channels import Measurement, mono_blocks
from violute.audio.resample import StreamResampler, resampled_length
from violute.audio.source import Source
from violute.transforms.spectrogram import PEAK
from violute.voices.contract import OnProgress
from violute.voices.spool import SPOOL_BYTES, Spool

Block = Float32[np.ndarray, " _sample"]


def resampled_blocks(
    source: Source, measurement: Measurement, sample_rate: int, on_progress: OnProgress
) -> Iterator[Block]:
    """Read a recording in mono at another rate, block by block, by what `measure` said of it."""
    length = resampled_length(source.n_samples, source.sample_rate, sample_rate)
    blocks = _reported(mono_blocks(source, measurement), source.n_samples, on_progress)
    yield from resampled(blocks, source.sample_rate, sample_rate, length)


def spooled(
    source: Source, measurement: Measurement, sample_rate: int, on_progress: OnProgress
) -> tuple[Spool, np.float32]:
    """Keep a recording in mono at another rate; arguments as of `resampled_blocks`.

    Returns:
        The recording, and the gain that brings its loudest sample to `PEAK`.
    """
    spool = Spool(SPOOL_BYTES, "the recording")
    peak = 0.0
    for mono in resampled_blocks(source, measurement, sample_rate, on_progress):
        peak = max(peak, float(np.abs(mono).max(initial=0.0)))
        spool.append(mono)
    return spool, np.float32(PEAK / max(peak, 1e-9))


def kept_blocks(recording: Spool, on_progress: OnProgress) -> Iterator[Block]:
    """Read what `spooled` kept once more, from the start."""
    return _reported((block[0] for block in recording.blocks()), recording.n_samples, on_progress)


def resampled(
    blocks: Iterable[Block], from_rate: int, to_rate: int, n_samples: int | None = None
) -> Iterator[Block]:
    """Change the rate of a mono sound that comes in blocks; for the length see `StreamResampler`."""
    resampler = StreamResampler(from_rate, to_rate, 1, n_samples)
    for block in blocks:
        yield resampler.push(block[None])[0]
    yield resampler.flush()[0]


def _reported(blocks: Iterable[Block], n_samples: int, on_progress: OnProgress) -> Iterator[Block]:
    """Pass blocks of a sound on, and say which share of it has come."""
    n_done = 0
    for block in blocks:
        n_done += len(block)
        on_progress(n_done / n_samples)
        yield block


def without_first(blocks: Iterable[Block], n_samples: int) -> Iterator[Block]:
    """Leave out the first samples of a sound, such as those by which a network is late."""
    for block in blocks:
        if len(block) > n_samples:
            yield block[n_samples:]
        n_samples = max(n_samples - len(block), 0)
