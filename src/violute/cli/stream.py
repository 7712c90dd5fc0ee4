"""`violute stream`: raw sound in, raw sound out, 20 ms later."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

from violute.cli.terminal.options import Attack, MixPlace, Noise, Quiet, Room, Tone
from violute.cli.terminal.output import complain
from violute.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float32

    from violute.voices.contract import StreamLike

READ_BYTES = 1 << 16
DTYPES = {"f32le": "<f4", "s16le": "<i2"}
PCM_SCALE = 32_768.0
LARGEST_SAMPLE = 1000.0
"""60 dB over full scale: what is larger was never sound in 32-bit floating point."""

FILE_MARKS = {
    b"RIFF": "a WAV file",
    b"fLaC": "a FLAC file",
    b"OggS": "an Ogg file",
    b"FORM": "an AIFF file",
    b"ID3": "an MP3 file",
    b"\xff\xfb": "an MP3 file",
}


def stream(
    *,
    mix: MixPlace = None,
    tone: Tone = None,
    noise: Noise = None,
    attack: Attack = None,
    room: Room = None,
    automation: Path | None = None,
    voice: str | None = None,
    encoding: Literal["f32le", "s16le"] = "f32le",
    quiet: Quiet = False,
) -> int:
    """Play along: raw mono sound at 44.1 kHz from standard input to standard output, 20 ms later.

    For instance: `ffmpeg -i solo.wav -ac 1 -ar 44100 -f f32le - | violute stream --mix 0.5 > hybrid.f32`, or
    live: `arecord -t raw -f S16_LE -r 44100 | violute stream --encoding s16le | aplay -f S16_LE -r 44100`.

    As many samples come out as go in, and the delay at the end. One line at a time; a stream cannot look
    ahead, so converting a file (`violute convert`) is surer of pitch, and vibrato stays as it is played.

    Parameters
    ----------
    automation
        CSV file of `seconds,mix` lines, seconds from the first sample on.
    voice
        Name of a voice of the family ddsp (see `violute voices`) or path of a voice file. Default:
        violute-violin-flute.
    encoding
        Of the samples, in and out: 32-bit floating point, or 16-bit integers; little-endian, no header.
    """
    from violute.voices.automation import read_automation, read_dials
    from violute.voices.load import load_voice
    from violute.voices.mix import mix_of_settings

    moves = read_automation(automation) if automation else None
    settings = mix_of_settings(mix, moves, **read_dials(room=room, tone=tone, noise=noise, attack=attack))
    _refuse_terminals()
    player = load_voice(voice).stream(settings)
    late = LateBlocks(player.sample_rate, warn=lambda line: None if quiet else complain(line))
    try:
        play_along(player, sys.stdin.buffer, sys.stdout.buffer, np.dtype(DTYPES[encoding]), late)
    except OSError as error:
        # What is buffered would be tried, and complained about, once more as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0  # whoever listened has left, which is a way to end
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"the sound cannot be sent on ({reason}): send it to another place") from None
    if not quiet:
        latency_ms = 1e3 * player.latency_samples / player.sample_rate
        complain(
            f"streamed {encoding} at {player.sample_rate} Hz, {latency_ms:.0f} ms behind{late.summary()}"
        )
    return 0


class LateBlocks:
    """Counts the blocks that took longer to play than they last: live, the sound drops out there."""

    def __init__(
        self,
        sample_rate: int,
        *,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._rate, self._warn, self._clock = sample_rate, warn, clock
        self.n_late = self.n_blocks = 0

    def played(
        self, player: StreamLike, block: Float32[np.ndarray, " sample"]
    ) -> Float32[np.ndarray, " sample"]:
        """Play a block and note whether that was in time."""
        started = self._clock()
        made = player.push(block)
        is_warm = self.n_blocks > 0  # the first block waits for the network to be set up
        self.n_blocks += 1
        if is_warm and self._clock() - started > len(block) / self._rate:
            self.n_late += 1
            if self.n_late == 1:
                self._warn(
                    "warning: underrun, a block took longer to play than it lasts, and live the sound drops "
                    "out: close other programs, or send larger blocks"
                )
        return made

    def summary(self) -> str:
        """Return what to say at the end, nothing where all was in time."""
        return f", {self.n_late} of {self.n_blocks} blocks too late (underruns)" if self.n_late else ""


def play_along(player: StreamLike, sound: BinaryIO, out: BinaryIO, dtype: np.dtype, late: LateBlocks) -> None:
    """Read until the end and write what is ready after each read.

    Raises:
        InputError: The sound begins as a file of some format, is no sound in this encoding, or ends within a
            sample.
        OSError: It cannot be written.
    """
    rest, is_first = b"", True
    while received := sound.read1(READ_BYTES):  # type: ignore[attr-defined]  # buffered readers have it
        received = rest + received
        if is_first and len(received) >= 4:
            is_first = False
            for mark, kind in FILE_MARKS.items():
                if received.startswith(mark):
                    raise InputError(
                        f"standard input is {kind}: send raw samples, as in "
                        "`ffmpeg -i FILE -ac 1 -ar 44100 -f f32le - | violute stream`"
                    )
        n_whole = len(received) // dtype.itemsize * dtype.itemsize
        rest = received[n_whole:]
        out.write(_encoded(late.played(player, _decoded(received[:n_whole], dtype)), dtype))
        out.flush()
    out.write(_encoded(player.flush(), dtype))
    out.flush()
    if rest:
        raise InputError(
            f"the sound ends {len(rest)} bytes into a sample of {dtype.itemsize}: "
            "say its --encoding, f32le or s16le"
        )


def _decoded(raw: bytes, dtype: np.dtype) -> Float32[np.ndarray, " sample"]:
    samples = np.frombuffer(raw, dtype).astype(np.float32)
    if dtype.kind == "i":
        return samples / np.float32(PCM_SCALE)
    # Also false where a sample is not a number.
    if not (np.abs(samples) < LARGEST_SAMPLE).all():
        raise InputError("this is no sound in f32le: say its --encoding, or decode the file first")
    return samples


def _encoded(samples: Float32[np.ndarray, " sample"], dtype: np.dtype) -> bytes:
    if dtype.kind == "i":
        samples = np.clip(np.rint(samples * PCM_SCALE), -PCM_SCALE, PCM_SCALE - 1.0)
    return samples.astype(dtype).tobytes()


def _refuse_terminals() -> None:
    """Raise `InputError` where nobody pipes sound in, or nothing takes it."""
    example = "as in `ffmpeg -i FILE -ac 1 -ar 44100 -f f32le - | violute stream > hybrid.f32`"
    if sys.stdin.isatty():
        raise InputError(f"standard input is a terminal: pipe raw sound into this, {example}")
    if sys.stdout.isatty():
        raise InputError(f"standard output is a terminal: send the sound to a player or a file, {example}")
