"""Prepared pictures on disk: a folder with one memory-mapped array a split, and what is in it.

```
store.json      settings, what the arrays hold, index; written last, so a folder that has it is whole
train.npy       (snippet, bin, frame) of 16-bit numbers: the picture's value times 65535
held_out.npy    the same for the recordings that training must not see
*.phase.npy     with phases kept: (snippet, bin, frame) of 16-bit angles, a turn being 65536
*.nyquist.npy   with phases kept: (snippet, frame), the bin at the Nyquist frequency, which is real
```

A 16-bit step is 0.0012 dB at the default floor, half a step an error of -83 dB or less: a picture with its
phases gives the sound back above 60 dB signal to noise (`tests/data/pictures/test_invert.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int16, UInt16

from violute.data.splits import HELD_OUT, SPLITS, TRAIN
from violute.errors import DataError
from violute.transforms.spectrogram import SpectrogramSettings
from violute.whole_file import disk_errors, replace_text, whole_file

STORE_NAME, STORE_VERSION = "store.json", 1
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

    def totals(self, instrument: str) -> tuple[int, int, float]:
        """Return how many pictures of how many recordings there are of an instrument, and their seconds."""
        entries = [entry for entry in self.entries if entry.instrument == instrument]
        recordings = {(entry.source, entry.recording) for entry in entries}
        return len(entries), len(recordings), sum(entry.seconds for entry in entries)

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


def array_kinds(
    shape: tuple[int, int, int], *, with_phase: bool
) -> dict[str, tuple[tuple[int, ...], type[np.generic]]]:
    """Return shape and type of the arrays of so many pictures of (bin, frame), by kind."""
    kinds: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {"pictures": (shape, np.uint16)}
    if with_phase:
        kinds |= {"phase": (shape, np.int16), "nyquist": ((shape[0], shape[2]), np.float32)}
    return kinds


def array_name(split: str, kind: str) -> str:
    """Return the file name of an array."""
    return f"{split}.npy" if kind == "pictures" else f"{split}.{kind}.npy"


def describe_arrays(
    settings: SpectrogramSettings, n_pictures: Mapping[str, int], *, with_phase: bool
) -> dict[str, dict[str, Any]]:
    """Return what `store.json` says of each array, so that anyone can read it."""
    values = {
        "pictures": {
            "magnitude": "floor * expm1(log_range * stored / full_scale), 1 being a full-scale sine",
            "full_scale": FULL_SCALE,
            "floor": 10.0 ** (settings.floor_db / 20.0),
            "log_range": settings.log_range,
        },
        "phase": {"radians": "pi * stored / half_turn", "half_turn": HALF_TURN},
        "nyquist": {"real_part": "stored; the imaginary part is 0"},
    }
    axes = {
        "picture": "entry of the index",
        "bin": f"frequency in Hz = number * {settings.sample_rate} / {settings.n_fft}",
        "frame": f"time in seconds = number * {settings.hop_length} / {settings.sample_rate}",
    }
    return {
        array_name(split, kind): {
            "shape": list(shape),
            "dtype": np.dtype(dtype).name,
            "axes": [name for name in axes if len(shape) == 3 or name != "bin"],
            "axis_meanings": axes,
            "values": values[kind],
        }
        for split, n in n_pictures.items()
        for kind, (shape, dtype) in array_kinds(
            (n, settings.n_bins, settings.n_frames), with_phase=with_phase
        ).items()
    }


def open_store(folder: str | Path) -> Store:
    """Open a folder that `prepare` has made.

    Raises:
        DataError: It is no store, a damaged one, one without arrays, or of a newer version.
    """
    folder = Path(folder)
    document = read_document(folder)
    try:
        settings = SpectrogramSettings.from_dict(document["settings"], source=f"{folder / STORE_NAME}")
        has_arrays, has_phase = bool(document["arrays"]), bool(document["phase"])
        entries = {name: tuple(map(entry_of, document["index"][name])) for name in SPLITS}
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{folder / STORE_NAME}: damaged: prepare the recordings again") from None
    if not has_arrays:
        raise DataError(f"{folder}: prepared without arrays: prepare again without --no-arrays")
    splits = {}
    for name in SPLITS:
        shape = (len(entries[name]), settings.n_bins, settings.n_frames)
        splits[name] = Split(
            entries[name],
            **{
                kind: _mapped(folder / array_name(name, kind), array_shape, dtype)
                for kind, (array_shape, dtype) in array_kinds(shape, with_phase=has_phase).items()
            },
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
    path = folder / STORE_NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = int(document["version"])
    except FileNotFoundError:
        raise DataError(f"{folder}: no prepared store: make one with violute prepare") from None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        raise DataError(f"{path}: damaged: prepare the recordings again") from None
    if version > STORE_VERSION:
        raise DataError(
            f"{path}: has version {version}, this Violute reads up to {STORE_VERSION}: upgrade violute"
        )
    return dict(document)


def write_document(folder: Path, document: Mapping[str, Any], index: Mapping[str, Sequence[Entry]]) -> None:
    """Write `store.json`, which makes a store whole.

    Raises:
        OSError: The disk refuses.
    """
    entries = {name: [asdict(entry) for entry in index[name]] for name in SPLITS}
    whole = {"version": STORE_VERSION, **document, "index": entries}
    replace_text(folder / STORE_NAME, json.dumps(whole, ensure_ascii=False, indent=1))


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


def write_rows(
    path: Path, rows: Iterable[np.ndarray], shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    """Write an .npy file row by row.

    Written, not mapped: on a full disk a mapped page ends the process, a write says so.

    Raises:
        OSError: The disk refuses.
    """
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for row in rows:
            file.write(np.ascontiguousarray(row, dtype).data)


def _mapped(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise DataError(f"{path}: missing or damaged: prepare the recordings again") from None
    if array.shape != shape or array.dtype != dtype:
        raise DataError(f"{path}: is not what store.json says: prepare the recordings again")
    return np.asarray(array) if not shape[0] else array
