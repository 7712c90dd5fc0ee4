"""Another pitch for any sound, at its length: a phase vocoder slows it down, and resampling makes up for it.

All of the spectrum moves, so that an octave up sounds like a smaller instrument, and attacks soften by
about half a window. Families that play a given pitch are given another one instead.

Source:
    Laroche & Dolson, Improved phase vocoder time-scale modification of audio (IEEE Trans. Speech and Audio
    Processing 7(3), 1999): identity phase locking, section III.C.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Complex, Float, Float32

from violute.audio.resample import StreamResampler
from violute.transforms.spectra import hann

Spectrum = Complex[np.ndarray, " bin"]
Block = Float32[np.ndarray, " _sample"]

WINDOW_SECONDS = 0.05
"""About four periods of the lowest notes."""

OVERLAP = 4


def transposed(
    blocks: Iterable[Float[np.ndarray, " _sample"]], semitones: float, sample_rate: int
) -> Iterator[Block]:
    """Bring a mono sound, in blocks of any size, so many semitones up; its length stays, to a few samples."""
    ratio = 2.0 ** (semitones / 12.0)
    resampler = StreamResampler(round(sample_rate * ratio), sample_rate, 1)
    stretcher = Stretcher(ratio, n_fft=2 ** round(math.log2(WINDOW_SECONDS * sample_rate)))
    for block in blocks:
        yield resampler.push(stretcher.push(block)[None])[0]
    yield resampler.push(stretcher.flush()[None])[0]
    yield resampler.flush()[0]


class Stretcher:
    """Plays a sound slower at its own pitch, block by block.

    Each frame's phases go on from those of the frame before by what the sound itself turns within a hop. The
    ratio is the length of what comes out over that of what goes in.
    """

    def __init__(self, ratio: float, *, n_fft: int) -> None:
        self._ratio, self._n_fft, self._hop = ratio, n_fft, n_fft // OVERLAP
        window = hann(n_fft).astype(np.float64)
        self._window = window
        self._scale = self._hop / float(np.square(window).sum())
        # Silence before the sound: its first frame is centred on its first sample, and has one before it.
        self._waiting = np.zeros(self._hop + n_fft // 2)
        self._first = -len(self._waiting)  # sample of the sound with which `_waiting` begins
        self._n_heard = self._n_frames = 0
        self._n_given = -(n_fft // 2)
        self._sum = np.zeros(n_fft)
        self._phases: Spectrum | None = None

    def push(self, block: Float[np.ndarray, " _sample"]) -> Block:
        """Take the next block and return what is ready, which can be nothing."""
        self._n_heard += len(block)
        return self._take(block)

    def flush(self) -> Block:
        """Return what is left; nothing may be pushed afterwards."""
        wanted = round(self._n_heard * self._ratio) - max(self._n_given, 0)
        silence = np.zeros(self._n_fft + math.ceil((wanted + self._n_fft) / self._ratio))
        return self._take(silence)[: max(wanted, 0)]

    def _take(self, block: Float[np.ndarray, " _sample"]) -> Block:
        self._waiting = np.concatenate([self._waiting, block])
        ready = [np.zeros(0, np.float32)]
        while (at := self._place() - self._first) + self._n_fft <= len(self._waiting):
            ready.append(self._frame(at)[max(-self._n_given, 0) :])
            self._n_given += self._hop
        start = max(self._place() - self._hop - self._first, 0)
        self._waiting, self._first = self._waiting[start:], self._first + start
        return np.concatenate(ready)

    def _place(self) -> int:
        """Sample of the sound with which the next frame begins."""
        return round(self._n_frames * self._hop / self._ratio) - self._n_fft // 2

    def _frame(self, at: int) -> Float32[np.ndarray, " hop"]:
        earlier, now = (
            np.fft.rfft(self._window * self._waiting[start : start + self._n_fft])
            for start in (at - self._hop, at)
        )
        turned = now if self._phases is None else now * _turns(now, earlier, self._phases)
        self._phases = _units(turned)
        self._n_frames += 1
        self._sum += self._window * np.fft.irfft(turned, self._n_fft) * self._scale
        ready = self._sum[: self._hop].astype(np.float32)
        self._sum = np.concatenate([self._sum[self._hop :], np.zeros(self._hop)])
        return ready


def _turns(now: Spectrum, earlier: Spectrum, phases: Spectrum) -> Spectrum:
    """Return by what each bin is turned so that it goes on from `phases`; all as the peak next to them."""
    turns = phases * np.conj(_units(earlier))
    level = np.abs(now)
    inner = level[2:-2]
    others = np.max([level[:-4], level[1:-3], level[3:-1], level[4:]], axis=0)
    peaks = np.flatnonzero(inner > others) + 2
    if len(peaks) == 0:
        return turns
    return turns[peaks[np.searchsorted((peaks[1:] + peaks[:-1]) / 2, np.arange(len(now)))]]


def _units(spectrum: Spectrum) -> Spectrum:
    level = np.abs(spectrum)
    return np.where(level > 0.0, spectrum / np.maximum(level, 1e-30), 1.0)
