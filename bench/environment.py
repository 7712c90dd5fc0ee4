"""What a page of results says about where its figures come from."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from violute.workers import available_cores

ROOT = Path(__file__).resolve().parent.parent


def environment_lines(packages: list[str]) -> list[str]:
    """Describe machine, software, revision, other load and the command, as a Markdown list.

    Args:
        packages: Distributions whose versions matter.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    command = shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    return [
        (
            f"- Machine: {_processor()}, {available_cores()} cores usable, {platform.system()} "
            f"{platform.machine()}"
        ),
        f"- Load average at the end (1, 5, 15 minutes, this bench included): {load}",
        f"- Software: Python {platform.python_version()}, {versions}",
        f"- Revision: {_revision()}",
        f"- Command: `{command}`",
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if cpuinfo.exists()
        else []
    )
    return names[0] if names else platform.processor() or "unknown processor"


def _revision() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "src")
    return (git("rev-parse", "--short=12", "HEAD") or "not a checkout") + (
        ", with changes in src" if changed else ""
    )
