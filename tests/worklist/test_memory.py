"""Memory that threads have freed."""

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from violute.worklist.memory import return_freed_memory

N_PIECES, PIECE_BYTES = 1000, 100_000


def resident_bytes() -> int:
    """What this process holds of the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    not (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "malloc_trim")),
    reason="the C library is not glibc",
)
def test_what_a_thread_has_freed_goes_back_to_the_system() -> None:
    def work() -> np.ndarray:
        pieces = [np.ones(PIECE_BYTES, np.uint8) for _ in range(N_PIECES)]
        return pieces[-1]

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(work).result()  # the last piece keeps all below it in the thread's heap
        before = resident_bytes()
        return_freed_memory()
        assert resident_bytes() < before - 0.5 * N_PIECES * PIECE_BYTES
    assert kept.all()
