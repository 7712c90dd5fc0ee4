"""`Shelf`: where the recordings stand; the one that is missed least makes room for the next."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.takes.store import Store, StoreFullError
from violute.studio.takes.takes import TakeRecord

NOT_FOUND, CONFLICT, TOO_BUSY = 404, 409, 503


class Shelf:
    """Recordings by id, bounded in number, bytes and age.

    Args:
        limits: How many, and for how long.
        store: Their folders, bounded in bytes.
    """

    def __init__(self, limits: Limits, store: Store) -> None:
        self._limits = limits
        self._store = store
        self._records: dict[str, TakeRecord] = {}
        self._n_arriving = 0

    def records(self) -> list[TakeRecord]:
        """Return all recordings."""
        return list(self._records.values())

    def put(self, record: TakeRecord) -> None:
        """Put a recording here."""
        self._records[record.state.id] = record

    def take_off(self, record: TakeRecord) -> None:
        """Forget a recording; its folder stays."""
        self._records.pop(record.state.id, None)

    def find(self, take_id: str) -> TakeRecord:
        """Return a recording and count it as used.

        Raises:
            RefusalError: It is not here, or not any more.
        """
        record = self._records.get(take_id)
        if record is None:
            raise RefusalError(NOT_FOUND, "this recording is not here any more: send it again")
        record.touch()
        return record

    def find_ready(self, take_id: str) -> TakeRecord:
        """Return a recording that has been listened to.

        Raises:
            RefusalError: It is not here, or not ready.
        """
        record = self.find(take_id)
        match record.state.status:
            case "ready":
                return record
            case "failed":
                raise RefusalError(CONFLICT, record.state.message)
            case status:
                raise RefusalError(CONFLICT, f"this recording is {status} still: wait until it is ready")

    @contextlib.contextmanager
    def arriving(self) -> Iterator[Path]:
        """Make a folder for a recording that comes in; it goes again if the recording fails to.

        Raises:
            RefusalError: There are as many recordings as there may be, all of them in use.
        """
        while len(self._records) + self._n_arriving >= self._limits.max_takes:
            if not self._evict():
                raise RefusalError(
                    TOO_BUSY, "the studio has as many recordings as it takes: try again in a moment"
                )
        folder = self._store.new_folder()
        self._n_arriving += 1
        try:
            yield folder
        except BaseException:
            self._store.remove(folder)
            raise
        finally:
            self._n_arriving -= 1

    @contextlib.contextmanager
    def rendering(self) -> Iterator[Path]:
        """Make a folder for what is rendered; it goes again if the rendering fails."""
        folder = self._store.new_folder()
        try:
            yield folder
        except BaseException:
            self._store.remove(folder)
            raise

    def claim(self, folder: Path, n_bytes: int, keep: TakeRecord | None = None) -> None:
        """Claim room for a folder, at the cost of recordings that were not used for long.

        Args:
            folder: Of this shelf.
            n_bytes: All that it will hold.
            keep: A recording that must not go.

        Raises:
            StoreFullError: All else is in use.
        """
        while True:
            try:
                self._store.claim(folder, n_bytes)
            except StoreFullError:
                if not self._evict(keep):
                    raise
            else:
                return

    def settle(self, folder: Path) -> None:
        """Replace what was claimed for a folder by what it holds."""
        self._store.settle(folder)

    def clear(self, folder: Path) -> None:
        """Remove a folder."""
        self._store.remove(folder)

    def stale(self) -> list[TakeRecord]:
        """Return the recordings that nobody has used for longer than they are kept."""
        oldest = time.monotonic() - self._limits.keep_seconds
        return [record for record in self._idle() if record.touched < oldest]

    def _idle(self) -> list[TakeRecord]:
        return [record for record in self._records.values() if record.is_settled and not record.tickets]

    def _evict(self, keep: TakeRecord | None = None) -> bool:
        """Remove a failed recording, or the one unused for longest; False if all are in use."""
        idle = [record for record in self._idle() if record is not keep]
        if not idle:
            return False
        chosen = min(idle, key=lambda record: (record.state.status == "ready", record.touched))
        self.take_off(chosen)
        self._store.remove(chosen.folder)
        return True
