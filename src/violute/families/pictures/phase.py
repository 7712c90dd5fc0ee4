"""Phases for redrawn spectrograms, block by block: the source's, or what Griffin-Lim makes of them.

Where a voice moves levels and leaves pitches alone, the source's phases are right at every partial and
wrong only in between. A few rounds of Griffin-Lim from there look for a sound that has the levels too.
On six held-out clips of `voices/vae.onnx` they came nearer to the levels (spectral convergence at the far
end 0.26 instead of 0.42) but cost pitch (0.70 instead of 0.72 of frames within 50 cents from a flute, 0.78
instead of 0.85 from a violin) and 2.5 times the time, so voices are exported with the source's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Complex64

from violute.transforms.griffin_lim import griffin_lim
from violute.transforms.spectrogram import SpectrogramSettings

Phase = Literal["source", "griffin-lim"]
PHASES: tuple[Phase, ...] = ("source", "griffin-lim")

N_ITERATIONS = 8
CONTEXT_FRAMES = 32
"""Frames on either side of a block that take part in finding its phases."""


def rephased(
    spectra: Iterator[Complex64[np.ndarray, "bin _ready"]],
    settings: SpectrogramSettings,
    *,
    n_iterations: int = N_ITERATIONS,
    n_context: int = CONTEXT_FRAMES,
) -> Iterator[Complex64[np.ndarray, "bin _ready"]]:
    """Find phases for spectra that come in blocks, starting from those that they have.

    A round carries an error at the edge of what it sees inwards by as many frames as overlap one
    sample, so with enough context the blocks leave no trace at all.

    Args:
        spectra: Blocks of consecutive frames, of any size.
        settings: Of the transform.
        n_iterations: Rounds of Griffin-Lim.
        n_context: Frames on either side of a block that take part.

    Yields:
        The same frames in other blocks, with the same magnitudes.
    """
    waiting = np.zeros((settings.n_fft // 2 + 1, 0), np.complex64)
    n_given = 0  # frames of `waiting` that are there for the others only
    for block in spectra:
        waiting = np.concatenate([waiting, block], axis=1)
        stop = waiting.shape[1] - n_context
        if stop > n_given:
            yield _found(waiting, settings, n_iterations)[:, n_given:stop]
            first = max(stop - n_context, 0)
            waiting, n_given = waiting[:, first:], stop - first
    if waiting.shape[1] > n_given:
        yield _found(waiting, settings, n_iterations)[:, n_given:]


def _found(
    spectrum: Complex64[np.ndarray, "bin frame"], settings: SpectrogramSettings, n_iterations: int
) -> Complex64[np.ndarray, "bin frame"]:
    return griffin_lim(np.abs(spectrum), settings, start=spectrum, n_iterations=n_iterations)
