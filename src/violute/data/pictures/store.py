"""Prepared pictures on disk: a folder with one memory-mapped array a split, and what is in it.

```
store.json      settings, recordings, index; written last, so a folder that has it is whole
train.npy       (snippet, bin, frame) of 16-bit numbers: the picture's value times 65535
held_out.npy    the same for the recordings that training must not see
*.phase.npy     with phases kept: (snippet, bin, frame) of 16-bit angles, a turn being 65536
*.nyquist.npy   with phases kept: (snippet, frame), the bin at the Nyquist frequency, which is real
```

A 16-bit step is 0.0012 dB at the default floor, half a step an error of -83 dB or less: a picture with its
phases gives the sound back above 60 dB signal to noise (tests/test_data_invert.py).
"""

from __future__ import annotations

import errno
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Float32, Int16, UInt16

from violute.data.splits import HELD_OUT, SPLITS, TRAIN
from violute.errors import DataError
from violute.transforms.spectrogram import SpectrogramSettings
from violute.whole_file import replace_text

STORE_VERSION = 1
FULL_SCALE = 65_535
"""What a picture's 1 is written as."""

HALF_TURN = 32_768
"""What an angle of pi is written as."""


@dataclass(frozen=True)
class Entry:
    """Where one picture comes from.

    Attributes:
        instrument: What plays.
        recording: Name of the recording: a file's, or a segment's own.
        source: Name of the file, which shares a player, a room and a microphone.
        path: Of the file.
        file_seconds: Where the recording starts and ends in the file; an end of None is that of the file.
        start_seconds: First frame, from the start of the recording.
        seconds: Of sound in the picture; silence follows.
        gain: What the file was multiplied by.
        highest_hz: Nothing above it was recorded (a codec cut it off): what is missing there is no timbre.
    """

    instrument: str
    recording: str
    source: str
    path: str
    file_seconds: tuple[float, float | None]
    start_seconds: float
    seconds: float
    gain: float
    highest_hz: float


@dataclass(frozen=True)
class Split:
    """The pictures of a split, on disk until they are asked for.

    Attributes:
        entries: One a picture.
        pictures: As they are stored; `read` returns them as numbers from 0 to 1.
        phase: As it is stored, where phases were kept.
        nyquist: Of each frame, where phases were kept.
    """

    entries: tuple[Entry, ...]
    pictures: UInt16[np.ndarray, "snippet bin frame"]
    phase: Int16[np.ndarray, "snippet bin frame"] | None = None
    nyquist: Float32[np.ndarray, "snippet frame"] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, which: Any = slice(None)) -> Float32[np.ndarray, "*snippet bin frame"]:
        """Return pictures as `normalise` made them: one for a number, several for a slice or numbers."""
        return from_16_bits(np.asarray(self.pictures[which]))


@dataclass(frozen=True)
class Store:
    """An open store.

    Attributes:
        folder: Where it lies.
        settings: The transform of its pictures.
        splits: By name.
        document: All that `store.json` says.
    """

    folder: Path
    settings: SpectrogramSettings
    splits: Mapping[str, Split]
    document: Mapping[str, Any]

    @property
    def train(self) -> Split:
        """What may be learned from."""
        return self.splits[TRAIN]

    @property
    def held_out(self) -> Split:
        """What training must not see."""
        return self.splits[HELD_OUT]

    @property
    def instruments(self) -> tuple[str, ...]:
        """Their names, in the order in which they were given."""
        return tuple(self.document["instruments"])


def to_16_bits(picture: Float[np.ndarray, "*picture"]) -> UInt16[np.ndarray, "*picture"]:
    """Write numbers from 0 to 1 as 16-bit ones."""
    return np.rint(picture * np.float32(FULL_SCALE)).astype(np.uint16)


def from_16_bits(stored: UInt16[np.ndarray, "*picture"]) -> Float32[np.ndarray, "*picture"]:
    """Undo `to_16_bits`, within half a step."""
    return stored.astype(np.float32) * np.float32(1.0 / FULL_SCALE)


