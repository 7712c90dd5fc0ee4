"""A second opinion: a tagger of music from elsewhere, which knows violin and flute among fifty tags.

It is the network `MTT_musicnn`, trained on MagnaTagATune by its authors, whose weights lie inside the
package musicnn 0.1.0 of PyPI (ISC licence). Fetched and unpacked into a folder MUSICNN:

    pip download --no-deps musicnn==0.1.0 && unzip musicnn-0.1.0-py3-none-any.whl -d MUSICNN

It needs no TensorFlow here. Its figures: the probability of violin against flute, and the mass of both,
which says how surely it hears either of them at all.

Source:     Pons and Serra, musicnn: pre-trained convolutional neural networks for music audio tagging
(ISMIR 2019).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import soxr
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from exam.checkpoint import read_checkpoint
from violute.errors import DataError
from violute.evaluation.metrics.loudness import to_mono

SAMPLE_RATE = 16_000
N_FFT = 512
HOP_LENGTH = 256
N_MELS = 96
PATCH_FRAMES = 187
"""Three seconds."""

PATCH_HOP_FRAMES = 62
FLUTE, VIOLIN = 25, 12
"""Places of the two among the tags of MagnaTagATune."""

N_TAGS = 50
EPSILON = 1e-3
"""TensorFlow's, in batch normalisation."""

TIMBRAL, TEMPORAL = (0, 1), (2, 3, 4)
"""Convolutions of the front end: over 7 frames and much of the spectrum, and over up to 128 frames."""


class Opinion(NamedTuple):
    """What the tagger says of a clip.

    Attributes:
        posterior: Probability of violin against flute.
        mass: Of both, from 0 to 2; real recordings have about 0.3 to 0.9.
    """

    posterior: float
    mass: float


class Tagger:
    """The tagger.

    Args:
        folder: Where the package was unpacked.

    Raises:
        DataError: It is not there.
    """

    def __init__(self, folder: Path) -> None:
        tensors = read_checkpoint(folder / "musicnn" / "MTT_musicnn")
        self._weights = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
        if "dense_1/bias" not in self._weights or len(self._weights["dense_1/bias"]) != N_TAGS:
            raise DataError(f"{folder}: the checkpoint is not that of MTT_musicnn: unpack musicnn 0.1.0")

    def hear(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Opinion:
        """Judge a clip by the mean of its patches; one shorter than a patch is repeated.

        Raises:
            AudioError: The audio is empty or not finite.
        """
        tags = self.tags(audio, sample_rate)
        mass = float(tags[VIOLIN] + tags[FLUTE])
        return Opinion(float(tags[VIOLIN]) / mass, mass)

    def tags(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Float[np.ndarray, " tag"]:
        """Return the probability of every tag."""
        mono = soxr.resample(to_mono(audio), sample_rate, SAMPLE_RATE)
        mel = librosa.feature.melspectrogram(
            y=mono, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS
        ).T
        levels = np.log10(10_000.0 * mel + 1.0).astype(np.float32)
        if len(levels) < PATCH_FRAMES:
            levels = np.pad(levels, ((0, PATCH_FRAMES - len(levels)), (0, 0)), mode="wrap")
        starts = range(0, len(levels) - PATCH_FRAMES + 1, PATCH_HOP_FRAMES)
        patches = np.stack([levels[start : start + PATCH_FRAMES] for start in starts])
        return self._forward(torch.from_numpy(patches)).mean(dim=0).numpy().astype(np.float64)

    @torch.no_grad()
    def _forward(self, x: Float[Tensor, "patch frame mel"]) -> Float[Tensor, "patch tag"]:
        x = self._normalised(x[:, None], 0, axis=1)
        front = []
        for number in (*TIMBRAL, *TEMPORAL):
            heard = self._normalised(self._convolved(x, number), number + 1, axis=1)
            front.append(heard.amax(dim=3).transpose(1, 2))
        layers = [torch.cat(front, dim=2)]
        for number in (5, 6, 7):
            convolved = self._convolved(layers[-1][:, None], number)
            heard = self._normalised(convolved, number + 1, axis=1)[..., 0].transpose(1, 2)
            layers.append(heard if number == 5 else heard + layers[-1])
        features = torch.cat(layers, dim=2)
        pooled = torch.stack([features.amax(dim=1), features.mean(dim=1)], dim=2).flatten(1)
        dense = functional.relu(self._dense(self._normalised(pooled, 9, axis=1), "dense"))
        return torch.sigmoid(self._dense(self._normalised(dense, 10, axis=1), "dense_1"))

    def _normalised(self, x: Tensor, number: int, *, axis: int) -> Tensor:
        name = "batch_normalization" + (f"_{number}" if number else "")
        shape = [1] * x.ndim
        shape[axis] = -1
        gamma, beta, mean, variance = (
            self._weights[f"{name}/{part}"].reshape(shape)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / torch.sqrt(variance + EPSILON) * gamma + beta

    def _convolved(self, x: Tensor, number: int) -> Tensor:
        """Convolve, as many frames out as in: of an even kernel TensorFlow puts the longer half behind."""
        name = "conv2d" + (f"_{number}" if number else "")
        kernel = self._weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        before = (kernel.shape[2] - 1) // 2
        padded = functional.pad(x, (0, 0, before, kernel.shape[2] - 1 - before))
        return functional.relu(functional.conv2d(padded, kernel, self._weights[f"{name}/bias"]))

    def _dense(self, x: Tensor, name: str) -> Tensor:
        return x @ self._weights[f"{name}/kernel"] + self._weights[f"{name}/bias"]
