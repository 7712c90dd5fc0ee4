"""The preview of a source: a WAV file of 16 bits, which every browser plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from violute.audio.source import Source
from violute.audio.write import AudioWriter

FULL_SCALE = 1.0 - 2.0**-15
"""Highest sample that 16 bits hold."""


def write_preview(source: Source, path: Path) -> float:
    """Write the recording at its rate, with its channels and, if 16 bits can hold it, its level.

    Lossy and floating-point files may exceed full scale; those are turned down by as much as it takes.

    Returns:
        The linear gain that the samples got, 1 or less.

    Raises:
        AudioError: The recording is damaged, or the disk is full.
    """
    peak = _write(source, path, 1.0)
    if peak <= 1.0:
        return 1.0
    gain = FULL_SCALE / peak
    _write(source, path, gain)
    return gain


def _write(source: Source, path: Path, gain: float) -> float:
    """Write the recording times `gain` and return its highest sample before."""
    peak = 0.0
    with AudioWriter(path, source.sample_rate, source.n_channels, subtype="PCM_16") as writer:
        for block in source.blocks():
            peak = max(peak, float(np.abs(block).max()))
            writer.write(block if gain == 1.0 else np.float32(gain) * block)
    return peak
