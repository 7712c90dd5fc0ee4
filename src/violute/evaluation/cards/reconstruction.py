"""How well a trained code draws windows of recordings that it has never heard, beside trivial codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from violute.errors import InputError
from violute.evaluation.cards.coders import Coder
from violute.evaluation.cards.coding import (
    Pictures,
    PrincipalComponents,
    active_units,
    low_passed,
    mean_error_db,
    mean_pictures,
)
from violute.families.pictures.corpus import QUIETEST_MEAN, PictureLine, window_at
from violute.transforms.spectrogram import SpectrogramSettings

MOST_COSINES_IN_TIME = 16
"""Of the low-pass; the rest of its numbers go along the bins."""


@dataclass(frozen=True)
class WindowSet:
    """Windows to measure on.

    Attributes:
        pictures: Of both instruments.
        ends: Which instrument plays each: 0 or 1.
        names: Of the recordings.
    """

    pictures: Pictures
    ends: Int[np.ndarray, " window"]
    names: tuple[str, ...]


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
    return WindowSet(pictures, np.array([line.end for line, _ in kept]), tuple(line.name for line, _ in kept))


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
        "model": coder.decode(latents, held_out.ends),
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