def open_store(folder: str | Path) -> Store:
    """Open a folder that `prepare` has made.

    Raises:
        DataError: It is no store, a damaged one, one without arrays, or of a newer version.
    """
    folder = Path(folder)
    document = read_document(folder)
    try:
        settings = SpectrogramSettings.from_dict(document["settings"], source=f"{folder / 'store.json'}")
        has_arrays, has_phase = bool(document["arrays"]), bool(document["phase"])
        entries = {name: tuple(map(entry_of, document["index"][name])) for name in SPLITS}
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{folder / 'store.json'}: damaged: prepare the recordings again") from None
    if not has_arrays:
        raise DataError(f"{folder}: prepared without arrays: prepare again without --no-arrays")
    splits = {}
    for name in SPLITS:
        shape = (len(entries[name]), settings.n_bins, settings.n_frames)
        splits[name] = Split(
            entries[name],
            _mapped(folder / f"{name}.npy", shape, np.uint16),
            _mapped(folder / f"{name}.phase.npy", shape, np.int16) if has_phase else None,
            _mapped(folder / f"{name}.nyquist.npy", (shape[0], shape[2]), np.float32) if has_phase else None,
        )
    return Store(folder, settings, splits, document)


def entry_of(written: Mapping[str, Any]) -> Entry:
    """Return the entry that JSON holds.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is unknown, or of another kind.
        ValueError: The recording has not two ends.
    """
    start, end = written["file_seconds"]
    return Entry(**{**written, "file_seconds": (start, end)})


def read_document(folder: Path) -> dict[str, Any]:
    """Read `store.json`.

    Raises:
        DataError: It is missing, damaged, or of a newer version.
    """
    path = folder / "store.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = int(document["version"])
    except FileNotFoundError:
        raise DataError(f"{folder}: no prepared store: make one with violute prepare") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{path}: damaged: prepare the recordings again") from None
    if version > STORE_VERSION:
        raise DataError(
            f"{path}: has version {version}, this Violute reads up to {STORE_VERSION}: upgrade violute"
        )
    return dict(document)


def write_document(folder: Path, document: Mapping[str, Any], index: Mapping[str, Sequence[Entry]]) -> None:
    """Write `store.json`, the seal of a whole store.

    Raises:
        OSError: The disk refuses.
    """
    entries = {name: [asdict(entry) for entry in index[name]] for name in SPLITS}
    whole = {"version": STORE_VERSION, **document, "index": entries}
    replace_text(folder / "store.json", json.dumps(whole, ensure_ascii=False, indent=1))


def drop_arrays(store: Store) -> None:
    """Delete the arrays of a store whose images are enough; the index stays.

    Raises:
        DataError: The disk refuses.
    """
    with disk_errors(store.folder):
        index = {name: split.entries for name, split in store.splits.items()}
        document = {k: v for k, v in store.document.items() if k not in ("version", "index")}
        write_document(store.folder, document | {"arrays": False}, index)
        for name in SPLITS:
            for path in store.folder.glob(f"{name}.*npy"):
                path.unlink()


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Say in one line what the disk refuses.

    Raises:
        DataError: An `OSError` came out of the block.
    """
    try:
        yield
    except OSError as error:
        full = error.errno == errno.ENOSPC
        reason = "the disk is full" if full else f"cannot be written ({error.strerror or error})"
        raise DataError(
            f"{folder}: {reason}: make room or name another folder; the same command goes on where it stopped"
        ) from None


class RowWriter:
    """An array being written to disk row by row; it takes its name when it is whole.

    Written, not mapped: on a full disk a mapped page ends the process, a write says so.

    Args:
        path: Of the .npy file.
        shape: Of the whole array.
        dtype: Of its numbers.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._dtype = np.dtype(dtype)
        self._file = self._temporary.open("wb")
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, row: np.ndarray) -> None:
        """Append a row, or several."""
        self._file.write(np.ascontiguousarray(row, self._dtype).data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)


def _mapped(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise DataError(f"{path}: missing or damaged: prepare the recordings again") from None
    if array.shape != shape or array.dtype != dtype:
        raise DataError(f"{path}: is not what store.json says: prepare the recordings again")
    return np.asarray(array) if not shape[0] else array
