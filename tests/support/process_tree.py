"""Processes below another one, as Linux tells of them in /proc."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def processes_below(parent: int) -> set[int]:
    """Find the children of a process, theirs, and so on."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[1])
    found = {parent}
    while more := {pid for pid, above in parents.items() if above in found} - found:
        found |= more
    return found - {parent}


def title_of(pid: int) -> str:
    """Return what a process calls itself; nothing once it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """Tell whether a process does anything yet; one that has ended may wait to be noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
