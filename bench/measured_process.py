"""Run one command in a process of its own and report its time and memory as JSON.

Run with `python bench/measured_process.py COMMAND ...`. Linux counts the memory of a process from before it
became the command, so a large parent would hide a small child; this one stays small.
"""

import json
import resource
import subprocess
import sys
import time

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""Unit of `ru_maxrss`, which differs between systems."""


def main() -> None:
    """Run the command of the arguments; its own output goes to standard error."""
    start = time.perf_counter()
    returncode = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False).returncode
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = {
        "returncode": returncode,
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * BYTES_PER_UNIT,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
