"""What the synthesis draws at random, as numbers from which a twin in another language draws the same."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt64

from violute.synthesis.noise import DRAWS_SEED
from violute.synthesis.room import PLACES, reflections


def generator_state(seed: int) -> UInt64[np.ndarray, "4"]:
    """Return the state and the increment of PCG64, high and low halves, from which NumPy draws for a seed."""
    state = np.random.PCG64(seed).state["state"]
    halves = [half for number in (state["state"], state["inc"]) for half in (number >> 64, number % 2**64)]
    return np.array(halves, np.uint64)


def draws() -> dict[str, np.ndarray]:
    """Return what noise and rooms are drawn from, by name.

    `noise.state` is that of the generator of noise; `room.arrivals` and `room.signs` `(place, reflection)`
    say when the early reflections of a room arrive at either loudspeaker, as `room.reflections` does.
    """
    arrivals, signs = zip(*(reflections(seed) for seed in PLACES), strict=True)
    return {
        "noise.state": generator_state(DRAWS_SEED),
        "room.arrivals": np.stack(arrivals),
        "room.signs": np.stack(signs),
    }
