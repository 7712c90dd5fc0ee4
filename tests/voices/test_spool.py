"""A sound that waits comes back as it was; one that is known to be long never waits in memory."""

import tracemalloc

import numpy as np
import pytest

from violute.voices.spool import Spool

BLOCK_SAMPLES = 250_000
N_BLOCKS = 20
MOST_BYTES = 8_000_000


def blocks():
    rng = np.random.default_rng(0)
    for _ in range(N_BLOCKS):
        yield rng.standard_normal((1, BLOCK_SAMPLES), np.float32)


@pytest.mark.parametrize("n_expected", [0, N_BLOCKS * BLOCK_SAMPLES])
def test_what_waited_comes_back(n_expected):
    with Spool(MOST_BYTES, n_expected=n_expected) as spool:
        for block in blocks():
            spool.append(block)
        kept = np.concatenate(list(spool.blocks()), axis=1)
    np.testing.assert_array_equal(kept, np.concatenate(list(blocks()), axis=1))


@pytest.mark.parametrize(("n_expected", "is_small"), [(0, False), (N_BLOCKS * BLOCK_SAMPLES, True)])
def test_a_sound_that_will_be_long_is_on_disk_from_its_start(n_expected, is_small):
    with Spool(MOST_BYTES, n_expected=n_expected) as spool:
        tracemalloc.start()
        for block in blocks():
            spool.append(block)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (peak_bytes < MOST_BYTES) is is_small
