"""`RefusalError`: a request that the studio does not serve, with the status of HTTP that says so."""

from __future__ import annotations

from violute.errors import InputError


class RefusalError(InputError):
    """What was asked cannot be done: the sentence that the page shows, and a status of HTTP.

    4xx where the asker can mend it, 5xx where only time or the terminal can.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
