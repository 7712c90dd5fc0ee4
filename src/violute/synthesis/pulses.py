"""All multiples of a fundamental at once, up to a highest frequency: what networks shape into a tone.

A sum of cosines of equal size has a closed form, so that a hundred harmonics cost as much as three. The
topmost fades as it rises to the limit. The power in each hertz is that of white noise of deviation 1, at any
fundamental. `violute.dsp.pulses` is the differentiable twin.

Source:
    Winham & Steiglitz, Input generators for digital sound synthesis (JASA 47(2B), 1970), for the closed form;
    Wang et al., Neural source-filter waveform models (2020), section III-B, for sines that drive a network.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from violute.rates import SAMPLE_RATE

HIGHEST_HZ = 20_000.0
"""Nothing is played above it."""

SMALLEST_CYCLES = 1e-6
"""So near to a pulse the closed form divides by nothing: the sum is the number of harmonics."""


def pulses(
    cycles: Float[np.ndarray, " sample"], f0_hz: Float[np.ndarray, " sample"]
) -> Float32[np.ndarray, " sample"]:
    """Sum the harmonics of a fundamental, in cosine phase.

    Args:
        cycles: Gone by at each sample; whole ones may be left out.
        f0_hz: Above 0; how many harmonics there are, and how loud.
    """
    from_pulse = np.asarray(cycles, np.float64) - np.rint(cycles)
    room = HIGHEST_HZ / f0_hz
    n_whole = np.floor(room)
    is_pulse = np.abs(from_pulse) < SMALLEST_CYCLES
    apart = np.where(is_pulse, 0.5, from_pulse)
    summed = 0.5 * (np.sin((2.0 * n_whole + 1.0) * np.pi * apart) / np.sin(np.pi * apart) - 1.0)
    topmost = (room - n_whole) * np.cos(2.0 * np.pi * (n_whole + 1.0) * from_pulse)
    amplitude = np.sqrt(2.0 * f0_hz / (0.5 * SAMPLE_RATE))
    played: Float32[np.ndarray, " sample"] = (
        amplitude * (np.where(is_pulse, n_whole, summed) + topmost)
    ).astype(np.float32)
    return played
