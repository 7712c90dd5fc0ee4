"""`FileSource`: a recording on disk, read block by block, whatever its container does to its length."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from violute.audio.containers.examine import examine, missing_bytes
from violute.audio.containers.foreign import CAF, OGG, decode_foreign, foreign_kind
from violute.audio.containers.layout import Layout, Part, PiecedFile, slipped_warning, truncated_message
from violute.audio.containers.quiet import quiet_decoder
from violute.audio.source import BLOCK_SAMPLES, check_counts, check_samples
from violute.errors import AudioError

STANDARD_INPUT = "-"
"""In place of a path: what is piped into the program."""

_READABLE = "WAV, FLAC, Ogg, Opus, MP3 or AIFF"
_MAGIC = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3")
_MPEG = "MPEG"
_UNKNOWN_FRAMES = 1 << 60
"""libsndfile gives a number of this order where a FLAC, come through a pipe, does not tell its length."""


def native_name(path: Path) -> str | bytes:
    """Return a path as soundfile takes it, also where it is no text."""
    return str(path) if os.name == "nt" else os.fsencode(path)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A sound file that stays where it is after a read.

    soundfile seeks to the same place after every read, and libsndfile's MP3 then loses some 1,200 samples.
    """

    def seekable(self) -> bool:
        """Say no, so that nobody seeks unasked; `seek` works all the same."""
        return False


