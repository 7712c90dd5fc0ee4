"""`Source`: a recording read block by block, from an array or from a file, in constant memory.

Samples are float32 in (channel, sample); integer PCM becomes [-1, 1) by its full scale, and nothing is
clipped on the way in. A source is validated when it is made and can be read any number of times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from jaxtyping import Float32, Num

from violute.audio.truncation import is_header_too_long, is_stream_truncated
from violute.errors import AudioError, SilentError

BLOCK_SAMPLES = 65_536
"""Default length of a block: 1.5 s at 44.1 kHz."""

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 768_000
MIN_SAMPLES = 2

INAUDIBLE = 1e-6
"""A recording that never moves further than this, -120 dB of full scale, counts as silent."""

_MAX_CHANNELS = 1_024
_READABLE = "WAV, FLAC, Ogg, Opus, MP3 or AIFF"
_MAGIC = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3")


class Source(Protocol):
    """A recording: what it is, and its samples block by block, from the start on every call."""

    @property
    def name(self) -> str:
        """What to call the recording in a message."""
        ...

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz."""
        ...

    @property
    def n_channels(self) -> int:
        """Number of channels, 1 or more."""
        ...

    @property
    def n_samples(self) -> int:
        """Samples per channel, 2 or more."""
        ...

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Read the recording from its start, `n_samples` at a time; the last block may be shorter.

        Raises:
            AudioError: The recording is damaged, ends early, or holds NaN or infinity.
        """
        ...


class ArraySource:
    """A recording in memory.

    Args:
        audio: `(sample,)` or `(channel, sample)`; floating point with full scale 1, or integer PCM of
            8 (unsigned or signed), 16 or 32 bits.
        sample_rate: In Hz, 1,000 to 768,000.
        name: What to call it in messages.

    Raises:
        AudioError: The array is no recording: empty, one sample, not finite, of another type or
            shape, or the rate is out of range.
    """

    def __init__(self, audio: Num[np.ndarray, "... sample"], sample_rate: int, name: str = "audio") -> None:
        self.name = name
        self.subtype: str | None = None
        if audio.ndim not in (1, 2):
            raise AudioError(f"{name} has {audio.ndim} dimensions: give (sample,) or (channel, sample)")
        if audio.ndim == 2 and audio.shape[0] > 64 and audio.shape[0] > audio.shape[1]:
            raise AudioError(
                f"{name} has the shape {audio.shape}, which reads as {audio.shape[0]} channels: "
                "give (channel, sample), transposed"
            )
        _check_counts(name, audio.shape[-1], 1 if audio.ndim == 1 else audio.shape[0], sample_rate)
        self._audio = np.atleast_2d(_full_scale(audio, name))
        self.sample_rate = int(sample_rate)
        self.n_channels, self.n_samples = self._audio.shape
        if not np.isfinite(self._audio).all():
            raise AudioError(_not_finite(name))

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Read the array from its start, `n_samples` at a time; the last block may be shorter."""
        for start in range(0, self.n_samples, n_samples):
            yield self._audio[:, start : start + n_samples]


