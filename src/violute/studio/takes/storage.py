"""`Storage`: a private folder for one run of the studio, bounded in bytes, gone when the studio is gone.

A studio that was killed cannot clean up; the next one removes what it left, which a lock tells from the
folder of one that still runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

from violute.errors import InputError
from violute.studio.limits import in_megabytes
from violute.studio.refusal import RefusalError

PREFIX = "violute-studio-"
LOCK_NAME = "in-use"


class StorageFullError(RefusalError):
    """The storage holds as much as it may."""


class Storage:
    """Folders of bounded size together.

    Args:
        max_bytes: Of all folders together.
        parent: Where the private folder is made; None is the system's folder for temporary files.

    Attributes:
        root: The private folder.

    Raises:
        InputError: The folder cannot be made.
    """

    def __init__(self, max_bytes: int, parent: Path | None = None) -> None:
        self.max_bytes = max_bytes
        self._claims: dict[Path, int] = {}
        parent = parent or Path(tempfile.gettempdir())
        remove_leftovers(parent)
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True)
            self.root = Path(self._folder.name)
            self._lock = _locked(self.root / LOCK_NAME)
        except OSError as error:
            raise InputError(
                f"{parent}: no folder can be made there ({error.strerror}): set TMPDIR to another one"
            ) from None

    @property
    def used_bytes(self) -> int:
        """What is claimed by all folders together."""
        return sum(self._claims.values())

    def new_folder(self) -> Path:
        """Make an empty folder with a name that cannot be guessed."""
        folder = self.root / secrets.token_urlsafe(12)
        folder.mkdir()
        self._claims[folder] = 0
        return folder

    def claim(self, folder: Path, n_bytes: int) -> None:
        """Say how much a folder holds or is about to hold.

        Raises:
            StorageFullError: There is no room for that; the former claim stays.
        """
        before = self._claims.get(folder, 0)
        if self.used_bytes - before + n_bytes > self.max_bytes:
            raise StorageFullError(
                507,
                f"the studio holds its {in_megabytes(self.max_bytes)} of recordings already: "
                "close another page of it, or wait and try again",
            )
        self._claims[folder] = n_bytes

    def measure(self, folder: Path) -> None:
        """Replace a folder's claim by what it really holds, even where that is too much."""
        if folder in self._claims:
            self._claims[folder] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def remove(self, folder: Path) -> None:
        """Remove a folder and its claim."""
        shutil.rmtree(folder, ignore_errors=True)
        self._claims.pop(folder, None)

    def close(self) -> None:
        """Remove everything."""
        self._lock.close()
        self._folder.cleanup()
        self._claims.clear()


def remove_leftovers(parent: Path) -> None:
    """Remove the folders of studios that were killed, and no other's."""
    if sys.platform == "win32":  # without locks a live studio can't be told from a dead one
        return
    for folder in parent.glob(f"{PREFIX}*"):
        lock = folder / LOCK_NAME
        with contextlib.suppress(OSError):
            # Without its lock's file a folder is being made this very moment.
            if not folder.is_symlink() and folder.stat().st_uid == os.getuid() and lock.is_file():
                with _locked(lock):
                    shutil.rmtree(folder, ignore_errors=True)


def _locked(path: Path) -> IO[bytes]:
    """Open and lock a file; the lock lasts until it is closed or the process ends, however it ends.

    Raises:
        OSError: It cannot be opened, or another process holds it.
    """
    file = path.open("ab")
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
    return file
