"""One cache of what was measured in recordings: arrays on disk, made once and opened many times.

A file of the cache is named for what was measured, in what content, by which version: wherever a recording
lies and however its path was typed, it is measured once. What is damaged is measured again. Processes that
share a cache at the same time share the work: each passes over what another is at.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from jaxtyping import UInt8

from violute.errors import AudioError, DataError, SilentError
from violute.whole_file import disk_errors, whole_file
from violute.worklist.engine import HERE, Engine

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where each process measures what it does not find
    fcntl = None  # type: ignore[assignment]

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

Arrays = Mapping[str, np.ndarray]

DAMAGED_NPZ = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a damaged .npz raises: one wrong byte may ask for a password, a method of zip or any shape."""

MAPPED_FROM_BYTES = 1 << 20
"""Larger files stay on disk until their parts are asked for; each takes a file handle."""

LOCKS = "violute-{}.locks"
"""File for the locks of those who measure, empty, in the folder of temporary files: one a user."""


class PartOfFile(Protocol):
    """A recording, or what else can be measured of a file."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def extent(self) -> str:
        """Which part of it."""


Part = TypeVar("Part", bound=PartOfFile)


def measured(
    parts: Sequence[Part],
    cache: Path,
    measure: Callable[[Part], Arrays],
    *,
    version: str,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] | None = None,
) -> list[tuple[Part, dict[str, np.ndarray]]]:
    """Measure recordings, or open what `cache` already holds; for the arguments see `measured_files`.

    Returns:
        The recordings that are not silent, with arrays by name; large ones are read-only views into files.

    Raises:
        DataError: What was measured cannot be opened.
    """
    paths = measured_files(parts, cache, measure, version=version, engine=engine, on_progress=on_progress)
    allow_open_files(len(paths))
    opened = ((part, require_arrays(path)) for part, path in zip(parts, paths, strict=True))
    return [(part, arrays) for part, arrays in opened if arrays]


def measured_files(
    parts: Sequence[Part],
    cache: Path,
    measure: Callable[[Part], Arrays],
    *,
    version: str,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] | None = None,
) -> list[Path]:
    """Measure what the folder `cache` does not hold whole yet, and return a file for each part, in order.

    `measure` is a pure function of one part, one of a module or a partial of one, and `version` says which,
    with all its settings; `on_progress` is called with the share done.

    Raises:
        AudioError: A recording cannot be read.
        DataError: The disk refuses.
    """
    with disk_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    digests = {path: content_digest(path) for path in {part.path for part in parts}}
    paths = [cache / f"{_key(version, digests[part.path], part.extent)}.npz" for part in parts]
    whole = {path for path in set(paths) if open_arrays(path) is not None}
    missing = {path: part for path, part in zip(paths, parts, strict=True) if path not in whole}
    report = on_progress or (lambda share: None)
    if not missing:
        report(1.0)
    n_bytes = sum(path.stat().st_size for path in {part.path for part in missing.values()})
    kept = engine.for_bytes(n_bytes).results(partial(_keep, measure, waits=False), list(missing.items()))
    elsewhere = dict(missing)
    n_whole = len(paths) - len(missing)
    for path in kept:
        if path is not None:
            del elsewhere[path]
            report((n_whole + len(missing) - len(elsewhere)) / len(paths))
    for i, task in enumerate(elsewhere.items()):
        _keep(measure, task, waits=True)
        report((len(paths) - len(elsewhere) + i + 1) / len(paths))
    return paths


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file; of one that has not changed since, it is remembered.

    Raises:
        AudioError: It cannot be read.
    """
    try:
        stat = path.stat()
        return _digest(path.absolute(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError as error:
        raise AudioError(
            f"{path}: cannot be read ({error.strerror}): check its name and permissions"
        ) from None


@cache
def _digest(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Open a file of the cache that was found whole or written just before, with `names` in it.

    Raises:
        DataError: It is missing or damaged all the same, or the system lets no more files be open.
    """
    arrays = open_arrays(path)
    if arrays is None or not arrays.keys() >= set(names):
        raise DataError(
            f"{path}: cannot be opened or is damaged: allow more open files (ulimit -n), or check the disk, "
            "and run the same again"
        )
    return arrays


def open_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Open an .npz file that is not compressed; None if it is missing or damaged."""
    try:
        is_large = path.stat().st_size > MAPPED_FROM_BYTES
        raw = np.memmap(path, np.uint8, "r") if is_large else np.fromfile(path, np.uint8)
        with zipfile.ZipFile(path) as archive:
            if not is_large and archive.testzip() is not None:
                return None
            return {Path(info.filename).stem: _array(raw, archive, info) for info in archive.infolist()}
    except DAMAGED_NPZ:
        return None


def _array(raw: UInt8[np.ndarray, " byte"], archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """View one array of the file where it lies: after two headers, that of the archive and its own."""
    with archive.open(info) as file:
        np.lib.format.read_magic(file)
        shape, is_transposed, dtype = np.lib.format.read_array_header_1_0(file)
        first = file.tell()
    name_bytes, extra_bytes = raw[info.header_offset + 26 : info.header_offset + 30].view("<u2")
    start = info.header_offset + 30 + int(name_bytes) + int(extra_bytes)
    flat = raw[start + first : start + info.file_size].view(dtype)
    return np.asarray(flat.reshape(shape, order="F" if is_transposed else "C"))


def allow_open_files(n_files: int) -> None:
    """Raise the limit of open files, of which each large measurement is one, as far as the system lets us."""
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = n_files + 1024
        if soft < wanted:
            with suppress(ValueError, OSError):
                limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _key(version: str, digest: str, extent: str) -> str:
    return hashlib.sha256(f"{version}:{digest}:{extent}".encode()).hexdigest()[:24]


def _keep(measure: Callable[[Part], Arrays], task: tuple[Path, Part], *, waits: bool) -> Path | None:
    """Measure a part; return None where another process is at it, unless this one waits for that."""
    path, part = task
    with _alone(path, waits=waits) as is_alone:
        if not is_alone:
            return None
        if open_arrays(path) is None:
            try:
                arrays = measure(part)
            except SilentError:
                arrays = {}
            with disk_errors(path.parent), whole_file(path) as partial_path:
                np.savez(partial_path, **arrays)  # type: ignore[arg-type]  # stubs: its own options
    return path


@contextmanager
def _alone(path: Path, *, waits: bool) -> Iterator[bool]:
    """Keep other processes from measuring what `path` is for; tell whether none was at it already.

    The lock is a byte of one file for each measurement, and goes with the process that holds it.
    """
    if fcntl is None:
        yield True  # type: ignore[unreachable]
        return
    place = int(hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:15], 16)
    locks = Path(tempfile.gettempdir()) / LOCKS.format(os.getuid())
    with disk_errors(locks), locks.open("ab") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB), 1, place)
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            pass
        yield True