class FileSource:
    """A recording on disk, opened anew for every reading.

    Args:
        path: A file in any format libsndfile reads: WAV and AIFF of every depth, FLAC, Ogg Vorbis, Opus,
            MP3 and others; where ffmpeg is installed, also what that reads, such as .m4a. A pipe, or `-` for
            standard input, is copied to a temporary file first.
        start_seconds: Where the part to read starts.
        end_seconds: Where it ends; None is the end of the file.

    Attributes:
        path: As given.
        subtype: How samples are stored, in libsndfile's words, such as "PCM_16" or "VORBIS"; None where
            ffmpeg decoded them.
        warnings: What the user should know, such as "its header gives no length".

    Raises:
        AudioError: The file is missing, a folder, empty, no audio, truncated, or holds fewer than
            two samples.
    """

    def __init__(
        self, path: str | Path, start_seconds: float = 0.0, end_seconds: float | None = None
    ) -> None:
        self.path = Path(path)
        self._is_input = str(path) == STANDARD_INPUT
        self.name = "standard input" if self._is_input else str(path)
        try:
            self._content = self._at_rest()
            layout = examine(self._content, self.name)
        except OSError as error:
            raise AudioError(
                f"{self.name} cannot be read ({error.strerror}): check its name and permissions"
            ) from error
        self.subtype: str | None = None
        self.sample_rate = self.n_channels = 0
        self.warnings = layout.warnings
        self._measure(layout, end_seconds)
        n_samples = sum(n for _, n in self._parts)
        stop = n_samples if end_seconds is None else min(round(end_seconds * self.sample_rate), n_samples)
        self._start = min(round(start_seconds * self.sample_rate), n_samples)
        self.n_samples = max(stop - self._start, 0)
        check_counts(self.name, self.n_samples, self.n_channels, self.sample_rate)

    def blocks(self, n_samples: int = BLOCK_SAMPLES) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Decode the file from its start, `n_samples` at a time; the last block may be shorter.

        Raises:
            AudioError: The file is damaged, ends before its declared length, or holds NaN or infinity.
        """
        n_left, n_skipped, n_filled = self.n_samples, self._start, 0
        block = np.empty((min(n_samples, n_left), self.n_channels), np.float32)
        for part, n_part in self._parts:
            if n_skipped >= n_part or n_left == 0:
                n_skipped = max(n_skipped - n_part, 0)
                continue
            with self._opened(part) as file:
                self._skip(file, n_skipped)
                n_here, n_skipped = n_part - n_skipped, 0
                while n_here and n_left:
                    wanted = block[n_filled : n_filled + n_here]
                    if len(self._read(file, wanted)) < len(wanted):
                        raise AudioError(truncated_message(self.name))
                    check_samples(wanted, self.name)
                    n_here -= len(wanted)
                    n_filled += len(wanted)
                    if n_filled == len(block):
                        yield np.ascontiguousarray(block.T)
                        n_left -= n_filled
                        n_filled = 0
                        block = np.empty((min(n_samples, n_left), self.n_channels), np.float32)

    def _at_rest(self) -> Path:
        """Return the path of the file, or of a copy of what comes through a pipe.

        Raises:
            AudioError: There is no file of that name, or nothing in it.
            OSError: It cannot be read, or there is no room for the copy.
        """
        is_input = self._is_input
        if not is_input and not self.path.exists():
            raise AudioError(f"{self.name} does not exist: check the name and the folder")
        if not is_input and self.path.is_dir():
            raise AudioError(f"{self.name} is a folder, not a recording: name a file in it")
        path = self.path
        if is_input or stat.S_ISFIFO(path.stat().st_mode):
            path = self._beside("pipe")
            if is_input and (sys.stdin is None or sys.stdin.isatty()):
                raise AudioError(f"{self.name} is a terminal: pipe a recording into it")
            source = nullcontext(sys.stdin.buffer) if is_input else self.path.open("rb")
            with source as pipe, path.open("wb") as copy:
                shutil.copyfileobj(pipe, copy, 1 << 20)
        elif not path.is_file():
            raise AudioError(f"{self.name} is not a file: save the recording to a file first")
        if path.stat().st_size == 0:
            raise AudioError(f"{self.name} is empty (0 bytes): record or copy it again")
        return path

    def _beside(self, name: str) -> Path:
        """Return a name in a folder that goes when the source does."""
        folder = Path(tempfile.mkdtemp(prefix="violute-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder / name

    def _head(self) -> bytes:
        with self._content.open("rb") as file:
            return file.read(16)

    def _measure(self, layout: Layout, end_seconds: float | None) -> None:
        """Find rate, channels and the length of every part, by way of ffmpeg where libsndfile cannot."""
        kind = foreign_kind(self._head()) if layout.parts else OGG
        if kind is None or kind is CAF:
            try:
                self._measure_parts(layout)
                return
            except AudioError:
                if kind is None:
                    raise
        wav = self._beside("decoded.wav")
        decode_foreign(self._content, wav, kind, self.name, end_seconds)
        self._content = wav
        self._measure_parts(examine(wav, self.name))
        self.subtype = None

    def _measure_parts(self, layout: Layout) -> None:
        self._parts: list[tuple[Part, int]] = []
        for part in layout.parts:
            with self._opened(part) as file:
                about = int(file.samplerate), int(file.channels)
                n_samples = self._length(file)
                self.subtype = str(file.subtype)
            if n_samples == 0 and len(layout.parts) > 1:
                continue
            if self._parts and about != (self.sample_rate, self.n_channels):
                raise AudioError(
                    f"{self.name} is a chain of recordings of different kinds, {self.sample_rate} Hz in "
                    f"{self.n_channels} channels and then {about[0]} Hz in {about[1]}: take it apart, or "
                    "convert it to WAV with another program"
                )
            self.sample_rate, self.n_channels = about
            self._parts.append((part, n_samples))

    def _length(self, file: soundfile.SoundFile) -> int:
        """Return the samples of a part, having decoded the last one: that finds a FLAC that was cut."""
        n_missing = missing_bytes(file.extra_info)
        if n_missing is None:
            raise AudioError(truncated_message(self.name))
        if n_missing:
            self.warnings = (*self.warnings, slipped_warning(n_missing))
        n_samples = int(file.frames)
        if n_samples == 0:
            return 0
        if n_samples < _UNKNOWN_FRAMES and _seeks(file):
            self._seek(file, n_samples - 1)
            if len(self._read(file, np.empty((1, file.channels), np.float32))):
                return n_samples
            if not file.subtype.startswith(_MPEG):
                raise AudioError(truncated_message(self.name))
            self._seek(file, 0)
        block = np.empty((BLOCK_SAMPLES, file.channels), np.float32)
        n_samples = 0
        while n_read := len(self._read(file, block)):
            n_samples += n_read
        return n_samples

    @contextmanager
    def _opened(self, part: Part) -> Iterator[soundfile.SoundFile]:
        if self.path.suffix.lower() == ".raw":
            raise AudioError(
                f"{self.name} has no header that tells its rate and depth: convert it to {_READABLE}"
            )
        try:
            with quiet_decoder():
                file = _Forward(
                    io.BufferedReader(PiecedFile(self._content, part)) if part else native_name(self._content)
                )
        except soundfile.LibsndfileError as error:
            if self._head().startswith(_MAGIC):
                raise AudioError(f"{self.name} is damaged or truncated: copy or download it again") from error
            raise AudioError(
                f"{self.name} is not audio that can be read: give {_READABLE}, or convert it to one of them"
            ) from error
        with file:
            yield file

    def _skip(self, file: soundfile.SoundFile, n_samples: int) -> None:
        """Go to a sample; in MP3, where libsndfile goes astray, and GSM by decoding what is before it."""
        if n_samples and not file.subtype.startswith(_MPEG) and _seeks(file):
            self._seek(file, n_samples)
            return
        for start in range(0, n_samples, BLOCK_SAMPLES):
            n_wanted = min(BLOCK_SAMPLES, n_samples - start)
            self._read(file, np.empty((n_wanted, file.channels), np.float32))

    def _seek(self, file: soundfile.SoundFile, n_samples: int) -> None:
        try:
            with quiet_decoder():
                file.seek(n_samples)
        except soundfile.LibsndfileError as error:
            raise AudioError(truncated_message(self.name)) from error

    def _read(
        self, file: soundfile.SoundFile, block: Float32[np.ndarray, "sample channel"]
    ) -> Float32[np.ndarray, "read channel"]:
        """Decode into a block and return as much of it as there was."""
        try:
            if not file.subtype.startswith(_MPEG):
                return file.read(out=block)
            with quiet_decoder():
                return file.read(out=block)
        except soundfile.LibsndfileError as error:
            raise AudioError(truncated_message(self.name)) from error


def _seeks(file: soundfile.SoundFile) -> bool:
    """Tell whether libsndfile finds a sample of a file; in GSM 6.10 it does not."""
    return bool(soundfile.SoundFile.seekable(file))
