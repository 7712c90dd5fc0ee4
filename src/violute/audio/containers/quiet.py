"""Keeping libsndfile's MP3 decoder from writing complaints of its own to the terminal."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_LOCK = threading.Lock()


@contextmanager
def quiet_decoder() -> Iterator[None]:
    """Point C's variable `stderr` to nowhere within the block, which one thread at a time may enter.

    mpg123 reports damaged frames with `fprintf(stderr, ...)`, and libsndfile has no switch for that. Changing
    the variable rather than file descriptor 2 loses nothing of what Python's threads say meanwhile. Where
    there is no such variable (it is glibc's and macOS's) nothing is changed.
    """
    with _LOCK:
        variable, nowhere = _c_streams()
        terminal = variable.value
        variable.value = nowhere or terminal
        try:
            yield
        finally:
            variable.value = terminal


@cache
def _c_streams() -> tuple[ctypes.c_void_p, int | None]:
    """Return C's `stderr`, or a variable that nobody reads, and a stream to nowhere."""
    try:
        # Elsewhere the variable of this name may not be changed.
        name = "stderr" if sys.platform == "linux" and os.confstr("CS_GNU_LIBC_VERSION") else "__stderrp"
        library = ctypes.CDLL(None)
        variable = ctypes.c_void_p.in_dll(library, name)
    except (OSError, TypeError, ValueError):  # Windows knows no CDLL(None), musl no such variable
        return ctypes.c_void_p(), None
    library.fopen.restype = ctypes.c_void_p
    return variable, library.fopen(os.devnull.encode(), b"w")
