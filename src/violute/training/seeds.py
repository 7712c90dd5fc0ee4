"""Seeds for each step, so that a resumed run draws what an uninterrupted one would have drawn."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What a seed is for; streams never share numbers."""

    TRAINING = 0
    VALIDATION = 1
    SOUNDS = 2


def derived_seed(seed: int, stream: Stream, step: int = 0, rank: int = 0) -> int:
    """Mix seed, purpose, step and process into a seed of 63 bits."""
    words = np.random.SeedSequence([seed, int(stream), step, rank]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch's global generators, of every device, and return a fresh one on the CPU.

    The two start from different numbers, so that they don't draw alike.
    """
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed ^ 0x5DEECE66D)
