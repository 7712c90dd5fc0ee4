"""`--jobs` and `--cluster`: who does a list of work."""

from __future__ import annotations

from violute.cli.terminal.extras import require_extra
from violute.errors import InputError
from violute.worklist.engine import Engine


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
