"""Packages of an extra, such as torch with `violute[train]`, and the engine of `--jobs` and `--cluster`."""

from __future__ import annotations

from importlib import import_module

from violute.errors import InputError
from violute.worklist.engine import Engine


def require_extra(extra: str, what: str, *modules: str) -> None:
    """Import modules of Violute, and so make sure that the packages of an extra are installed.

    Raises:
        InputError: A package is missing; `what` needs it, as a sentence begins.
    """
    try:
        for module in modules:
            import_module(module)
    except ModuleNotFoundError as error:
        # A module of our own that is missing is a bug, which no extra mends.
        if (error.name or "").partition(".")[0] == "violute":
            raise
        raise InputError(
            f"{what} {error.name}, which is not installed: run pip install 'violute[{extra}]'"
        ) from None


def engine_of(jobs: int | None, cluster: str | None) -> Engine:
    """Return who is to do the work.

    Raises:
        InputError: The number of jobs is below 1, both were asked for, or the cluster cannot be reached.
    """
    if jobs is not None and jobs < 1:
        raise InputError("--jobs must be above 0: give a larger number")
    if cluster is None:
        return Engine(jobs)
    if jobs is not None:
        raise InputError("--jobs is for this machine, a cluster takes what it has: give --jobs or --cluster")
    require_extra("cluster", "--cluster needs", "violute.worklist.cluster")
    from violute.worklist.cluster import connect

    connect(cluster)
    return Engine(cluster=cluster)
