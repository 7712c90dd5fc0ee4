"""Types and shapes are checked while the tests run, and only then."""

import subprocess
import sys

import jaxtyping
import numpy as np
import pytest

from violute.analysis.controls import Controls
from violute.errors import ShapeError


def frames(n_lines, n_frames):
    return np.zeros((n_lines, n_frames), np.float32)


def test_a_disagreement_in_frames_is_noticed_by_the_annotations():
    with pytest.raises(jaxtyping.TypeCheckError):
        Controls(frames(1, 4), frames(1, 5), frames(1, 4), np.zeros(4, np.float32))


@pytest.mark.unchecked
def test_a_marked_test_reaches_the_library_s_own_error():
    with pytest.raises(ShapeError):
        Controls(frames(1, 4), frames(1, 5), frames(1, 4), np.zeros(4, np.float32))


def test_users_pay_for_no_checking():
    code = "import sys, violute.analysis.controls; sys.exit('beartype' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
