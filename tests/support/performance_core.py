"""The player of measured parameters, through its interface in C."""

import ctypes
import json
from functools import lru_cache

import numpy as np
from live_core import LINE_LENGTH, LiveCoreError, library

END_DIALS = ("tone", "noise", "attack", "vibrato")
LINE_ARRAYS = (
    "row",
    "f0_hz",
    "loudness_db",
    "gate",
    "attack_share",
    "vibrato_cents",
    "vibrato_db",
    "harmonic_root",
    "noise_root",
    "harmonic_power",
    "noise_power",
)


@lru_cache(maxsize=1)
def performance_library():
    core = library()
    handle, number, whole = ctypes.c_void_p, ctypes.c_double, ctypes.c_int
    problem = [ctypes.c_char_p, ctypes.c_size_t]
    for name, answer, *given in (
        ("draws_open", handle, handle, handle, handle),
        ("draws_close", None, handle),
        ("draws_room", whole, handle, number, whole, handle, whole),
        ("performance_open", handle, handle, whole, whole, *[handle, whole] * 2, handle, *problem),
        ("performance_close", None, handle),
        ("performance_add_line", whole, handle, handle, whole, whole, *problem),
        ("performance_turn", None, handle, whole, number),
        ("performance_move", None, handle, whole, handle, handle, whole),
        ("performance_hold", None, handle, number),
        ("performance_transpose", None, handle, number),
        ("performance_gains", None, handle, handle, handle, whole),
        ("performance_seek", None, handle, whole),
        ("performance_position", whole, handle),
        ("performance_play", None, handle, handle, whole),
    ):
        function = getattr(core, f"violute_{name}")
        function.restype, function.argtypes = answer, given
    return core


def parse(content):
    """Read header, draws and the arrays of each line out of live parameters, looking into the bytes."""
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])

    def read(entry):
        size = int(np.prod(entry["shape"]))
        return np.frombuffer(content, entry["dtype"], size, 4 + length + entry["offset"])

    draws = {name: read(entry) for name, entry in header["draws"].items()}
    return (
        header,
        draws,
        [{name: read(one) for name, one in line["arrays"].items()} for line in header["lines"]],
    )


def doubles(values):
    return np.ascontiguousarray(values, np.float64)


class PerformanceCore:
    """A piece.

    Raises:
        LiveCoreError: The parameters are none that the core plays; says why.
    """

    def __init__(self, content, **changed):
        """Take live parameters, or arrays of the first line in their place."""
        core = self._core = performance_library()
        header, draws, self._lines = parse(content)
        header |= {name: value for name, value in changed.items() if name in header}
        self._lines[0] |= {name: value for name, value in changed.items() if name in LINE_ARRAYS}
        self._draws = core.violute_draws_open(
            *(draws[name].ctypes.data for name in ("noise.state", "room.arrivals", "room.signs"))
        )
        mixes, hz, weights = (doubles(header["dial"][name]) for name in ("mixes", "hz", "places"))
        problem = ctypes.create_string_buffer(LINE_LENGTH)
        self._performance = core.violute_performance_open(
            self._draws,
            header["n_frames"],
            header["n_harmonics"],
            mixes.ctypes.data,
            len(mixes),
            hz.ctypes.data,
            len(hz),
            weights.ctypes.data,
            problem,
            LINE_LENGTH,
        )
        if self._performance is None:
            raise LiveCoreError(problem.value.decode())
        for line, arrays in zip(header["lines"], self._lines, strict=True):
            pointers = (ctypes.c_void_p * len(LINE_ARRAYS))(
                *(arrays[name].ctypes.data for name in LINE_ARRAYS)
            )
            rows, seed = line["n_rows"], line["noise_seed"]
            if not core.violute_performance_add_line(
                self._performance, pointers, rows, seed, problem, LINE_LENGTH
            ):
                self.__exit__()
                raise LiveCoreError(problem.value.decode())
        self.n_samples = 441 * header["n_frames"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._core.violute_performance_close(self._performance)
        self._core.violute_draws_close(self._draws)

    @property
    def position(self):
        return self._core.violute_performance_position(self._performance)

    def do(self, dials=None, automation=None, hold=None, gains=None, transpose=None, seek=None):
        """Make a step's moves."""
        core, performance = self._core, self._performance
        for name, value in (dials or {}).items():
            core.violute_performance_turn(performance, END_DIALS.index(name), value)
        if automation is not None:
            seconds, mixes = (doubles(row) for row in np.array(automation).reshape(-1, 2).T)
            for dial in range(len(END_DIALS)):
                core.violute_performance_move(
                    performance, dial, seconds.ctypes.data, mixes.ctypes.data, len(seconds)
                )
        if hold is not None:
            core.violute_performance_hold(performance, hold)
        if gains is not None:
            mixes, values = doubles(gains["mixes"]), doubles(gains["gain"])
            core.violute_performance_gains(performance, mixes.ctypes.data, values.ctypes.data, len(mixes))
        if transpose is not None:
            core.violute_performance_transpose(performance, transpose)
        if seek is not None:
            core.violute_performance_seek(performance, seek)

    def play(self, n_samples, block=128):
        """Play on in blocks of one length."""
        out = np.full(n_samples, np.nan, np.float32)
        for at in range(0, n_samples, block):
            n = min(block, n_samples - at)
            self._core.violute_performance_play(self._performance, out[at:].ctypes.data, n)
        return out

    def room(self, size, place):
        """Impulse response of a room."""
        n = self._core.violute_draws_room(self._draws, size, place, None, 0)
        out = np.full(n, np.nan, np.float32)
        self._core.violute_draws_room(self._draws, size, place, out.ctypes.data, n)
        return out


def play(content, *steps, block=128):
    """Play steps one after the other: moves, and how many samples follow; all of the rest unless given."""
    with PerformanceCore(content) as core:
        pieces = []
        for step in steps:
            moves = dict(step)
            n_samples = moves.pop("play", None)
            core.do(**moves)
            pieces.append(
                core.play(core.n_samples - core.position if n_samples is None else n_samples, block)
            )
        return np.concatenate(pieces)
