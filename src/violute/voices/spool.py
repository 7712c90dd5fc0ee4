"""`Spool`: a sound that waits, in memory while it is short and on disk when it is long."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import Self

import numpy as np
from jaxtyping import Float32

from violute.audio.source import BLOCK_SAMPLES
from violute.errors import AudioError

SPOOL_BYTES = 64_000_000
"""A sound up to this size (6 minutes at 44.1 kHz) waits in memory, a longer one on disk."""

_SAMPLE_BYTES = 4


class Spool:
    """A sound that waits, beyond `most_bytes` on disk; whoever drops it leaves nothing behind.

    One of which more than that is expected, in samples of all channels, is on disk from its start: it would
    be in memory twice on its way there.
    """

    def __init__(
        self,
        most_bytes: int = SPOOL_BYTES,
        name: str = "the rendering",
        *,
        n_channels: int = 1,
        n_expected: int = 0,
    ) -> None:
        self.n_samples = 0
        self.n_channels = n_channels
        self._name = name
        self._is_long = n_expected * _SAMPLE_BYTES > most_bytes
        # Without a name on disk, so that even a killed process leaves nothing behind.
        self._file = tempfile.SpooledTemporaryFile(most_bytes)  # noqa: SIM115 - closed by __exit__
        # Two renderings of one take may read by turns.
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, sound: Float32[np.ndarray, "*channel sample"]) -> None:
        """Add samples of all channels at the end.

        Raises:
            AudioError: The disk is full.
        """
        try:
            with self._lock:
                if self._is_long and self.n_samples == 0:
                    self._file.rollover()
                self._file.seek(self.n_samples * _SAMPLE_BYTES)
                self._file.write(sound.T.tobytes())
        except OSError as error:
            raise AudioError(
                f"{self._name} doesn't fit into {tempfile.gettempdir()} ({error.strerror}): "
                "make room there, or set TMPDIR to another folder"
            ) from error
        self.n_samples += sound.size

    def read(self, start: int, stop: int) -> Float32[np.ndarray, " sample"]:
        """Read samples `start` up to, not including, `stop`, channel by channel; beyond is silence."""
        first, last = (min(max(at, 0), self.n_samples) for at in (start, stop))
        with self._lock:
            self._file.seek(first * _SAMPLE_BYTES)
            content = self._file.read((last - first) * _SAMPLE_BYTES)
        samples = np.zeros(stop - start, np.float32)
        samples[first - start : last - start] = np.frombuffer(content, np.float32)
        return samples

    def blocks(self) -> Iterator[Float32[np.ndarray, "_channel sample"]]:
        """Read everything, from the start."""
        size = BLOCK_SAMPLES * self.n_channels
        for start in range(0, self.n_samples, size):
            samples = self.read(start, min(start + size, self.n_samples))
            yield np.ascontiguousarray(samples.reshape(-1, self.n_channels).T)
