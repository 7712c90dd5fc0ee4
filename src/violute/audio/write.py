"""Writing a recording, block by block, so that the file is whole or not there.

Samples go to a temporary name beside the destination, which takes the final name only once everything
is on disk and reads back. Whatever goes wrong before, an error, Ctrl-C or a full disk, leaves the
folder as it was.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from jaxtyping import Float32, Num

from violute.audio.file_source import FileSource, native_name
from violute.audio.formats import check_format, format_for, subtype_for
from violute.audio.source import ArraySource
from violute.errors import AudioError, ShapeError
from violute.whole_file import whole_file

_PIECE_SAMPLES = 16_384
"""Longest piece handed to libsndfile: its Vorbis encoder keeps a whole piece on the stack."""

_BYTES_PER_SAMPLE = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


class AudioWriter:
    """A recording being written; a context manager.

    ```python
    with AudioWriter("out.flac", 44100, 2) as writer:
        for block in source.blocks():
            writer.write(block)
    ```

    The extension (.wav .flac .ogg .opus .mp3 .aiff) names the format. `subtype` says how to store samples, in
    libsndfile's words ("PCM_16", "FLOAT", ...); None is the format's default, 24 bits where it is lossless.
    `overwrite`: whether a file already there, or come meanwhile, is replaced at the end.

    Raises:
        AudioError: The format can't hold this sound, or the folder can't be written to.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        n_channels: int,
        *,
        subtype: str | None = None,
        overwrite: bool = True,
    ) -> None:
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.n_channels = n_channels
        self.n_samples = 0
        check_format(self.path, sample_rate, n_channels, subtype)
        self.subtype = subtype or subtype_for(self.path)
        form = format_for(self.path)
        self._max_samples = form.max_bytes // (_BYTES_PER_SAMPLE.get(self.subtype, 1) * n_channels)
        if self.path.is_dir():
            raise AudioError(f"{path} is a folder: name a file in it")
        folder = self.path.parent
        if not folder.is_dir():
            raise AudioError(f"{path} can't be written, there is no folder {folder}: make it first")
        with contextlib.ExitStack() as opening:
            self._temporary = opening.enter_context(whole_file(self.path, overwrite=overwrite))
            try:
                # Created here rather than by libsndfile, whose errors don't say why a file can't be opened.
                self._temporary.touch(exist_ok=False)
            except OSError as error:
                raise AudioError(
                    f"{path} can't be written ({error.strerror}): choose a folder that you may write to"
                ) from error
            try:
                self._file = soundfile.SoundFile(
                    native_name(self._temporary),
                    "w",
                    sample_rate,
                    n_channels,
                    self.subtype,
                    format=form.libsndfile_name,
                )
            except soundfile.LibsndfileError as error:
                raise AudioError(
                    f"{path} can't be written with {n_channels} channels at {sample_rate} Hz as "
                    f"{self.subtype}: choose .wav"
                ) from error
            self._whole = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            # Flushing what is left can fail for the very reason that brought us here.
            with contextlib.suppress(soundfile.LibsndfileError):
                self._file.close()
        finally:
            self._whole.__exit__(kind, error, traceback)

    def write(self, block: Float32[np.ndarray, "channel sample"]) -> None:
        """Append samples; integer formats clip what exceeds full scale.

        Raises:
            ShapeError: The block has another number of channels.
            AudioError: The disk is full, the format's size is exceeded, or a sample isn't finite.
        """
        if block.ndim != 2 or block.shape[0] != self.n_channels:
            raise ShapeError(
                f"a block of shape {block.shape} came for {self.path}: give ({self.n_channels}, sample)"
            )
        if not np.isfinite(block).all():
            raise AudioError(f"{self.path} would hold NaN or infinity: the samples to write must be finite")
        if self.n_samples + block.shape[1] > self._max_samples:
            raise AudioError(
                f"{self.path} would be larger than its format can be ({self._max_samples} samples): "
                "choose .flac"
            )
        for start in range(0, block.shape[1], _PIECE_SAMPLES):
            piece = np.ascontiguousarray(block[:, start : start + _PIECE_SAMPLES].T)
            try:
                self._file.write(_rounded(piece, self.subtype))
            except (soundfile.LibsndfileError, AssertionError) as error:
                # soundfile asserts that libsndfile took every sample; it doesn't when the disk is full.
                raise AudioError(self._full()) from error
            self.n_samples += len(piece)

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            AudioError: Nothing was written, not everything reached the disk, or the name is taken.
        """
        try:
            with self._whole:
                self._file.close()
                if self.n_samples == 0:
                    raise AudioError(f"{self.path} would hold no samples: there is nothing to write")
                if not self._is_whole():
                    raise AudioError(self._full())
        except FileExistsError:
            raise AudioError(
                f"{self.path} exists already: name another output or allow overwriting"
            ) from None
        except (OSError, soundfile.LibsndfileError) as error:
            raise AudioError(self._full()) from error

    def _is_whole(self) -> bool:
        """Look at the file as a reader would: encoders don't always report a write that failed."""
        try:
            written = FileSource(self._temporary)
        except AudioError:
            return False
        return written.n_samples == self.n_samples and not written.warnings

    def _full(self) -> str:
        return (
            f"{self.path} can't be written completely: the disk is full or went away, make room and try again"
        )


def _rounded(
    samples: Float32[np.ndarray, "sample channel"], subtype: str
) -> Num[np.ndarray, "sample channel"]:
    """Round samples to the steps of a PCM subtype, held in the upper bits of 32; others stay as they are.

    libsndfile itself rounds in FLAC and cuts off in WAV and AIFF, which is half a step too low.
    """
    if not subtype.startswith("PCM_"):
        return samples
    n_bits = int(subtype[4:].lstrip("SU"))
    full_scale = 2.0 ** (n_bits - 1)
    steps = np.rint(samples.astype(np.float64) * full_scale).clip(-full_scale, full_scale - 1.0)
    return steps.astype(np.int32) << (32 - n_bits)


def write(
    path: str | Path,
    audio: Num[np.ndarray, "... sample"],
    sample_rate: int,
    *,
    subtype: str | None = None,
    overwrite: bool = True,
) -> None:
    """Write a recording in one go; `subtype` and `overwrite` as for `AudioWriter`.

    Raises:
        AudioError: The audio is empty or not finite, or the file can't be written.
    """
    source = ArraySource(audio, sample_rate)
    with AudioWriter(path, sample_rate, source.n_channels, subtype=subtype, overwrite=overwrite) as writer:
        for block in source.blocks():
            writer.write(block)
