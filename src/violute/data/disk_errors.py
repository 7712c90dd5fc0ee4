"""What a disk refuses, said in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from violute.errors import DataError


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say in one line what the disk refuses.

    Raises:
        DataError: An `OSError` came out of the block.
    """
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        reason = "the disk is full" if full else f"cannot be written ({error.strerror or error})"
        raise DataError(
            f"{folder}: {reason}: make room or name another folder; the same command goes on where it stopped"
        ) from None
