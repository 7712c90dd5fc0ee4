"""`Controls`: what a voice is given of a performance, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from violute.errors import ShapeError

FRAME_RATE_HZ = 100.0
"""Frames per second of every `Controls`; one frame every 10 ms."""

SILENCE_DB = -120.0
"""Loudness that stands for digital silence."""


@dataclass(frozen=True)
class Controls:
    """Pitch, periodicity, loudness and onsets of a performance.

    Frame `i` is centred on second `i / frame_rate_hz`. The line axis counts simultaneous notes;
    a performance without chords has one.

    Attributes:
        f0_hz: Fundamental of each line in Hz, carried through unvoiced gaps so that it never
            jumps to 0 inside a piece; 0 only where the whole piece has no pitch.
        periodicity: How surely the frame is pitched, 0 (noise, silence) to 1 (steady tone).
        loudness_db: A-weighted loudness of each line, dB relative to a full-scale 1 kHz sine;
            at least `SILENCE_DB`.
        onset_strength: Rise of the spectrum, 0 or more, about 1 at a clear attack.
        frame_rate_hz: Frames per second.
        below_share: Share of the frames that sound in which the note lies below the range of pitches that
            was searched: the pitch found there is a multiple of it, or wrong.

    Raises:
        ShapeError: The arrays disagree in lines or frames.
    """

    f0_hz: Float[np.ndarray, "line frame"]
    periodicity: Float[np.ndarray, "line frame"]
    loudness_db: Float[np.ndarray, "line frame"]
    onset_strength: Float[np.ndarray, " frame"]
    frame_rate_hz: float = FRAME_RATE_HZ
    below_share: float = 0.0

    def __post_init__(self) -> None:
        shapes = {self.f0_hz.shape, self.periodicity.shape, self.loudness_db.shape}
        if len(shapes) != 1 or self.f0_hz.ndim != 2 or self.onset_strength.shape != self.f0_hz.shape[1:]:
            raise ShapeError(
                f"f0_hz {self.f0_hz.shape}, periodicity {self.periodicity.shape}, loudness_db "
                f"{self.loudness_db.shape} must be (line, frame) alike and onset_strength "
                f"{self.onset_strength.shape} (frame,)"
            )

    @property
    def n_lines(self) -> int:
        """Number of simultaneous notes that the arrays have room for."""
        return self.f0_hz.shape[0]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.f0_hz.shape[1]

    def frames(self, start: int, stop: int) -> Controls:
        """Return the frames from `start` up to, not including, `stop`."""
        return Controls(
            self.f0_hz[:, start:stop],
            self.periodicity[:, start:stop],
            self.loudness_db[:, start:stop],
            self.onset_strength[start:stop],
            self.frame_rate_hz,
        )
