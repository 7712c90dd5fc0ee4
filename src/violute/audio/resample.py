"""Changing the sample rate, offline and block by block with the same result.

soxr does the filtering (HQ: flat to 0.91 of the narrower Nyquist, aliases below -120 dB, linear phase);
this file holds it to exact lengths, which soxr rounds in its own way.
"""

from __future__ import annotations

import numpy as np
import soxr
from jaxtyping import Float32

_QUALITY = "HQ"


def resampled_length(n_samples: int, from_rate: int, to_rate: int) -> int:
    """Return the length that `n_samples` have at another rate: rounded, halves up."""
    return (2 * n_samples * to_rate + from_rate) // (2 * from_rate)


def resample(
    audio: Float32[np.ndarray, "*channel sample"], from_rate: int, to_rate: int
) -> Float32[np.ndarray, "*channel resampled"]:
    """Change the rate of a whole recording; a copy, as long as `resampled_length` says."""
    channels = np.atleast_2d(audio)
    n_samples = resampled_length(channels.shape[1], from_rate, to_rate)
    resampler = StreamResampler(from_rate, to_rate, channels.shape[0], n_samples)
    joined = np.concatenate([resampler.push(channels), resampler.flush()], axis=1)
    return joined if audio.ndim == 2 else joined[0]


class StreamResampler:
    """Change the rate of a recording that comes in blocks.

    Args:
        from_rate: Of the blocks, in Hz.
        to_rate: Wanted, in Hz.
        n_channels: 1 or more.
        n_samples: Length of the joined output at `to_rate`, exactly: what is over is dropped, what is
            missing is silence. None leaves soxr's own length, which may be a sample off.
    """

    def __init__(self, from_rate: int, to_rate: int, n_channels: int, n_samples: int | None = None) -> None:
        self.n_channels = n_channels
        self._n_left = n_samples
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, n_channels, dtype="float32", quality=_QUALITY)
        )

    def push(self, block: Float32[np.ndarray, "channel sample"]) -> Float32[np.ndarray, "channel resampled"]:
        """Take the next block and return what is ready, which can be nothing."""
        if self._stream is None:
            return self._cut(block.copy())
        return self._cut(self._chunk(block, last=False))

    def flush(self) -> Float32[np.ndarray, "channel resampled"]:
        """Return what is left; nothing may be pushed afterwards."""
        rest = np.zeros((self.n_channels, 0), dtype=np.float32)
        if self._stream is not None:
            rest = self._cut(self._chunk(rest, last=True))
        missing = self._n_left or 0
        self._n_left = 0
        return np.pad(rest, ((0, 0), (0, missing)))

    def _chunk(
        self, block: Float32[np.ndarray, "channel sample"], *, last: bool
    ) -> Float32[np.ndarray, "channel resampled"]:
        assert self._stream is not None
        interleaved = np.ascontiguousarray(block.T)
        if self.n_channels == 1:
            interleaved = interleaved[:, 0]
        out = self._stream.resample_chunk(interleaved, last=last)
        return np.ascontiguousarray(out.reshape(-1, self.n_channels).T, dtype=np.float32)

    def _cut(self, ready: Float32[np.ndarray, "channel ready"]) -> Float32[np.ndarray, "channel wanted"]:
        if self._n_left is None:
            return ready
        ready = ready[:, : self._n_left]
        self._n_left -= ready.shape[1]
        return ready
