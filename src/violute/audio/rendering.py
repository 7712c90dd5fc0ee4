"""`Rendering`: samples that know their rate, so that a notebook can play them."""

from __future__ import annotations

import base64
import io
from typing import Any, Self

import numpy as np
import soundfile
from jaxtyping import Float32

LONGEST_PLAYED_SECONDS = 120.0
"""A notebook keeps what it shows: more would make it hard to open."""


class Rendering(np.ndarray):
    """A rendering: an array like any other, `(sample,)` or `(channel, sample)`, that a notebook plays.

    Attributes:
        sample_rate: In Hz; None where an array was made of one in a way that tells no rate.
    """

    sample_rate: int | None

    @classmethod
    def of(cls, audio: Float32[np.ndarray, "*channel sample"], sample_rate: int) -> Self:
        """Show samples of that rate, in Hz, as a rendering; nothing is copied."""
        rendering = audio.view(cls)
        rendering.sample_rate = sample_rate
        return rendering

    def __array_finalize__(self, origin: Any) -> None:
        self.sample_rate = getattr(origin, "sample_rate", None)

    def _repr_html_(self) -> str | None:
        """Return a player of the first two minutes, or nothing where this is no sound any more."""
        if self.sample_rate is None or self.ndim not in (1, 2) or self.size == 0:
            return None
        sound = np.atleast_2d(np.asarray(self))[:2, : round(LONGEST_PLAYED_SECONDS * self.sample_rate)]
        file = io.BytesIO()
        soundfile.write(file, sound.T, self.sample_rate, format="FLAC", subtype="PCM_16")
        content = base64.b64encode(file.getvalue()).decode("ascii")
        return f'<audio controls src="data:audio/flac;base64,{content}"></audio>'
