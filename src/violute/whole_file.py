"""Files that are whole or not there, whatever stops the writing: written under another name, then renamed.

The one place where this is done. A name such as `.violute-1f2e3d4c.part.wav` is a file that was being written
when its process died; nobody reads one, and it may be deleted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from violute.errors import DataError, InputError, VioluteError

PARTIAL_NAMES = ".violute-*.part*"
"""What `partial_path` names, as a glob pattern."""


@contextmanager
def disk_errors(
    path: Path,
    remedy: str = "make room or name another folder; the same command goes on where it stopped",
    *,
    taken: str = "name another output or allow overwriting",
    error: type[VioluteError] = DataError,
) -> Iterator[None]:
    """Say in one line what the disk refuses, and what to do; `taken` is for a name that another run took.

    Raises:
        VioluteError: Of the kind `error`; an `OSError` came out of the block.
    """
    try:
        yield
    except FileExistsError:
        if not path.exists():
            raise error(f"{path}: cannot be written (its folder is a file): {remedy}") from None
        raise error(f"{path} exists already: {taken}") from None
    except OSError as refusal:
        full = refusal.errno == errno.ENOSPC
        reason = "the disk is full" if full else f"cannot be written ({refusal.strerror or refusal})"
        raise error(f"{path}: {reason}: {remedy}") from None


def partial_path(path: Path) -> Path:
    """Return a hidden name beside `path`, of the same kind and another at each call.

    It is short, whatever the length of the file's own name.
    """
    return path.with_name(f".violute-{secrets.token_hex(4)}.part{path.suffix[:16]}")


@contextmanager
def whole_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a name to write under; at the end of the block, what was written there becomes `path`.

    Args:
        path: Of the file.
        overwrite: Whether it replaces a file of that name, also one that has come meanwhile.

    Raises:
        FileExistsError: There is a file of that name, and it is not to be replaced.
        OSError: The disk refuses. Whatever is raised, what was there before is still there, and nothing else.
    """
    partial = partial_path(path)
    try:
        yield partial
        take_name(partial, path, overwrite=overwrite)
    except BaseException:
        # A disk that has become read-only refuses this too; what is said is what came first.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@contextmanager
def named_file(path: Path, remedy: str = "name another place", *, overwrite: bool = True) -> Iterator[Path]:
    """`whole_file` for a result that a person named: what the disk refuses is said in one line.

    Raises:
        InputError: The file cannot be written, or is there and may not be replaced.
    """
    with disk_errors(path, remedy, error=InputError), whole_file(path, overwrite=overwrite) as partial:
        yield partial


def remove_partial_files(folder: Path) -> None:
    """Remove what was being written in a folder by processes that were killed."""
    for path in folder.glob(PARTIAL_NAMES):
        with contextlib.suppress(OSError):
            path.unlink()


def take_name(partial: Path, path: Path, *, overwrite: bool = True) -> None:
    """Rename a finished file to its own name, in one step.

    Only where a file system without hard links must not replace a file are there two, and a process that is
    killed between them leaves an empty file of that name.

    Raises:
        FileExistsError: There is a file of that name, and it is not to be replaced.
        OSError: The disk refuses.
    """
    if overwrite:
        partial.replace(path)
        return
    # A hard link is refused where the name is taken, which renaming is not everywhere.
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, such as exFAT
        with path.open("xb"):
            pass
        try:
            partial.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    else:
        partial.unlink()


def make_folder(folder: Path, *, remedy: str) -> None:
    """Make a folder for results, and those above it.

    Raises:
        InputError: It cannot be made; `remedy` says what to do about it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{folder}: the folder cannot be made ({reason}): {remedy}") from None


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8.

    Raises:
        OSError: The disk refuses; what was there before is still there.
    """
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file of bytes whole.

    Raises:
        OSError: The disk refuses; what was there before is still there.
    """
    with whole_file(path) as partial:
        partial.write_bytes(content)


def json_line(row: Mapping[str, Any]) -> bytes:
    """Return a row of JSON lines; what of a file's name is no UTF-8 is escaped."""
    return json.dumps(dict(row), ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a file of JSON lines.

    Raises:
        OSError: The disk refuses.
    """
    line = json_line(row)
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # a killed process left half a row, which would take this one with it
                line = b"\n" + line
        file.write(line)


def read_rows(path: Path) -> list[Any]:
    """Return the rows of a file of JSON lines, if there is one, without what was left half written."""
    return rows_of(path.read_bytes()) if path.exists() else []


def rows_of(content: bytes) -> list[Any]:
    """Return the rows of JSON lines, without what was left half written."""
    rows = []
    for line in content.splitlines():
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, have reached the disk.

    Windows opens no folder, and names need no such care there.

    Raises:
        OSError: The disk refuses a file's content.
    """
    is_folder = path.is_dir()
    with contextlib.suppress(PermissionError) if is_folder else contextlib.nullcontext():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
