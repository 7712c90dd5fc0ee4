"""What a contender costs: speed, memory and cold start, each measured in a process of its own.

A process that only opens the contender shows what a user would meet; nothing else of the bench runs
beside it. The figures are of one machine and mean something beside each other only.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.errors import InputError
from violute.evaluation.bench.contenders import Lineup, open_contender
from violute.evaluation.bench.schema import Figures

MAX_REPEATS = 3
LONGEST_SECONDS = 20.0
"""After this much, no further repeat of a slow contender is begun."""


def measure_cost(
    lineup: Lineup, name: str, audio: Float32[np.ndarray, " sample"], sample_rate: int
) -> Figures:
    """Measure one contender on one clip in mono; ten seconds say enough.

    Returns:
        `cost/convert_x_realtime` (analysis and one rendering, once everything is loaded),
        `cost/rerender_x_realtime` (one rendering more), `cost/cold_start_seconds` (from the start of
        the process to the first rendering), `cost/peak_memory_mb` (of the process).

    Raises:
        InputError: The contender could not play the clip.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    begun = time.time()
    process = context.Process(target=_play, args=(lineup, name, audio, sample_rate, sender))
    process.start()
    sender.close()
    try:
        first_done, convert_seconds, render_seconds, peak_bytes = receiver.recv()
    except EOFError:
        raise InputError(
            f"{name}: stopped while its cost was measured: play the clip with it alone"
        ) from None
    finally:
        process.join()
        receiver.close()
    seconds = len(audio) / sample_rate
    return {
        "cost/convert_x_realtime": seconds / convert_seconds,
        "cost/rerender_x_realtime": seconds / render_seconds,
        "cost/cold_start_seconds": first_done - begun,
        "cost/peak_memory_mb": peak_bytes / 1e6,
    }


def peak_memory_bytes() -> int:
    """Return the most memory that this process ever held."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Counted from the start of this program; `ru_maxrss` keeps what the parent held when it forked.
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _play(
    lineup: Lineup, name: str, audio: Float32[np.ndarray, " sample"], sample_rate: int, sender: Connection
) -> None:
    """Play in a process of its own: the first time cold, then again for the speed."""
    # Ctrl-C ends it without a traceback: whoever started it tells the user.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    contender = open_contender(lineup, name)
    contender.analyse(audio, sample_rate).render(0.5)
    first_done = time.time()
    converting: list[float] = []
    rendering: list[float] = []
    while len(converting) < MAX_REPEATS and time.time() - first_done < LONGEST_SECONDS:
        begun = time.perf_counter()
        take = contender.analyse(audio, sample_rate)
        # The first rendering of a take may measure what later ones reuse: it belongs to the conversion.
        take.render(0.5)
        converted = time.perf_counter()
        take.render(0.25)
        rendering.append(max(time.perf_counter() - converted, 1e-6))
        converting.append(converted - begun)
    sender.send((first_done, float(np.median(converting)), float(np.median(rendering)), peak_memory_bytes()))
    sender.close()
