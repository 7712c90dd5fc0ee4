"""Which notes sound together: the network's answer, frame by frame, as a few candidates.

The network is `multipitch.onnx`, beside this file with its card; `bench/train_multipitch.py` trains it. It
answers for pitches a third of a semitone apart, and `shared_partials` then finds the exact pitch and the
loudness of each candidate in the spectrum. Frames are those of `log_spectrum`, 20 ms apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from violute.analysis.polyphony.log_spectrum import bin_hz, log_spectra
from violute.analysis.polyphony.shared_partials import divide_partials, sharpened
from violute.transforms.peaks import peak_offset

NETWORK_PATH = Path(__file__).with_name("multipitch.onnx")

N_CANDIDATES = 5
LEAST_PROBABILITY = 0.2
SURE_PROBABILITY = 0.4
"""A candidate this likely takes its share of the partials; the others get what their pitch alone would."""

CHUNK_FRAMES = 64
"""Frames that the network is shown at once, so that a long passage takes no more memory."""

CONTEXT_FRAMES = 16
"""Frames on either side that the network may look at: its kernels reach 7."""


@dataclass(frozen=True)
class Candidates:
    """Notes that may sound in each frame, most likely first; probability 0 where there are fewer.

    Attributes:
        probability: That the note sounds.
        f0_hz: Its fundamental; 0 where there is none.
        power: A-weighted power of its own partials and its share of those that it shares.
    """

    probability: Float32[np.ndarray, "frame candidate"]
    f0_hz: Float32[np.ndarray, "frame candidate"]
    power: Float32[np.ndarray, "frame candidate"]

    @classmethod
    def none(cls, n_frames: int) -> Candidates:
        """Return frames in which nobody listened."""
        empty = np.zeros((n_frames, N_CANDIDATES), np.float32)
        return cls(empty, empty, empty)

    @classmethod
    def joined(cls, parts: list[Candidates]) -> Candidates:
        """Return parts one after the other."""
        return cls(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in ("probability", "f0_hz", "power"))
        )

    def frames(self, start: int, stop: int) -> Candidates:
        """Return the frames from `start` up to, not including, `stop`."""
        return Candidates(self.probability[start:stop], self.f0_hz[start:stop], self.power[start:stop])

    def silent_where(self, is_silent: Bool[np.ndarray, " frame"]) -> Candidates:
        """Return the same without any note in some frames."""
        heard = ~is_silent[:, None]
        return Candidates(self.probability * heard, self.f0_hz * heard, self.power * heard)


def find_candidates(
    long_magnitudes: Float[np.ndarray, "frame long_bin"],
    short_magnitudes: Float[np.ndarray, "frame short_bin"],
    *,
    loudest: float,
) -> Candidates:
    """Find the notes that may sound, by spectra as `log_spectra` takes them."""
    levels = log_spectra(long_magnitudes, short_magnitudes, loudest=loudest)
    probability, place = likely_pitches(pitch_probability(levels))
    f0_hz = np.where(probability > 0.0, bin_hz(place), 0.0)
    is_sure = probability >= SURE_PROBABILITY
    f0_hz = sharpened(long_magnitudes, f0_hz, is_sure)
    power = divide_partials(long_magnitudes, f0_hz, is_sure)
    return Candidates(probability.astype(np.float32), f0_hz.astype(np.float32), power.astype(np.float32))


def pitch_probability(levels: Float32[np.ndarray, "frame bin 2"]) -> Float32[np.ndarray, "frame pitch"]:
    """Ask the network how likely each pitch sounds in each frame."""
    probabilities = []
    for start in range(0, len(levels), CHUNK_FRAMES):
        first = max(start - CONTEXT_FRAMES, 0)
        stop = min(start + CHUNK_FRAMES, len(levels))
        shown = levels[first : min(stop + CONTEXT_FRAMES, len(levels))]
        (probability,) = _network().run(None, {"levels": np.ascontiguousarray(shown)})
        probabilities.append(probability[start - first : stop - first])
    return np.concatenate(probabilities)


def likely_pitches(
    probability: Float[np.ndarray, "frame pitch"],
) -> tuple[Float[np.ndarray, "frame candidate"], Float[np.ndarray, "frame candidate"]]:
    """Pick the peaks of the network's answer: their probability, 0 where there are fewer, and their place."""
    padded = np.pad(probability, ((0, 0), (1, 1)))
    left, right = padded[:, :-2], padded[:, 2:]
    is_peak = (probability > left) & (probability >= right) & (probability > LEAST_PROBABILITY)
    height = np.where(is_peak, probability, 0.0)
    best = np.argsort(-height, axis=1, kind="stable")[:, :N_CANDIDATES]
    rows = np.arange(len(probability))[:, None]
    low, middle, high = left[rows, best], probability[rows, best], right[rows, best]
    offset = peak_offset(low, middle, high, least_bend=1e-6)
    return height[rows, best], best + np.clip(offset, -0.5, 0.5)


@lru_cache(maxsize=1)
def _network() -> Any:
    """Wake the network, on the core that asks: analysis runs one block a core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what each core once needed, and saves no time
    return onnxruntime.InferenceSession(
        NETWORK_PATH.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
