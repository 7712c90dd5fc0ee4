"""What a document says about where its figures come from: machine, software, revision, date."""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import violute
from violute.worklist.cores import available_cores

PACKAGES = ("numpy", "onnxruntime", "soundfile", "soxr", "librosa", "pyworld", "mir_eval", "scipy")


def environment(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Describe this machine and software.

    Args:
        arguments: Of the command line. Absolute paths give their last part only, so that a
            published document says nothing of somebody's disk.

    Returns:
        `violute`, `revision` (git's, empty outside a checkout), `is_changed` (files of the package
        differ from the revision), `date` (UTC), `python`, `packages`, `processor`, `n_cores`,
        `system`, `command`.
    """
    commit, is_changed = revision()
    return {
        "violute": violute.__version__,
        "revision": commit,
        "is_changed": is_changed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "processor": processor(),
        "n_cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "command": shlex.join(["violute", *(without_folders(argument) for argument in arguments)]),
    }


def without_folders(argument: str) -> str:
    """Return an argument of a command line, an absolute path as its last part only."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """Return the name of the processor, as far as the system knows one."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def revision() -> tuple[str, bool]:
    """Return git's commit, empty outside a checkout, and whether files of the package differ from it."""
    package = Path(violute.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=package, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # Asked of a file of the package: an environment inside somebody else's checkout has no revision.
        if not git("ls-files", "--", "__init__.py"):
            return "", False
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no", "."))
    except OSError:
        return "", False
