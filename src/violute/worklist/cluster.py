"""A list of work on a Ray cluster: a task an item, few in flight, again where one dies.

The driver hands out items and gathers what came of them; recordings and results never pass it. Workers
stay from task to task: what a work keeps in memory, such as a voice, is loaded once.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    RaySystemError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from violute.errors import InputError, VioluteError
from violute.worklist.cores import become_worker

IN_FLIGHT = 2
"""Tasks sent out for each core of the cluster: a task waits while its worker does the one before."""

ATTEMPTS = 4
"""Of one item, where its worker or node dies; a fifth would only kill another."""

CONNECT_SECONDS = 5.0
LOOK_SECONDS = 10.0
"""Between two looks at how many cores the cluster has by now."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def connect(address: str) -> None:
    """Join a cluster; nothing happens if this process is in one already.

    Args:
        address: `HOST:PORT` of its head, `ray://HOST:PORT` of its door for clients, or `auto`.

    Raises:
        InputError: It cannot be reached.
    """
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or it warns of GPUs
    if address != "auto":
        _require_listener(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        _keep_complaints_off_standard_output()
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"--cluster {address}: there is no cluster to join ({reason}): start one with ray start "
            "--head, or give the address that it printed"
        ) from None


def _keep_complaints_off_standard_output() -> None:
    """Silence what nodes complain of, which `log_to_driver` does not; it would stand among our results."""
    with suppress(ImportError):  # there is no public switch, and a private one may move
        from ray._private import worker

        worker._worker_logs_enabled = False  # noqa: SLF001


def attempts_on_cluster(
    work: Callable[[Item], Result], items: Sequence[Item], address: str
) -> Generator[tuple[int, Result | Exception], None, None]:
    """Do the items as tasks of a cluster; see `Engine.attempts`.

    Raises:
        InputError: The cluster cannot be reached.
    """
    connect(address)
    task: Any = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_do)
    shared = ray.put((work, version("violute"), str(Path.cwd())))
    left, flying = deque(range(len(items))), dict[Any, int]()
    try:
        while left or flying:
            n_cores = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]  # theirs
            window = IN_FLIGHT * max(int(n_cores), 1)
            while left and len(flying) < window:
                i = left.popleft()
                flying[task.remote(shared, items[i])] = i
            for reference in ray.wait(list(flying), num_returns=1, timeout=LOOK_SECONDS)[0]:
                yield flying.pop(reference), _result(reference)
    finally:
        for reference in flying:
            ray.cancel(reference)


def _require_listener(address: str) -> None:
    """Make sure that somebody listens, since Ray tries for a minute and prints pages."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--cluster {address}: is no address: give HOST:PORT, ray://HOST:PORT or auto")
    try:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--cluster {address}: no cluster answers there ({error}): start one with ray start "
            "--head, or give the address that it printed"
        ) from None


def _do(shared: tuple[Callable[[Item], Result], str, str], item: Item) -> Result | Exception:
    """Do one item in a worker of the cluster."""
    work, wanted, folder = shared
    if (found := version("violute")) != wanted:
        return InputError(
            f"node {socket.gethostname()} has violute {found}, the driver {wanted}: install one"
        )
    become_worker()
    with suppress(OSError):  # paths are those of the driver; whoever misses a file says so
        os.chdir(folder)
    try:
        return work(item)
    except Exception as error:  # noqa: BLE001  # handed over: Ray would do it again, or wrap it in its own
        return error


def _result(reference: Any) -> Any:
    """Return what came of a task, with a line in place of Ray's pages."""
    try:
        return ray.get(reference)
    except OutOfMemoryError:
        return VioluteError(
            "a worker of the cluster ran out of memory: give a node more, or start it with fewer cores "
            "(ray start --num-cpus)"
        )
    except (WorkerCrashedError, NodeDiedError):
        return VioluteError(
            f"its worker died {ATTEMPTS} times, perhaps for lack of memory: look at the node, and run the "
            "same command again, what was done is kept"
        )
    except (RayTaskError, RaySystemError, RuntimeEnvSetupError) as error:
        reason = str(error).strip().splitlines()[-1][:200]
        return VioluteError(
            f"a node of the cluster cannot do this ({reason}): install the same violute and packages on each"
        )
