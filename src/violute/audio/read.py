"""Reading a whole recording at once, for those who have the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.audio.channels import to_mono
from violute.audio.file_source import FileSource
from violute.audio.resample import resample


def read(path: str | Path) -> tuple[Float32[np.ndarray, "channel sample"], int]:
    """Read a recording into memory, in any format that `FileSource` reads.

    Returns:
        The samples, full scale 1, and the sample rate in Hz.

    Raises:
        AudioError: The file cannot be read, or holds NaN or infinity.
    """
    source = FileSource(path)
    audio = np.empty((source.n_channels, source.n_samples), dtype=np.float32)
    start = 0
    for block in source.blocks():
        audio[:, start : start + block.shape[1]] = block
        start += block.shape[1]
    return audio, source.sample_rate


def read_mono(
    path: str | Path, sample_rate: int, *, start_seconds: float = 0.0, end_seconds: float | None = None
) -> Float32[np.ndarray, " sample"]:
    """Read a recording, or a part of one, as conversion hears it: in mono, without a constant offset.

    Raises:
        AudioError: The file cannot be read, or holds NaN or infinity; the part is empty or silent.
    """
    source = FileSource(path, start_seconds, end_seconds)
    return resample(to_mono(source), source.sample_rate, sample_rate)
