"""The scale of a voice's dial: where between its ends each mix lies, so that equal steps sound equal."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from violute.voices.card import Card

DIAL = "dial"
"""Entry of a card's settings: pairs of a mix and of the place between the ends that plays it."""


class DialScale:
    """Turns a mix into a place between the ends of a network; without an entry they are the same.

    Args:
        card: Of the voice.

    Raises:
        ValueError: The entry is none of rising pairs.
    """

    def __init__(self, card: Card) -> None:
        points = np.asarray(card.settings.get(DIAL, [[0.0, 0.0], [1.0, 1.0]]), dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
            raise ValueError("its dial is damaged")
        if (np.diff(points[:, 0]) <= 0.0).any():
            raise ValueError("its dial doesn't rise")
        self.mixes, self.places = points[:, 0], points[:, 1]

    def place(self, mix: Float[np.ndarray, "*axes"]) -> Float32[np.ndarray, "*axes"]:
        """Return where between the ends mixes lie."""
        return np.interp(mix, self.mixes, self.places).astype(np.float32)
