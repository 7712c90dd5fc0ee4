"""The instrument judge: how surely a sound is a violin rather than a flute, or neither of them.

A small convolutional network hears log-mel patches of one second, each levelled for itself, so
that neither loudness nor the shape of a phrase can tell. It was trained on recordings under random
equalisation, rooms, noise and band limits (`bench/train_judge.py`, figures in JUDGE.md), and shares
nothing with any voice. It tells three classes apart: flute, violin and anything else, which includes
what models make of the two before they have learned.

Conventions: audio in [-1, 1] at any rate; inside, 22.05 kHz, Hann windows of 1024 samples every
256, 80 bands on Slaney's mel scale from 120 Hz to 10.8 kHz.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import soxr
from jaxtyping import Float, Float32

from violute.errors import InputError, ShapeError
from violute.evaluation.metrics.loudness import to_mono
from violute.voices.network import UNUSABLE, open_network

INSTRUMENTS = ("flute", "violin", "other")
"""The judge's classes, in the order of its scores."""

FLUTE, VIOLIN, OTHER = range(3)

SAMPLE_RATE = 22_050
"""Rate at which the judge listens, in Hz."""

PATCH_SAMPLES = SAMPLE_RATE
"""One second."""

PATCH_HOP_SAMPLES = SAMPLE_RATE // 2
"""Half a second."""

N_FFT = 1024
HOP_LENGTH = 256
N_MELS = 80
MEL_RANGE_HZ = (120.0, 10_800.0)

N_FRAMES = 1 + (PATCH_SAMPLES - N_FFT) // HOP_LENGTH
"""Frames of a patch; windows lie wholly inside it."""

GATE_DB = -35.0
"""Patches this far below the loudest patch are silent, and not heard."""

SILENCE_DBFS = -75.0
"""A clip whose loudest patch stays below this RMS level holds nothing to judge."""

FLOOR_DB = -70.0
CEILING_DB = 20.0
"""Range of a band's level, relative to the mean band power of its patch."""


@cache
def mel_filters() -> Float32[np.ndarray, "bin mel"]:
    """Return triangles of unit area per Hz over the bins of the power spectrum, on Slaney's mel scale."""
    low_hz, high_hz = MEL_RANGE_HZ
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=low_hz, fmax=high_hz)
    return np.asarray(filters.T, dtype=np.float32)


def log_mel(patches: Float32[np.ndarray, "patch second"]) -> Float32[np.ndarray, "patch mel frame"]:
    """Compute what the network hears of patches: band levels in units of 20 dB, levelled patch by patch.

    Returns:
        Levels from `FLOOR_DB / 20` to `CEILING_DB / 20`; a patch of digital silence is all floor.

    Raises:
        ShapeError: The patches have another length.
    """
    if patches.ndim != 2 or patches.shape[1] != PATCH_SAMPLES:
        raise ShapeError(f"patches have shape {patches.shape}: give (patch, {PATCH_SAMPLES})")
    windows = np.lib.stride_tricks.sliding_window_view(patches, N_FFT, axis=1)[:, ::HOP_LENGTH]
    hann = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(windows * hann, axis=-1)
    power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32) @ mel_filters()
    mean = power.mean(axis=(1, 2), keepdims=True)
    relative = power / np.where(mean > 0.0, mean, 1.0)
    levels_db = 10.0 * np.log10(np.maximum(relative, np.float32(10.0 ** (FLOOR_DB / 10.0))))
    levels = np.minimum(levels_db, np.float32(CEILING_DB)) / np.float32(20.0)
    return np.ascontiguousarray(levels.transpose(0, 2, 1), dtype=np.float32)


def cut_patches(audio: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "patch second"]:
    """Cut audio at `SAMPLE_RATE` into overlapping seconds and drop the silent ones.

    A clip shorter than a patch is filled up with silence; so is the last patch of a longer one
    when at least half of it is sound.
    """
    n_patches = max(1, 1 + int(np.ceil((len(audio) - PATCH_SAMPLES) / PATCH_HOP_SAMPLES)))
    padded = np.zeros((n_patches - 1) * PATCH_HOP_SAMPLES + PATCH_SAMPLES, dtype=np.float32)
    padded[: len(audio)] = audio[: len(padded)]
    patches = np.lib.stride_tricks.sliding_window_view(padded, PATCH_SAMPLES)[::PATCH_HOP_SAMPLES]
    power = np.square(patches, dtype=np.float64).mean(axis=1)
    if power.max() <= 10.0 ** (SILENCE_DBFS / 10.0):
        return np.zeros((0, PATCH_SAMPLES), dtype=np.float32)
    return np.ascontiguousarray(patches[power >= power.max() * 10.0 ** (GATE_DB / 10.0)])


class Verdict(NamedTuple):
    """What the judge heard in a clip.

    Attributes:
        posterior: Probability of violin against flute.
        other: Probability of neither, from 0 to 1.
    """

    posterior: float
    other: float


class Judge:
    """Says how surely a clip is a violin, a flute or neither; by ONNX Runtime, without torch.

    Args:
        path: Of a network made by `judge.training`; None is the one that ships.

    Raises:
        InputError: The file is missing or is not such a network.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        path = Path(path) if path is not None else Path(__file__).with_name("judge.onnx")
        if not path.is_file():
            raise InputError(f"{path}: there is no such judge: train one with bench/train_judge.py")
        try:
            self._session = open_network(path.read_bytes(), n_threads=1)
            (entry,) = self._session.get_inputs()
        except UNUSABLE:
            raise InputError(f"{path}: not a judge: train one with bench/train_judge.py") from None
        made_for = [*entry.shape[1:], *self._session.get_outputs()[0].shape[1:]]
        if made_for != [N_MELS, N_FRAMES, len(INSTRUMENTS)]:
            raise InputError(
                f"{path}: bands, frames and instruments are {made_for}, not "
                f"{[N_MELS, N_FRAMES, len(INSTRUMENTS)]}: train it anew"
            )
        self._input = entry.name

    def scores(
        self, audio: Float[np.ndarray, "... sample"], sample_rate: int
    ) -> Float[np.ndarray, "patch instrument"]:
        """Return calibrated scores of `INSTRUMENTS`, second by second; none for silent seconds."""
        mono = to_mono(audio).astype(np.float32)
        if sample_rate != SAMPLE_RATE:
            mono = soxr.resample(mono, sample_rate, SAMPLE_RATE)
        patches = cut_patches(mono)
        if len(patches) == 0:
            return np.zeros((0, len(INSTRUMENTS)))
        # In blocks, so that an hour of audio does not ask for gigabytes of windows.
        blocks = [
            self._session.run(None, {self._input: log_mel(patches[start : start + 64])})[0]
            for start in range(0, len(patches), 64)
        ]
        return np.concatenate(blocks).astype(np.float64)

    def hear(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Verdict:
        """Judge a clip, from the mean of the patches' scores; not a number for a silent one."""
        scores = self.scores(audio, sample_rate)
        return verdict(scores.mean(axis=0)) if len(scores) else Verdict(float("nan"), float("nan"))


def verdict(scores: Float[np.ndarray, " instrument"]) -> Verdict:
    """Turn a clip's scores into probabilities."""
    log_odds = scores[VIOLIN] - scores[FLUTE]
    weights = np.exp(scores - scores.max())
    return Verdict(float(1.0 / (1.0 + np.exp(-log_odds))), float(weights[OTHER] / weights.sum()))
