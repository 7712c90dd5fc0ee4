"""What every test shares: types and shapes are checked at run time, and random tests repeat themselves.

pytest-xdist runs folders of tests in one process for each core, all tests of a file in the same one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from once_a_run import FOLDER

# Before anything imports violute: afterwards the hook would come too late for what is loaded already.
jaxtyping.install_import_hook("violute", "typechecking.decorate")

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("developer", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")

MOST_PROCESSES = 8
"""Each takes a gigabyte."""

LONGEST = ("test_torchrun.py", "test_cluster.py")
"""Files that begin first, lest all processes wait for them at the end."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run the tests; files alone start sooner in this one."""
    if all(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    from violute.worklist.cores import available_cores

    return min(available_cores(), MOST_PROCESSES)


def pytest_configure(config: pytest.Config) -> None:
    """Give all processes of the run one folder for what is made once."""
    if hasattr(config, "workerinput"):
        return
    os.environ[FOLDER] = folder = tempfile.mkdtemp(prefix="violute-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if config.getoption("numprocesses"):
        # Each has a core; threads that wait for another one's take time from both.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        code = "from violute.evaluation.bench.run import compile_librosa; compile_librosa()"
        subprocess.run([sys.executable, "-c", code], check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True)
def _look_away_where_marked(request: pytest.FixtureRequest) -> object:
    """Let a test marked `unchecked` reach the library's own errors with values of wrong types or shapes."""
    if request.node.get_closest_marker("unchecked") is None:
        yield
        return
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
