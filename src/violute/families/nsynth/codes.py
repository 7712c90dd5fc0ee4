"""Codes as files: what the WaveNet autoencoder says of a recording, to look at, change and play again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.data.measured import DAMAGED_NPZ
from violute.errors import InputError
from violute.whole_file import disk_errors, whole_file

CODES_VERSION = 2
SILENT_DB = -100.0


@dataclass(frozen=True)
class Codes:
    """A performance as codes.

    Attributes:
        code: Numbers in (-1, 1), a row a frame.
        level_db: RMS of each frame of the recording, brought to the level that the encoder hears.
        f0_hz: Fundamental, each 10 ms, carried on where there is none.
        loudness_db: A-weighted loudness at the same times, at the level that the encoder hears.
        n_samples: Of the recording at `sample_rate`.
        sample_rate: Of the voice, in Hz.
        hop_length: Samples a frame.
    """

    code: Float32[np.ndarray, "frame size"]
    level_db: Float32[np.ndarray, " frame"]
    f0_hz: Float32[np.ndarray, " moment"]
    loudness_db: Float32[np.ndarray, " moment"]
    n_samples: int
    sample_rate: int
    hop_length: int

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.n_samples / self.sample_rate

    def write(self, path: Path, *, overwrite: bool = True) -> None:
        """Write an .npz file with an array for each attribute; it appears only when it is whole.

        Raises:
            InputError: The file cannot be written, or the name is taken.
        """
        with (
            disk_errors(path, "name another file", error=InputError),
            whole_file(path, overwrite=overwrite) as partial,
            partial.open("wb") as file,
        ):
            np.savez(file, version=CODES_VERSION, **vars(self))


def read_codes(path: Path) -> Codes:
    """Read a file of codes.

    Raises:
        InputError: It is missing or holds none.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            _check_version(path, int(held["version"]))
            code, level_db, f0_hz, loudness_db = tracks = [
                held[name].astype(np.float32) for name in ("code", "level_db", "f0_hz", "loudness_db")
            ]
            n_samples, sample_rate, hop_length = (
                int(held[name]) for name in ("n_samples", "sample_rate", "hop_length")
            )
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file of codes: make one with violute encode") from None
    except DAMAGED_NPZ:
        raise InputError(f"{path}: holds no codes: make some with violute encode") from None
    is_whole = (
        code.ndim == 2
        and level_db.shape == code.shape[:1]
        and hop_length > 0
        and sample_rate > 0
        and 0 < n_samples <= len(code) * hop_length
        and f0_hz.shape == loudness_db.shape == (len(f0_hz),)
        and len(f0_hz) > 0
        and all(np.isfinite(track).all() for track in tracks)
    )
    if not is_whole:
        raise InputError(f"{path}: its codes are damaged: make them again with violute encode")
    return Codes(code, level_db, f0_hz, loudness_db, n_samples, sample_rate, hop_length)


def _check_version(path: Path, version: int) -> None:
    if version > CODES_VERSION:
        raise InputError(
            f"{path}: has version {version}, this Violute reads up to {CODES_VERSION}: upgrade violute"
        )
    if version < CODES_VERSION:
        raise InputError(
            f"{path}: is of an earlier Violute and holds no pitch: make it again with violute encode"
        )


def frame_levels_db(audio: Float32[np.ndarray, " sample"], hop_length: int) -> Float32[np.ndarray, " frame"]:
    """Return the RMS of whole frames in dB, `SILENT_DB` at least."""
    power = np.square(audio, dtype=np.float64).reshape(-1, hop_length).mean(axis=1)
    return (10.0 * np.log10(np.maximum(power, 10.0 ** (SILENT_DB / 10.0)))).astype(np.float32)
