"""What a page of results says about where its figures come from."""

import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from violute.evaluation.bench.environment import processor, revision
from violute.worklist.cores import available_cores

ROOT = Path(__file__).resolve().parent.parent


def environment_lines(packages: list[str]) -> list[str]:
    """Describe machine, software, revision, other load and the command, as a Markdown list.

    Args:
        packages: Distributions whose versions matter.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    system = f"{platform.system()} {platform.machine()}"
    commit, is_changed = revision()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    command = shlex.join(["python", f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    return [
        f"- Machine: {processor()}, {available_cores()} cores usable, {system}",
        f"- Load average at the end (1, 5, 15 minutes, this bench included): {load}",
        f"- Software: Python {platform.python_version()}, {versions}",
        f"- Revision: {commit[:12] or 'not a checkout'}{', with changes in src' if is_changed else ''}",
        f"- Command: `{command}`",
    ]
