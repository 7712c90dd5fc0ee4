"""What costs much is made once a run of the tests, by whichever of its processes needs it first."""

import fcntl
import os
import shutil
from pathlib import Path

FOLDER = "VIOLUTE_TESTS_FOLDER"
"""Name of the variable that tells all processes of a run where such things lie."""


def made_once(name, make):
    """Return the folder of this name, which `make(folder)` filled in this process or in another one."""
    folder = Path(os.environ[FOLDER]) / name
    whole = folder.with_suffix(".whole")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
