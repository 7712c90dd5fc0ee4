"""The real-time core: built once a session, and played through its interface in C."""

import ctypes
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from once_a_run import made_once

from violute import read
from violute.examples import example_paths

ROOT = Path(__file__).parents[2]
SAMPLE_RATE = 44_100
LINE_LENGTH = 256
FADE_SAMPLES = 882
"""Within which bypass, dry sound and level are where they are turned to, at 44.1 kHz."""

DIALS = ("tone", "noise", "attack", "room", "wet")


def built(*, sanitized=False):
    """Build the core and its program, with sanitizers or without, and return the folder."""
    if shutil.which("cmake") is None or shutil.which("g++") is None:
        pytest.skip("cmake and g++ build the real-time core")
    options = ["-DVIOLUTE_SANITIZE=ON", "-DCMAKE_BUILD_TYPE=Quick"] if sanitized else []
    targets = ["violute-live", "violute-live-changes", "violute-live-nonsense"] if sanitized else ["all"]
    return made_once(
        "live-sanitized" if sanitized else "live", lambda folder: build(folder, options, targets)
    )


def build(folder, options, targets):
    """Build targets of `live/` in a folder."""
    for command in (
        ["cmake", "-S", ROOT / "live", "-B", folder, *options],
        ["cmake", "--build", folder, "--parallel", "2", "--target", *targets],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=900)


@lru_cache(maxsize=1)
def library():
    """Load the core."""
    core = ctypes.CDLL(built() / "libviolute_live.so")
    sound = ctypes.POINTER(ctypes.c_float)
    core.violute_live_open.restype = ctypes.c_void_p
    core.violute_live_open.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_float,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_size_t,
    ]
    core.violute_live_close.argtypes = [ctypes.c_void_p]
    core.violute_live_latency.argtypes = [ctypes.c_void_p]
    core.violute_live_card.argtypes = [ctypes.c_void_p]
    core.violute_live_card.restype = ctypes.c_char_p
    core.violute_live_turn.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_float]
    core.violute_live_level.argtypes = [ctypes.c_void_p, ctypes.c_float]
    core.violute_live_bypass.argtypes = [ctypes.c_void_p, ctypes.c_int]
    core.violute_live_resize_room.argtypes = [ctypes.c_void_p, ctypes.c_float]
    core.violute_live_reset.argtypes = [ctypes.c_void_p]
    core.violute_live_process.argtypes = [ctypes.c_void_p, sound, sound, sound, ctypes.c_int]
    core.violute_live_process_stereo.argtypes = [ctypes.c_void_p, *[sound] * 4, ctypes.c_int]
    return core


@lru_cache(maxsize=4)
def example(instrument):
    """Return an example piece at 44.1 kHz in mono."""
    sound, sample_rate = read(example_paths()[instrument])
    assert sample_rate == SAMPLE_RATE
    return sound.astype(np.float32).ravel()


def difference_db(made, wanted):
    """How far a sound is from another one, relative to it."""
    return 10.0 * np.log10(np.sum(np.square(made - wanted)) / np.sum(np.square(wanted)) + 1e-30)


def assert_glides(made, old, new, at):
    """Demand that from one sound to the other the share of the new one rises in small steps."""
    shares = []
    for start in range(at, at + FADE_SAMPLES, 63):
        part = slice(start, start + 63)
        shares.append(np.dot((made - old)[part], (new - old)[part]) / np.sum(np.square((new - old)[part])))
    assert np.diff(shares).min() > -1e-3
    assert np.diff(shares).max() < 0.2


class LiveCoreError(Exception):
    """A voice that the core does not open."""


class LiveCore:
    """One stream.

    Raises:
        LiveCoreError: The voice cannot be opened; says why.
    """

    def __init__(self, voice, *, sample_rate=SAMPLE_RATE, room_size=0.0, n_channels=1, **dials):
        problem = ctypes.create_string_buffer(LINE_LENGTH)
        self._core = library()
        self._live = self._core.violute_live_open(
            voice, len(voice), sample_rate, room_size, n_channels, problem, LINE_LENGTH
        )
        if self._live is None:
            raise LiveCoreError(problem.value.decode())
        self.turn(room=room_size)
        self.turn(**dials)
        self.latency_samples = self._core.violute_live_latency(self._live)
        self.card = self._core.violute_live_card(self._live).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._core.violute_live_close(self._live)

    def turn(self, mix=None, **dials):
        """Turn dials by name; the mix turns all but the room."""
        if mix is not None:
            dials = dict.fromkeys(DIALS[:3], mix) | dials
        for name, value in dials.items():
            self._core.violute_live_turn(self._live, DIALS.index(name), value)

    def level(self, level_db):
        """Set the output's level."""
        self._core.violute_live_level(self._live, level_db)

    def bypass(self, is_bypassed):
        """Let the input through, or the hybrid."""
        self._core.violute_live_bypass(self._live, is_bypassed)

    def resize_room(self, size):
        """Change the room's size, and return whether it is one."""
        return bool(self._core.violute_live_resize_room(self._live, size))

    def reset(self):
        """Forget all sound."""
        self._core.violute_live_reset(self._live)

    def push(self, audio):
        """Play a block, of one channel or two: as many samples, `(2, sample)`."""
        audio = np.ascontiguousarray(audio, np.float32)
        channels = audio if audio.ndim == 2 else [audio]
        played = np.empty((2, len(channels[0])), np.float32)
        pointers = (array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for array in (*channels, *played))
        process = (
            self._core.violute_live_process_stereo if audio.ndim == 2 else self._core.violute_live_process
        )
        process(self._live, *pointers, played.shape[1])
        return played


def played(voice, audio, *, block=256, **options):
    """Play a whole sound in blocks of one length."""
    with LiveCore(voice, **options) as live:
        blocks = [live.push(audio[start : start + block]) for start in range(0, len(audio), block)]
        return np.concatenate(blocks, axis=1)
