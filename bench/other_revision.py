"""The library as it was at another revision, for what compares itself with its past."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import ROOT


@contextmanager
def source_of(revision: str) -> Iterator[Path]:
    """Lend a folder for `PYTHONPATH` with the library of a revision."""
    packed = subprocess.run(
        ["git", "archive", revision, "src/violute"], cwd=ROOT, capture_output=True, check=True
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        yield Path(folder) / "src"
