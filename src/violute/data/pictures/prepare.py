"""From folders of recordings to a store of pictures, file by file on all cores.

Each file is worked on alone and kept under `.parts/` when it is done, under a name that tells its settings,
size and date. A run that was killed therefore goes on with the next file, and a run after it that finds
the whole store does nothing. Threads suffice: reading, resampling, transforming and packing all let go of
Python's lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Complex64, Float

from violute.data.features import highest_recorded_hz
from violute.data.pictures.snippets import SnippetSettings, cut, spectra
from violute.data.pictures.store import (
    HALF_TURN,
    STORE_VERSION,
    Entry,
    RowWriter,
    Store,
    disk_errors,
    entry_of,
    open_store,
    read_document,
    to_16_bits,
    write_document,
)
from violute.data.recordings import Recording, list_recordings, read_recording
from violute.data.splits import HELD_OUT, HOLD_OUT, SPLITS, TRAIN
from violute.errors import DataError
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK, SpectrogramSettings, normalise
from violute.whole_file import replace_text


@dataclass(frozen=True)
class _Work:
    """One file: its recordings with their splits, and the settings that its part depends on."""

    instrument: str
    path: Path
    recordings: tuple[tuple[str, Recording], ...]
    settings: SpectrogramSettings
    snippets: SnippetSettings
    with_phase: bool

    @property
    def key(self) -> str:
        """What a part is kept under."""
        stat = self.path.stat()
        text = f"{STORE_VERSION}:{self}:{stat.st_size}:{stat.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def prepare(
    folders: Mapping[str, str | Path],
    out: str | Path,
    settings: SpectrogramSettings,
    *,
    snippets: SnippetSettings | None = None,
    hold_out: Sequence[str] = HOLD_OUT,
    with_phase: bool = False,
    jobs: int | None = None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Store:
    """Cut recordings into snippets and keep their pictures in a store.

    Levels are kept within a file and evened out between files: each is brought to `PEAK`. Phases are not
    stored unless asked for, since they would double the store and the recordings give them back.

    Args:
        folders: Of recordings, by instrument.
        out: Folder of the store; made if missing.
        settings: Of the transform.
        snippets: How to cut; None is 5 seconds without overlap.
        hold_out: Glob patterns of the recordings for the held-out split, as `list_recordings` reads them.
        with_phase: Keep phases and the Nyquist bin beside the pictures.
        jobs: Files worked on at once; None is one a core.
        on_progress: Told the share done, 0 to 1.

    Raises:
        TrainingError: A folder is missing or holds no audio.
        AudioError: A recording cannot be read.
        DataError: The folder holds another store, cannot be written to or is full, or nothing sounds.
    """
    out, snippets = Path(out), snippets or SnippetSettings()
    works = [
        work
        for instrument, folder in folders.items()
        for work in _works_of(instrument, Path(folder), hold_out, settings, snippets, with_phase)
    ]
    if not any(split == TRAIN for work in works for split, _ in work.recordings):
        raise DataError(f"{', '.join(map(str, hold_out))}: every recording is held out: name fewer")
    keys = [work.key for work in works]
    key = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:24]
    if (out / "store.json").exists():
        document = read_document(out)
        if document.get("key") != key:
            raise DataError(
                f"{out}: holds a store of other recordings or settings: name another folder or delete it"
            )
        if document.get("arrays"):
            return open_store(out)
    elif out.exists() and not (out / ".parts").is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: holds other files: name a new folder or an empty one")
    with disk_errors(out):
        parts = out / ".parts"
        parts.mkdir(parents=True, exist_ok=True)
        sizes = np.cumsum([0, *(work.path.stat().st_size for work in works)])
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            try:
                for i, _ in enumerate(pool.map(_prepare_file, works, [parts / name for name in keys])):
                    on_progress(0.95 * float(sizes[i + 1] / sizes[-1]))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                with suppress(OSError):  # what no file was finished in is not left behind
                    parts.rmdir()
                    out.rmdir()
                raise
        index = _join(out, [parts / name for name in keys], settings, with_phase=with_phase)
        document = {
            "key": key,
            "settings": settings.to_dict(),
            "snippets": asdict(snippets),
            "peak": PEAK,
            "instruments": list(folders),
            "hold_out": list(hold_out),
            "arrays": True,
            "phase": with_phase,
        }
        write_document(out, document, index)
        shutil.rmtree(parts, ignore_errors=True)
    on_progress(1.0)
    return open_store(out)


def _works_of(
    instrument: str,
    folder: Path,
    hold_out: Sequence[str],
    settings: SpectrogramSettings,
    snippets: SnippetSettings,
    with_phase: bool,
) -> list[_Work]:
    """Return the files of an instrument, by path."""
    by_path: dict[Path, list[tuple[str, Recording]]] = {}
    held_out = list_recordings(folder, select=hold_out) if hold_out else []
    for split, recordings in (
        (TRAIN, list_recordings(folder, hold_out=hold_out)),
        (HELD_OUT, held_out),
    ):
        for recording in recordings:
            by_path.setdefault(recording.path, []).append((split, recording))
    return [
        _Work(instrument, path, tuple(members), settings, snippets, with_phase)
        for path, members in sorted(by_path.items())
    ]


def _prepare_file(work: _Work, part: Path) -> None:
    """Write the part of one file: arrays first, then the list of what is in them, which seals it."""
    sealed = part.with_suffix(".json")
    if sealed.is_file():
        return
    settings = work.settings
    sounds = [read_recording(recording, settings.sample_rate) for _, recording in work.recordings]
    peak = max(float(np.max(np.abs(audio), initial=0.0)) for audio in sounds)
    gain = PEAK / peak if peak > 0.0 else 1.0
    sounds = [audio * np.float32(gain) for audio in sounds]
    parts = cut(sounds, work.snippets, settings)
    highest_hz = settings.sample_rate / 2
    if settings.sample_rate == SAMPLE_RATE:
        highest_hz = highest_recorded_hz(np.concatenate(sounds))
    rows = sum(map(len, parts))
    shape = (rows, settings.n_bins, settings.n_frames)
    entries = []
    with ExitStack() as stack:
        writers = [
            stack.enter_context(RowWriter(part.with_suffix(ending), row_shape, dtype))
            for ending, row_shape, dtype in _arrays(shape, with_phase=work.with_phase)
        ]
        for (split, recording), audio, pieces in zip(work.recordings, sounds, parts, strict=True):
            for piece, spectrum in zip(pieces, spectra(audio, pieces, settings), strict=True):
                for writer, row in zip(writers, _rows_of(spectrum, settings), strict=False):
                    writer.write(row)
                entry = Entry(
                    work.instrument,
                    recording.name,
                    recording.source,
                    str(recording.path.resolve()),
                    (recording.start_seconds, recording.end_seconds),
                    piece.start / settings.sample_rate,
                    piece.n_samples / settings.sample_rate,
                    gain,
                    highest_hz,
                )
                entries.append({"split": split, "entry": asdict(entry)})
    replace_text(sealed, json.dumps(entries))


def _rows_of(
    spectrum: Complex64[np.ndarray, "bin frame"], settings: SpectrogramSettings
) -> Iterator[Float[np.ndarray, "..."] | np.ndarray]:
    """Return picture, phase and Nyquist bin as they are stored; the last two are made if asked for."""
    yield to_16_bits(normalise(np.abs(spectrum), settings))
    angle = np.angle(spectrum[: settings.n_bins]) * np.float32(HALF_TURN / np.pi)
    # Half a turn and minus half a turn are one angle, as they are one 16-bit number.
    yield np.rint(angle).astype(np.int32).astype(np.int16)
    yield spectrum[-1].real


def _arrays(
    shape: tuple[int, int, int], *, with_phase: bool
) -> list[tuple[str, tuple[int, ...], type[np.generic]]]:
    """Ending, shape and kind of the arrays of a split or a part."""
    phase: list[tuple[str, tuple[int, ...], type[np.generic]]] = [
        (".phase.npy", shape, np.int16),
        (".nyquist.npy", (shape[0], shape[2]), np.float32),
    ]
    return [(".npy", shape, np.uint16), *(phase if with_phase else [])]


def _join(
    out: Path, parts: Sequence[Path], settings: SpectrogramSettings, *, with_phase: bool
) -> dict[str, list[Entry]]:
    """Put the parts of all files into one array a split; return what is in them.

    Raises:
        DataError: There is nothing to learn from.
    """
    listed = [json.loads(part.with_suffix(".json").read_text(encoding="utf-8")) for part in parts]
    if not any(item["split"] == TRAIN for items in listed for item in items):
        raise DataError(
            f"{out}: nothing to learn from: every recording that is not held out is silent: give others "
            "or lower the gate"
        )
    index: dict[str, list[Entry]] = {}
    for split in SPLITS:
        index[split] = [entry_of(i["entry"]) for items in listed for i in items if i["split"] == split]
        shape = (len(index[split]), settings.n_bins, settings.n_frames)
        for ending, row_shape, dtype in _arrays(shape, with_phase=with_phase):
            with RowWriter(out / f"{split}{ending}", row_shape, dtype) as writer:
                for part, items in zip(parts, listed, strict=True):
                    chosen = [i for i, item in enumerate(items) if item["split"] == split]
                    if chosen:
                        array = np.load(part.with_suffix(ending), mmap_mode="r")
                        for i in chosen:
                            writer.write(array[i])
    return index
