"""Seeds for each step, so that a resumed run draws what an uninterrupted one would have drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """Return a generator of NumPy's that draws as the one of torch is about to."""
    return np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Make the weights of the networks built in the block a function of the seed alone.

    Build on the CPU and move the networks afterwards; whatever was drawn before, and is drawn after, stays.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def seed_everything(seed: int) -> torch.Generator:
    """Seed torch's global generators, of every device, and return a fresh one on the CPU.

    The two start from different numbers, so that they don't draw alike.
    """
    torch.manual_seed(seed)
    return step_generator(seed)


def step_generator(seed: int) -> torch.Generator:
    """Return the generator that `seed_everything` does, and leave the global ones alone."""
    return torch.Generator().manual_seed(seed ^ 0x5DEECE66D)
