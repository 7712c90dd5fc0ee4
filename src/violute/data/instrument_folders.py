"""Which folder holds which instrument: folders of recordings are named for what plays in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from violute.data.recordings import recordings_in
from violute.errors import DataError

_MUSICNET_PARTS = frozenset({"train_data", "test_data"})


def instrument_folders(given: Sequence[Path], *, only: Sequence[str] = ()) -> dict[str, Path]:
    """Find the folder of each instrument.

    Args:
        given: Folders with recordings, each named for its instrument, or parents of such folders.
        only: Instruments to keep; none keeps all.

    Returns:
        Folders by instrument, in the order given, those of a parent by name.

    Raises:
        DataError: A folder is missing or holds no audio, two have one name, or one of `only` is not there.
    """
    found: dict[str, Path] = {}
    for folder in given:
        paths = recordings_in(folder)
        if any(path.parent == folder for path in paths):
            named = [folder]
        else:
            named = sorted({folder / path.relative_to(folder).parts[0] for path in paths})
        for path in named:
            name = instrument_name(path)
            if name in found:
                raise DataError(f"{found[name]} and {path}: two folders of {name}: put them into one")
            found[name] = path
    missing = [name for name in only if name not in found]
    if missing:
        raise DataError(f"{missing[0]}: there is no such folder of recordings: choose of {', '.join(found)}")
    return {name: path for name, path in found.items() if not only or name in only}


def instrument_name(folder: Path) -> str:
    """Return the instrument that a folder of recordings is named for.

    Raises:
        DataError: It is a part of MusicNet, which holds all of its instruments.
    """
    name = folder.resolve().name
    if name in _MUSICNET_PARTS:
        raise DataError(
            f"{folder}: MusicNet as it is packed: unpack it by instrument with violute data musicnet"
        )
    return name
