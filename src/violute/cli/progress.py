"""Progress bars on standard error, drawn by rich, only where a person watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

StartTask = Callable[[str], Callable[[float], None]]
"""Opens a bar under a title and returns what moves it: a call with the share done, 0 to 1."""


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[StartTask]:
    """Draw bars while the block runs; silent where standard error is no terminal.

    The bar of the piece at hand replaces the one before it, so a thousand files take one line.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda _title: lambda _share: None
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
