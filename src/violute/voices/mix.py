"""`Mix`: where between the two ends a rendering stands, dial by dial, still or moving."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from violute.errors import MixError


@dataclass(frozen=True)
class Mix:
    """Dials from the first end (0, flute) to the second (1, violin).

    Attributes:
        tone: Harmonic envelope: the colour of the steady note.
        noise: Breath (0) to bow (1).
        attack: Tone and noise of a note's first tenth of a second.
        vibrato: Vibrato in loudness, as flutes have it (0), to vibrato in pitch (1).
        room: 0 is dry, 1 is a large hall. Not a dial between the ends.

    Raises:
        MixError: A dial is not a number from 0 to 1.
    """

    tone: float = 0.5
    noise: float = 0.5
    attack: float = 0.5
    vibrato: float = 0.5
    room: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_dial(getattr(self, field.name), field.name)

    @classmethod
    def at(cls, mix: float, *, room: float = 0.0) -> Mix:
        """Turn tone, noise, attack and vibrato to the same place."""
        check_dial(mix, "mix")
        return cls(mix, mix, mix, mix, room)


def check_dial(value: object, name: str) -> float:
    """Return `value` as a float in [0, 1] or raise `MixError` naming the dial."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise MixError(f"{name} is {value!r}: give a number from 0 to 1")
    number = float(value)
    if not math.isfinite(number) or not 0.0 <= number <= 1.0:
        raise MixError(f"{name} is {number:g}: give a number from 0 to 1")
    return number


def dial_track(
    breakpoints: Sequence[tuple[float, float]], n_frames: int, frame_rate_hz: float
) -> Float[np.ndarray, " frame"]:
    """Draw straight lines between break-points; the first and last values hold outside.

    Args:
        breakpoints: (seconds, mix), seconds not negative and strictly rising, mix in [0, 1].
        n_frames: Length of the track.
        frame_rate_hz: Frames per second.

    Raises:
        MixError: No break-points, seconds that do not rise, or a mix out of range.
    """
    if isinstance(breakpoints, str) or len(breakpoints) == 0:
        raise MixError("the automation has no break-points: give at least one pair of seconds and mix")
    seconds, values = [], []
    for i, point in enumerate(breakpoints, start=1):
        try:
            second, value = point
        except (TypeError, ValueError):
            raise MixError(f"break-point {i} is {point!r}: give a pair of seconds and mix") from None
        if not isinstance(second, (int, float, np.floating, np.integer)) or not math.isfinite(second) or second < 0:
            raise MixError(f"break-point {i} is at {second!r} seconds: give a time of 0 or more")
        if seconds and second <= seconds[-1]:
            raise MixError(f"break-point {i} at {second:g} s does not come after {seconds[-1]:g} s: put times in rising order")
        seconds.append(float(second))
        values.append(check_dial(value, f"mix of break-point {i}"))
    return np.interp(np.arange(n_frames) / frame_rate_hz, seconds, values).astype(np.float32)
