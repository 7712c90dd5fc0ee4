"""Memory that threads have freed: handed back to the system before the next stage asks for its own."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> None:
    """Hand back what this process has freed, where the C library is glibc; elsewhere do nothing.

    glibc keeps a heap for each thread, and what one thread has freed no other can use.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