class FileSource:
    """A recording on disk, opened anew for every reading.

    Args:
        path: A file in any format libsndfile reads: WAV and AIFF of every depth, FLAC, Ogg Vorbis,
            Opus, MP3 and others.
        start_seconds: Where the part to read starts.
        end_seconds: Where it ends; None is the end of the file.

    Attributes:
        path: As given.
        subtype: How samples are stored, in libsndfile's words, such as "PCM_16" or "VORBIS".

    Raises:
        AudioError: The file is missing, a folder, empty, no audio, truncated, or holds fewer than
            two samples.
    """

    def __init__(
        self, path: str | Path, start_seconds: float = 0.0, end_seconds: float | None = None
    ) -> None:
        self.path = Path(path)
        self.name = str(path)
        _check_file(self.path, self.name)
        with _open(self.path, self.name) as file:
            self.sample_rate = int(file.samplerate)
            self.n_channels = int(file.channels)
            n_samples = int(file.frames)
            stop = n_samples if end_seconds is None else round(end_seconds * self.sample_rate)
            self._start = min(round(start_seconds * self.sample_rate), n_samples)
            self.n_samples = max(min(stop, n_samples) - self._start, 0)
            self.subtype: str | None = str(file.subtype)
            if is_header_too_long(file.extra_info):
                raise AudioError(_truncated(self.name))
            _check_counts(self.name, self.n_samples, self.n_channels, self.sample_rate)
            _check_last_sample(file, self.name)

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Decode the file from its start, `n_samples` at a time; the last block may be shorter.

        Raises:
            AudioError: The file is damaged, ends before its declared length, or holds NaN or infinity.
        """
        n_read = 0
        with _open(self.path, self.name) as file:
            if self._start:
                file.seek(self._start)
            while n_read < self.n_samples:
                n_wanted = min(n_samples, self.n_samples - n_read)
                try:
                    interleaved = file.read(n_wanted, dtype="float32", always_2d=True)
                except soundfile.LibsndfileError as error:
                    raise AudioError(_truncated(self.name)) from error
                if len(interleaved) < n_wanted:
                    raise AudioError(_truncated(self.name))
                if not np.isfinite(interleaved).all():
                    raise AudioError(_not_finite(self.name))
                n_read += n_wanted
                yield np.ascontiguousarray(interleaved.T)


def check_audible(source: Source) -> None:
    """Make sure that a recording holds sound; stops reading at the first block that does.

    A constant other than zero is an offset, not a sound, so it counts as silence too.

    Raises:
        AudioError: No channel moves by more than `INAUDIBLE`, or the recording cannot be read.
    """
    first: Float32[np.ndarray, "channel 1"] | None = None
    for block in source.blocks():
        if first is None:
            first = block[:, :1]
        if (np.abs(block - first) > INAUDIBLE).any():
            return
    raise SilentError(silence_message(source.name))


def silence_message(name: str) -> str:
    """Say that a recording is silent, and what to do."""
    return f"{name} is silent from start to end: choose a recording with sound in it"


def _check_counts(name: str, n_samples: int, n_channels: int, sample_rate: int) -> None:
    if n_samples == 0 or n_channels == 0:
        raise AudioError(f"{name} holds no samples: choose a recording with sound in it")
    if n_samples < MIN_SAMPLES:
        raise AudioError(f"{name} holds a single sample: choose a recording with sound in it")
    if n_channels > _MAX_CHANNELS:
        raise AudioError(f"{name} has {n_channels} channels: at most {_MAX_CHANNELS} are possible")
    if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise AudioError(
            f"{name} has a sample rate of {sample_rate} Hz: resample it to one between "
            f"{MIN_SAMPLE_RATE} and {MAX_SAMPLE_RATE} Hz"
        )


def _full_scale(audio: Num[np.ndarray, "... sample"], name: str) -> Float32[np.ndarray, "... sample"]:
    if np.issubdtype(audio.dtype, np.floating):
        # A double beyond float32's range becomes infinity, which the caller reports.
        with np.errstate(over="ignore", invalid="ignore"):
            return audio.astype(np.float32)
    if audio.dtype == np.uint8:
        return (audio.astype(np.float32) - 128) / 128
    if audio.dtype in (np.int8, np.int16, np.int32):
        return (audio / -float(np.iinfo(audio.dtype).min)).astype(np.float32)
    raise AudioError(
        f"{name} is an array of {audio.dtype}: give floating point with full scale 1, or PCM as uint8, "
        "int8, int16 or int32"
    )


def _check_file(path: Path, name: str) -> None:
    if not path.exists():
        raise AudioError(f"{name} does not exist: check the name and the folder")
    if path.is_dir():
        raise AudioError(f"{name} is a folder, not a recording: name a file in it")
    if not path.is_file():
        raise AudioError(f"{name} is not a file: save the recording to a file first")
    try:
        if path.stat().st_size == 0:
            raise AudioError(f"{name} is empty (0 bytes): record or copy it again")
        if is_stream_truncated(path):
            raise AudioError(_truncated(name))
    except OSError as error:
        raise AudioError(f"{name} cannot be read ({error.strerror}): check its permissions") from error


def _open(path: Path, name: str) -> soundfile.SoundFile:
    if path.suffix.lower() == ".raw":
        raise AudioError(f"{name} has no header that tells its rate and depth: convert it to {_READABLE}")
    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if path.exists():
            with path.open("rb") as file:
                if file.read(4).startswith(_MAGIC):
                    raise AudioError(f"{name} is damaged or truncated: copy or download it again") from error
        raise AudioError(
            f"{name} is not audio that can be read: give {_READABLE}, or convert it to one of them"
        ) from error


def _check_last_sample(file: soundfile.SoundFile, name: str) -> None:
    """Decode the last sample, which finds a FLAC or MP3 that was cut without decoding it all."""
    try:
        file.seek(file.frames - 1)
        n_read = len(file.read(1, dtype="float32"))
    except soundfile.LibsndfileError as error:
        raise AudioError(_truncated(name)) from error
    if n_read < 1:
        raise AudioError(_truncated(name))


def _truncated(name: str) -> str:
    return f"{name} is damaged or truncated, it ends before its declared length: copy or download it again"


def _not_finite(name: str) -> str:
    return f"{name} holds NaN or infinity: export it again from the program that made it"
