"""What costs much is made once a run of the tests, by whichever of its processes needs it first."""

import os
import shutil
from pathlib import Path

from filelock import FileLock

FOLDER = "VIOLUTE_TESTS_FOLDER"
"""Name of the variable that tells all processes of a run where such things lie."""


def made_once(name, make):
    """Return the folder of this name, which `make(folder)` filled in this process or in another one."""
    folder = Path(os.environ[FOLDER]) / name
    whole = folder.with_suffix(".whole")
    with FileLock(folder.with_suffix(".lock")):
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
