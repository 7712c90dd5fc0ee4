"""Progress on standard error: bars drawn by rich where a person watches, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

StartTask = Callable[[str], Callable[[float], None]]
"""Opens a bar under a title and returns what moves it: a call with the share done, 0 to 1."""

LINE_EVERY_SECONDS = 60.0
"""Between two lines in a log file."""


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[StartTask]:
    """Draw bars while the block runs.

    The bar of the piece at hand replaces the one before it, so a thousand files take one line.
    Where standard error is no terminal, work that lasts minutes writes a line each minute instead.
    """
    if not shown:
        yield lambda _title: lambda _share: None
        return
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:

        def start(title: str) -> Callable[[float], None]:
            for task in progress.task_ids:
                progress.remove_task(task)
            bar = progress.add_task(title, total=1.0)
            return lambda share: progress.update(bar, completed=share)

        yield start


def _log_lines() -> StartTask:
    last = time.monotonic()

    def start(title: str) -> Callable[[float], None]:
        def show(share: float) -> None:
            nonlocal last
            if time.monotonic() - last >= LINE_EVERY_SECONDS:
                last = time.monotonic()
                sys.stderr.write(f"{title}: {share:.0%}\n")
                sys.stderr.flush()

        return show

    return start
