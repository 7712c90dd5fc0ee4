"""`Limits`: how much the studio takes in, holds and works at, so that nothing grows without bound."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from violute.audio.file_source import FileSource
from violute.errors import AudioError

RECORDING_TYPES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif")
FOREIGN_TYPES = (".m4a", ".mp4", ".aac", ".wma", ".webm")
"""What people have of what ffmpeg reads."""

MAX_REQUEST_BYTES = 1_000_000
"""Largest body of a request that is no upload."""

MAX_BREAKPOINTS = 10_000
"""Longest automation."""


def recording_types() -> list[str]:
    """List what the page offers to choose; what can be read is decided by content, never by a name."""
    return [*RECORDING_TYPES, *(FOREIGN_TYPES if shutil.which("ffmpeg") else ())]


@dataclass(frozen=True)
class Limits:
    """What the studio accepts and holds.

    Attributes:
        max_upload_bytes: Largest recording, as a file.
        max_seconds: Longest recording.
        max_channels: Most channels of a recording.
        min_sample_rate: Lowest rate of a recording in Hz; browsers play none below.
        max_sample_rate: Highest rate of a recording in Hz.
        max_takes: Most recordings held at once; the one unused for longest makes room for the next.
        max_arriving: Most uploads under way at once.
        max_arriving_each: Most uploads under way at once from one machine.
        max_store_bytes: Most disk that all recordings and what is made of them take.
        keep_seconds: How long a recording is held after it was last used.
        max_waiting: Most analyses and renderings that wait for a worker.
        job_seconds: Longest that one analysis or rendering may take.
        n_workers: Processes that analyse and render.
    """

    max_upload_bytes: int = 250_000_000
    max_seconds: float = 600.0
    max_channels: int = 8
    min_sample_rate: int = 8_000
    max_sample_rate: int = 192_000
    max_takes: int = 64
    max_arriving: int = 48
    max_arriving_each: int = 24
    max_store_bytes: int = 4_000_000_000
    keep_seconds: float = 4 * 3600.0
    max_waiting: int = 32
    job_seconds: float = 300.0
    n_workers: int = 2

    @property
    def max_samples(self) -> int:
        """Most samples of a recording, all channels together: the longest one in stereo at 96 kHz."""
        return int(self.max_seconds * 192_000)

    def check(self, recording: FileSource) -> None:
        """Make sure that a recording is one that the studio takes, from its header alone.

        Raises:
            AudioError: It is too long, or has too many channels or an unusual rate.
        """
        name, rate = recording.name, recording.sample_rate
        seconds = recording.n_samples / rate
        if seconds > self.max_seconds:
            raise AudioError(
                f"{name} lasts longer than the {in_minutes(self.max_seconds)} that the studio takes: "
                "cut it, or use violute convert, which takes any length"
            )
        if not self.min_sample_rate <= rate <= self.max_sample_rate:
            raise AudioError(
                f"{name} has a sample rate of {rate} Hz and the studio takes {self.min_sample_rate} to "
                f"{self.max_sample_rate} Hz: resample it, or use violute convert"
            )
        if recording.n_channels > self.max_channels:
            raise AudioError(
                f"{name} has {recording.n_channels} channels and the studio takes up to {self.max_channels}: "
                "mix it down, or use violute convert"
            )
        if recording.n_samples * recording.n_channels > self.max_samples:
            raise AudioError(
                f"{name} has {recording.n_channels} channels of {rate} Hz for {in_minutes(seconds)}, more "
                "than the studio takes: mix it down, resample it, or use violute convert"
            )


def in_minutes(seconds: float) -> str:
    """Write a length as people say it: `45 s`, `9 min 59 s`, `10 min`, or `76 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s" if seconds < 10 else f"{whole} s"
    if whole >= 6 * 3600:
        return f"{whole / 3600:.0f} h"
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")


def in_megabytes(n_bytes: int) -> str:
    """Write a size as people say it: `250 MB`."""
    return f"{n_bytes / 1e6:.3g} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.3g} GB"
