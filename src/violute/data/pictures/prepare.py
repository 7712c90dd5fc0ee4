"""From folders of recordings to a store of pictures, file by file on all cores.

The pictures of each file are kept under `.parts/` until all are there. A run that was killed therefore goes
on with the next file, and a run after it that finds the whole store does nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.data.features import highest_recorded_hz
from violute.data.measured import content_digest, measured_files, require_arrays
from violute.data.pictures.snippets import FIVE_SECONDS, SnippetSettings, cut, spectra
from violute.data.pictures.store import (
    HALF_TURN,
    STORE_NAME,
    STORE_VERSION,
    Entry,
    Store,
    array_kinds,
    array_name,
    describe_arrays,
    open_store,
    read_document,
    to_16_bits,
    write_document,
    write_rows,
)
from violute.data.recordings import Recording, list_recordings, read_recording
from violute.data.splits import HELD_OUT, HOLD_OUT, SPLITS, TRAIN
from violute.errors import DataError, SilentError
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK, SpectrogramSettings, normalise
from violute.whole_file import disk_errors
from violute.worklist.engine import HERE, Engine


@dataclass(frozen=True)
class _Work:
    """One file: its recordings with their splits."""

    instrument: str
    path: Path
    recordings: tuple[tuple[str, Recording], ...]

    @property
    def extent(self) -> str:
        """Which parts of the file are recordings."""
        return ", ".join(recording.extent for _, recording in self.recordings)

    @property
    def identity(self) -> str:
        """What a store holds of the file, apart from how it was made."""
        names = [(split, recording.name, recording.source) for split, recording in self.recordings]
        return f"{self.instrument} {names} {self.extent} {content_digest(self.path)}"


def prepare(
    folders: Mapping[str, str | Path],
    out: str | Path,
    settings: SpectrogramSettings,
    *,
    snippets: SnippetSettings = FIVE_SECONDS,
    hold_out: Sequence[str] = HOLD_OUT,
    with_phase: bool = False,
    engine: Engine = HERE,
    on_begin: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] = lambda _share: None,
    on_warning: Callable[[str], None] = lambda _line: None,
) -> Store:
    """Cut recordings into snippets and keep their pictures in a store.

    Levels are kept within a file and evened out between files: each is brought to `PEAK`. Phases are not
    stored unless asked for, since they would double the store and the recordings give them back.

    Folders are given by instrument, `hold_out` as patterns of the recordings for the held-out split, as
    `list_recordings` reads them. `on_begin` is called when what is asked for can be done, before it is,
    `on_progress` with the share done, 0 to 1, `on_warning` with a line for each recording without a picture.

    Raises:
        AudioError: A recording cannot be read.
        DataError: A folder is missing or holds no audio; the store's holds another store, cannot be
            written to or is full; or nothing sounds.
    """
    out = Path(out)
    works = [
        work
        for instrument, folder in folders.items()
        for work in _works_of(instrument, Path(folder), hold_out)
    ]
    if not any(split == TRAIN for work in works for split, _ in work.recordings):
        raise DataError(f"{', '.join(map(str, hold_out))}: every recording is held out: name fewer")
    version = f"pictures {STORE_VERSION} {settings} {snippets} {with_phase}"
    key = hashlib.sha256("\n".join([version, *(work.identity for work in works)]).encode()).hexdigest()[:24]
    is_made = False
    if (out / STORE_NAME).exists():
        document = read_document(out)
        if document.get("key") != key:
            raise DataError(
                f"{out}: holds a store of other recordings or settings: name another folder or delete it"
            )
        is_made = bool(document.get("arrays"))
    elif out.exists() and not (out / ".parts").is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: holds other files: name a new folder or an empty one")
    on_begin()
    if is_made:
        return open_store(out)
    parts = out / ".parts"
    try:
        files = measured_files(
            works,
            parts,
            partial(_pictures_of, settings, snippets, with_phase),
            version=version,
            engine=engine,
            on_progress=lambda share: on_progress(0.95 * share),
        )
    except BaseException:
        with suppress(OSError):  # what no file was finished in is not left behind
            parts.rmdir()
            out.rmdir()
        raise
    with disk_errors(out):
        index = _join(out, works, files, settings, with_phase=with_phase, on_warning=on_warning)
        document = {
            "key": key,
            "settings": settings.to_dict(),
            "snippets": asdict(snippets),
            "peak": PEAK,
            "instruments": list(folders),
            "hold_out": list(hold_out),
            "arrays": describe_arrays(
                settings, {name: len(entries) for name, entries in index.items()}, with_phase=with_phase
            ),
            "phase": with_phase,
        }
        write_document(out, document, index)
        shutil.rmtree(parts, ignore_errors=True)
    on_progress(1.0)
    return open_store(out)


def _works_of(instrument: str, folder: Path, hold_out: Sequence[str]) -> list[_Work]:
    """Return the files of an instrument, by path."""
    by_path: dict[Path, list[tuple[str, Recording]]] = {}
    held_out = list_recordings(folder, select=hold_out) if hold_out else []
    for split, recordings in (
        (TRAIN, list_recordings(folder, hold_out=hold_out)),
        (HELD_OUT, held_out),
    ):
        for recording in recordings:
            by_path.setdefault(recording.path, []).append((split, recording))
    return [_Work(instrument, path, tuple(members)) for path, members in sorted(by_path.items())]


def _pictures_of(
    settings: SpectrogramSettings, snippets: SnippetSettings, with_phase: bool, work: _Work
) -> dict[str, np.ndarray]:
    """Cut the recordings of one file and turn the pieces into pictures.

    Returns:
        Pictures as they are stored, with the recording, first sample and length of each.
    """
    sounds = [_sound(recording, settings.sample_rate) for _, recording in work.recordings]
    peak = max(float(np.max(np.abs(audio), initial=0.0)) for audio in sounds)
    gain = PEAK / peak if peak > 0.0 else 1.0
    sounds = [audio * np.float32(gain) for audio in sounds]
    pieces = cut(sounds, snippets, settings)
    highest_hz = settings.sample_rate / 2
    if settings.sample_rate == SAMPLE_RATE:
        highest_hz = highest_recorded_hz(np.concatenate(sounds))
    shape = (sum(map(len, pieces)), settings.n_bins, settings.n_frames)
    stored = {
        name: np.empty(array_shape, dtype)
        for name, (array_shape, dtype) in array_kinds(shape, with_phase=with_phase).items()
    }
    made = (
        spectrum
        for audio, parts in zip(sounds, pieces, strict=True)
        for spectrum in spectra(audio, parts, settings)
    )
    for i, spectrum in enumerate(made):
        stored["pictures"][i] = to_16_bits(normalise(np.abs(spectrum), settings))
        if with_phase:
            angle = np.angle(spectrum[: settings.n_bins]) * np.float32(HALF_TURN / np.pi)
            # Half a turn and minus half a turn are one angle, as they are one 16-bit number.
            stored["phase"][i] = np.rint(angle).astype(np.int32).astype(np.int16)
            stored["nyquist"][i] = spectrum[-1].real
    owners = [(number, *part) for number, parts in enumerate(pieces) for part in parts]
    return {
        **stored,
        "owner": np.array(owners, np.int64).reshape(-1, 3),
        "gain": np.array(gain),
        "highest_hz": np.array(highest_hz),
    }


def _sound(recording: Recording, sample_rate: int) -> Float32[np.ndarray, " sample"]:
    """Read a recording; a silent one is a sample of silence, of which nothing is kept."""
    try:
        return read_recording(recording, sample_rate)
    except SilentError:
        return np.zeros(1, np.float32)


def _join(
    out: Path,
    works: Sequence[_Work],
    files: Sequence[Path],
    settings: SpectrogramSettings,
    *,
    with_phase: bool,
    on_warning: Callable[[str], None],
) -> dict[str, list[Entry]]:
    """Put the pictures of all files into one array a split; return what is in them."""
    index: dict[str, list[Entry]] = {split: [] for split in SPLITS}
    rows: dict[str, list[tuple[Path, int]]] = {split: [] for split in SPLITS}
    for work, path in zip(works, files, strict=True):
        arrays = require_arrays(path, "gain", "highest_hz", "owner")
        gain, highest_hz = float(arrays["gain"]), float(arrays["highest_hz"])
        for number, (_, recording) in enumerate(work.recordings):
            if number not in arrays["owner"][:, 0]:
                on_warning(f"{work.path}: {recording.name} gives no picture: it is silent")
        for i, (number, start, n_samples) in enumerate(arrays["owner"]):
            split, recording = work.recordings[number]
            rows[split].append((path, i))
            index[split].append(
                Entry(
                    work.instrument,
                    recording.name,
                    recording.source,
                    str(recording.path.resolve()),
                    (recording.start_seconds, recording.end_seconds),
                    start / settings.sample_rate,
                    n_samples / settings.sample_rate,
                    gain,
                    highest_hz,
                )
            )
    if not index[TRAIN]:
        raise DataError(
            f"{out}: nothing to learn from: every recording that is not held out is silent: give others "
            "or lower the gate"
        )
    for split in SPLITS:
        shape = (len(index[split]), settings.n_bins, settings.n_frames)
        for name, (array_shape, dtype) in array_kinds(shape, with_phase=with_phase).items():
            write_rows(out / array_name(split, name), _rows(name, rows[split]), array_shape, dtype)
    return index


def _rows(name: str, places: Sequence[tuple[Path, int]]) -> Iterator[np.ndarray]:
    """Read rows one after the other, with one file open at a time."""
    for path, members in groupby(places, key=itemgetter(0)):
        array = require_arrays(path, name)[name]
        for _, i in members:
            yield array[i]
