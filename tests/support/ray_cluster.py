"""A small Ray cluster of two nodes on the loopback, in a process of its own that is told what to break."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from process_tree import processes_below, title_of

ENVIRONMENT = {
    # Ray takes a loopback for an address that others cannot reach, but on these systems.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A busy machine is no dead one.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "10",
    "RAY_raylet_start_wait_time_s": "150",
    # Else its workers give way to whatever else runs, fifteen steps behind their driver.
    "RAY_worker_niceness": "0",
    "OMP_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
}

SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000, "node_ip_address": "127.0.0.1"}


class RayCluster:
    """Two nodes of a core each; what a test breaks it breaks through this.

    Attributes:
        address: For `--cluster`.
        environment: For processes that join the cluster.
    """

    def __init__(self) -> None:
        self.environment = os.environ | ENVIRONMENT
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent,
        )
        self.address = self._answer()

    def remove_node(self) -> None:
        """Kill the second node with all its processes."""
        self._tell("remove")

    def add_node(self) -> None:
        """Start a second node."""
        self._tell("add")

    def close(self) -> None:
        """Stop the cluster."""
        try:
            self._process.communicate("stop\n", timeout=120)
        except subprocess.TimeoutExpired:  # a node that does not end must not outlive the tests
            for pid in processes_below(self._process.pid) | {self._process.pid}:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    def workers(self, state: str = "") -> set[int]:
        """Find the processes of this cluster that do tasks; `_do` names those that are at one."""
        return {
            pid
            for pid in processes_below(self._process.pid)
            if title_of(pid).startswith("ray::") and state in title_of(pid)
        }

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        while not (line := self._process.stdout.readline()).startswith("cluster: "):
            assert line, "the cluster did not start"
        return line.removeprefix("cluster: ").strip()


def serve() -> None:
    """Run the cluster until the end of standard input."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=SMALL | {"include_dashboard": False})
    second = cluster.add_node(**SMALL)
    sys.stdout.write(f"cluster: {cluster.address}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line == "remove\n":
            cluster.remove_node(second, allow_graceful=False)
        elif line == "add\n":
            second = cluster.add_node(**SMALL)
        else:
            break
        sys.stdout.write("cluster: done\n")
        sys.stdout.flush()
    cluster.shutdown()


if __name__ == "__main__":
    serve()
