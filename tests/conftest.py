"""What every test shares: types and shapes are checked at run time, and random tests repeat themselves."""

import os

import jaxtyping
import pytest
from hypothesis import settings

# Before anything imports violute: afterwards the hook would come too late for what is loaded already.
jaxtyping.install_import_hook("violute", "typechecking.decorate")

# No deadline: how long an example takes says more about the machine than about the code.
settings.register_profile("developer", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True)
def _look_away_where_marked(request: pytest.FixtureRequest) -> object:
    """Let a test marked `unchecked` reach the library's own errors with values of wrong types or shapes."""
    if request.node.get_closest_marker("unchecked") is None:
        yield
        return
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
