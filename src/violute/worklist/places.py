"""Where files are: paths of this machine, or URLs of object stores (`s3://`, `gs://`), through fsspec.

A store is listed without loading anything, a file is fetched whole before it is read, and one that is written
takes its name when all of it is there: object stores promise that of each upload.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from violute.errors import InputError
from violute.whole_file import replace_bytes

Place = Path | str
"""A path, or a URL as text."""

_FOREIGN_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
    ("aiohttp", "ClientError"),
)
"""What drivers of stores raise besides `OSError`, where they are loaded."""


def is_url(place: Place) -> bool:
    """Whether a place is in an object store."""
    return isinstance(place, str) and "://" in place


def name_of(place: Place) -> str:
    """Return the last part of a place."""
    return place.name if isinstance(place, Path) else place.rstrip("/").rpartition("/")[2]


def below(folder: Place, name: str) -> Place:
    """Return the place of a file in a folder, by its name with `/` between parts."""
    return folder / name if isinstance(folder, Path) else f"{folder.rstrip('/')}/{name}"


def listed(url: str) -> dict[str, int]:
    """List the files below a URL: each one's name below it, and its size in bytes; none where nothing is.

    Raises:
        InputError: The store refuses.
    """
    with _store_errors(url):
        store, root = _store(url)
        try:
            found = store.find(root, detail=True)
        except FileNotFoundError:
            return {}
        root = root.rstrip("/") + "/"
        names = {path.removeprefix(root): int(entry["size"] or 0) for path, entry in sorted(found.items())}
        return {name: size for name, size in names.items() if not f"/{name}".count("/.")}


def is_file(url: str) -> bool:
    """Whether a URL is that of a file.

    Raises:
        InputError: The store refuses.
    """
    with _store_errors(url):
        store, path = _store(url)
        return bool(store.isfile(path))


@contextmanager
def fetched(place: Place) -> Iterator[Path]:
    """Lend a place as a file of this machine.

    Raises:
        InputError: The store refuses or has no such file.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="violute-") as folder:
        path = Path(folder) / name_of(place)
        with _store_errors(place):
            store, key = _store(place)
            store.get_file(key, str(path))
        yield path


@contextmanager
def sent(place: Place) -> Iterator[Path]:
    """Lend a name to write under; at the end of the block the file that is there goes to its place, whole.

    Raises:
        InputError: The store refuses.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="violute-") as folder:
        path = Path(folder) / name_of(place)
        yield path
        with _store_errors(place):
            store, key = _store(place)
            store.put_file(str(path), key)


def read_whole(place: Place) -> bytes | None:
    """Return what a file holds; None if there is none.

    Raises:
        InputError: The store refuses.
    """
    if isinstance(place, Path):
        return place.read_bytes() if place.exists() else None
    with _store_errors(place):
        store, key = _store(place)
        try:
            return bytes(store.cat_file(key))
        except FileNotFoundError:
            return None


def write_whole(place: Place, content: bytes) -> None:
    """Write a file in one step.

    Raises:
        OSError: The disk refuses.
        InputError: The store does.
    """
    if isinstance(place, Path):
        replace_bytes(place, content)
        return
    with _store_errors(place):
        store, key = _store(place)
        store.pipe_file(key, content)


def sha256_of(place: Place) -> str:
    """Return the digest of a file.

    Raises:
        OSError: The disk refuses.
        InputError: The store does.
    """
    with fetched(place) as path, path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _store(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    try:
        import fsspec

        store, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise InputError(
            f"{url}: {error.name or 'its driver'} is not installed: run pip install 'violute[cluster]' (s3fs "
            "for s3://, gcsfs for gs://)"
        ) from None
    except ValueError as error:
        raise InputError(f"{url}: {error}: give a path, s3:// or gs://") from None
    return store, path


@contextmanager
def _store_errors(url: str) -> Iterator[None]:
    """Say in one line what a store refuses."""
    try:
        yield
    except PermissionError as error:
        raise InputError(f"{url}: the store refuses your credentials ({_short(error)}): check them") from None
    except FileNotFoundError:
        raise InputError(f"{url}: there is no such file, folder or bucket: check the URL") from None
    except Exception as error:
        known = [getattr(sys.modules[name], kind) for name, kind in _FOREIGN_ERRORS if name in sys.modules]
        if not isinstance(error, (OSError, *known)):
            raise
        raise InputError(
            f"{url}: the store cannot be used ({_short(error)}): check credentials, endpoint and network"
        ) from None


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
