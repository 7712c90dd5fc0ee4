"""What became of a list of work, in JSON lines: a row a file, whichever engine did it, whatever stopped it.

Rows say what is planned, done, failed and why, or was found there without a row. While the work goes on rows
are added as they come, and the last one of a file counts; at the end there is one a file, by name.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from violute.whole_file import append_row, disk_errors, json_line, rows_of
from violute.worklist.places import Place, below, read_whole, write_whole

MANIFEST_NAME = "violute-manifest.jsonl"

PLANNED, DONE, FAILED, FOUND = "planned", "done", "failed", "found"
"""States of a file: not there yet, made here, not to be made, there before anybody wrote a row of it."""

WRITE_SECONDS = 10.0
"""Between two writings into a store, which adds nothing to a file."""

Row = dict[str, Any]


class WorkManifest:
    """The manifest of a folder of results.

    Raises:
        DataError: It cannot be read.
        InputError: The store refuses.
    """

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        self.place = below(folder, MANIFEST_NAME)
        with disk_errors(Path(str(self.place))):
            content = read_whole(self.place) or b""
        rows = (row for row in rows_of(content) if isinstance(row, dict) and "output" in row)
        self.rows: dict[str, Row] = {row["output"]: row for row in rows}
        self._written = 0.0

    def name_of(self, output: Place) -> str:
        """Return how a result is called: below the folder, with `/` between parts."""
        if isinstance(output, Path):
            return output.relative_to(self.folder).as_posix()
        return output.removeprefix(str(self.folder)).lstrip("/")

    def plan(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write down what is planned, before the first of it."""
        self.rows |= {row["output"]: dict(row) for row in rows}
        self.write()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write down what became of a file."""
        self.rows[row["output"]] = dict(row)
        if isinstance(self.place, Path):
            with disk_errors(self.place):
                append_row(self.place, row)
        elif time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write a row a file, in order of their names."""
        content = b"".join(json_line(self.rows[name]) for name in sorted(self.rows))
        with disk_errors(Path(str(self.place))):
            write_whole(self.place, content)
        self._written = time.monotonic()
