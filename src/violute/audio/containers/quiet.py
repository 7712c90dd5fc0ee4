"""Keeping libsndfile's MP3 decoder from writing complaints of its own to the terminal."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _QuietStderr:
    """C's variable `stderr`, pointed to nowhere while anyone is inside.

    mpg123 reports damaged frames with `fprintf(stderr, ...)`, and libsndfile has no switch for that. Changing
    the variable rather than file descriptor 2 loses nothing of what Python's threads say meanwhile. Where
    there is no such variable (it is glibc's and macOS's) nothing is changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._is_found = False
        self._variable: ctypes.c_void_p | None = None
        self._terminal: int | None = None
        self._nowhere: int | None = None

    def enter(self) -> None:
        """Be quiet from here on."""
        with self._lock:
            if not self._is_found:
                self._find()
            if self._variable is not None and self._n_inside == 0:
                self._terminal, self._variable.value = self._variable.value, self._nowhere
            self._n_inside += 1

    def leave(self) -> None:
        """Be as before, if nobody else is inside."""
        with self._lock:
            self._n_inside -= 1
            if self._variable is not None and self._n_inside == 0:
                self._variable.value = self._terminal

    def _find(self) -> None:
        self._is_found = True
        name = "stderr" if platform.libc_ver()[0] == "glibc" else "__stderrp"
        try:
            library = ctypes.CDLL(None)
            variable = ctypes.c_void_p.in_dll(library, name)
        except (OSError, TypeError, ValueError):  # Windows knows no CDLL(None), musl no such variable
            return
        library.fopen.restype = ctypes.c_void_p
        self._nowhere = library.fopen(os.devnull.encode(), b"w")
        if self._nowhere:
            self._variable = variable


_QUIET = _QuietStderr()


@contextmanager
def quiet_decoder() -> Iterator[None]:
    """Keep C code quiet on the terminal within the block; any number of threads may be inside."""
    _QUIET.enter()
    try:
        yield
    finally:
        _QUIET.leave()
