"""How well pictures of spectrograms come through a code of a few numbers, and through trivial ones.

A model that encodes a window into 128 numbers and draws it again has learned something only if it
beats what needs no learning or nearly none: the mean picture, the lowest frequencies of the picture
itself, and the principal components, each with as many numbers as the model.

Conventions: pictures (window, bin, frame) in [0, 1], as `violute.transforms.spectrogram` makes them.

Source:
    Jolliffe, Principal Component Analysis (2nd ed. 2002), section 3.5, for components from the products
    of observations; Burda, Grosse & Salakhutdinov, Importance weighted autoencoders (ICLR 2016), section
    5.2, for active units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from jaxtyping import Float, Float32, Int

from picture_codes.coders import Coder, Pictures
from violute.data.sampling import window_of
from violute.errors import InputError, ShapeError
from violute.families.pictures.conditioning_pitch import harmonic_lobes
from violute.families.pictures.corpus import QUIETEST_MEAN, PictureLine, window_at
from violute.transforms.spectrogram import SpectrogramSettings

ACTIVE_VARIANCE = 0.01
"""A unit whose mean varies less than this over windows tells nothing of them."""

TOP_HZ = 16_000.0
"""Recordings from lossy files end there, so what is drawn above it is not judged."""

MOST_COSINES_IN_TIME = 16
"""Of the low-pass; the rest of its numbers go along the bins."""


@dataclass(frozen=True)
class WindowSet:
    """Windows to measure on.

    Attributes:
        pictures: Of both instruments.
        ends: Which instrument plays each: 0 or 1.
        names: Of the recordings.
        partials: Where the harmonics of their pitch lie, for a decoder that is told it.
    """

    pictures: Pictures
    ends: Int[np.ndarray, " window"]
    names: tuple[str, ...]
    partials: Pictures | None = None

    def chosen(self, which: Sequence[int]) -> WindowSet:
        """Return some of the windows."""
        partials = None if self.partials is None else self.partials[which]
        names = tuple(self.names[i] for i in which)
        return WindowSet(self.pictures[which], self.ends[which], names, partials)


def even_windows(lines: Sequence[PictureLine], settings: SpectrogramSettings, most: int) -> WindowSet:
    """Cut whole windows one after the other, drop rests, and pick as many of each end, evenly.

    Raises:
        InputError: An instrument has no whole window.
    """
    kept: list[tuple[PictureLine, int]] = []
    for end in (0, 1):
        found = [
            (line, start)
            for line in lines
            if line.end == end
            for start in range(0, len(line.picture) - settings.n_frames + 1, settings.n_frames)
            if window_at(line, start, settings.n_frames).mean() >= QUIETEST_MEAN
        ]
        if not found:
            seconds = settings.n_samples / settings.sample_rate
            raise InputError(
                f"no recording of mix {end} lasts a window of {seconds:.2g} s: select longer ones"
            )
        picks = np.unique(np.linspace(0, len(found) - 1, most // 2).round().astype(int))
        kept += [found[i] for i in picks]
    pictures = np.stack([window_at(line, start, settings.n_frames) for line, start in kept])
    ends, names = np.array([line.end for line, _ in kept]), tuple(line.name for line, _ in kept)
    pitches = [
        harmonic_lobes(window_of(line.f0_hz, start, settings.n_frames), settings)
        for line, start in kept
        if line.f0_hz is not None
    ]
    return WindowSet(pictures, ends, names, np.stack(pitches) if pitches else None)


def measure_code(
    coder: Coder, training: WindowSet, held_out: WindowSet, settings: SpectrogramSettings
) -> dict[str, Any]:
    """Measure a code on held-out windows, beside trivial ones of the same size.

    Returns:
        `latent_size`, `active_units`, `n_training_windows`, `n_held_out_windows`, and `errors_db` by
        name of the code and instrument (0, 1, or `all`).
    """
    latents = coder.encode(held_out.pictures, held_out.ends)
    size = int(np.prod(latents.shape[1:]))
    n_columns = min(MOST_COSINES_IN_TIME, settings.n_frames)
    drawn = {
        "model": coder.decode(latents, held_out.ends, held_out.partials),
        "principal components": PrincipalComponents(training.pictures, size).through(held_out.pictures),
        "low-pass": low_passed(held_out.pictures, max(size // n_columns, 1), n_columns),
        "mean spectrogram": mean_pictures(training.pictures, training.ends, held_out.ends),
    }
    groups = {"all": held_out.ends >= 0, "0": held_out.ends == 0, "1": held_out.ends == 1}
    return {
        "latent_size": size,
        "active_units": len(active_units(latents.reshape(len(latents), -1))),
        "n_training_windows": len(training.pictures),
        "n_held_out_windows": len(held_out.pictures),
        "errors_db": {
            name: {
                group: mean_error_db(pictures[chosen], held_out.pictures[chosen], settings)
                for group, chosen in groups.items()
            }
            for name, pictures in drawn.items()
        },
    }


def mean_error_db(drawn: Pictures, wanted: Pictures, settings: SpectrogramSettings) -> float:
    """Mean absolute difference in dB, over the range that the pictures show and up to `TOP_HZ`.

    Args:
        drawn: To judge.
        wanted: Of the same shape.
        settings: Of the transform: a full picture value is a step from its floor to full scale.

    Raises:
        ShapeError: The shapes differ.
    """
    if drawn.shape != wanted.shape:
        raise ShapeError(f"{drawn.shape} is compared with {wanted.shape}: give pictures of one shape")
    n_bins = min(settings.n_bins, int(TOP_HZ * settings.n_fft / settings.sample_rate))
    range_db = 20.0 * math.log10(1.0 + 10.0 ** (-settings.floor_db / 20.0))
    difference = np.abs(drawn[:, :n_bins] - wanted[:, :n_bins])
    return float(difference.mean(dtype=np.float64)) * range_db


def active_units(means: Float[np.ndarray, "window unit"]) -> Int[np.ndarray, " active"]:
    """Return the units of a latent whose mean depends on the window, the liveliest first.

    Args:
        means: Of the posterior, for many windows.
    """
    variance = np.var(means, axis=0)
    order = np.argsort(-variance)
    return order[variance[order] > ACTIVE_VARIANCE]


def mean_pictures(
    training: Pictures, training_ends: Int[np.ndarray, " window"], ends: Int[np.ndarray, " wanted"]
) -> Float32[np.ndarray, "wanted bin frame"]:
    """Return for each window the mean picture of its instrument.

    Args:
        training: To average.
        training_ends: Which instrument plays each.
        ends: Which instrument plays each of the windows to draw.
    """
    means = {end: training[training_ends == end].mean(axis=0) for end in np.unique(training_ends)}
    return np.stack([means[end] for end in ends])


def low_passed(pictures: Pictures, n_rows: int, n_columns: int) -> Pictures:
    """Keep the lowest `n_rows` by `n_columns` frequencies of each picture: as many numbers.

    Args:
        pictures: To blur.
        n_rows: Cosines along the bins.
        n_columns: Cosines along the frames.
    """
    cosines = scipy.fft.dctn(pictures, axes=(1, 2), norm="ortho")
    cosines[:, n_rows:] = 0.0
    cosines[:, :, n_columns:] = 0.0
    blurred = scipy.fft.idctn(cosines, axes=(1, 2), norm="ortho")
    return np.clip(blurred, 0.0, 1.0).astype(np.float32)


class PrincipalComponents:
    """The linear code that loses least of the windows it was made from.

    Args:
        training: Windows.
        n_components: Numbers of the code; at most one less than there are windows.

    Raises:
        ShapeError: There are too few windows.
    """

    def __init__(self, training: Pictures, n_components: int) -> None:
        if not 1 <= n_components < len(training):
            raise ShapeError(
                f"{n_components} components of {len(training)} windows: give more windows than components"
            )
        self._shape = training.shape[1:]
        flat = training.reshape(len(training), -1)
        self._mean = flat.mean(axis=0)
        centred = flat - self._mean
        # The products of windows, not of pixels: a matrix of a thousand instead of a hundred thousand.
        values, vectors = np.linalg.eigh(centred @ centred.T)
        kept = slice(-n_components, None)
        sizes = np.sqrt(np.maximum(values[kept], 1e-12))
        self._components = (vectors[:, kept] / sizes).T @ centred

    def through(self, pictures: Pictures) -> Pictures:
        """Encode pictures and draw them again."""
        code = (pictures.reshape(len(pictures), -1) - self._mean) @ self._components.T
        drawn = code @ self._components + self._mean
        return np.clip(drawn, 0.0, 1.0).astype(np.float32).reshape(-1, *self._shape)
