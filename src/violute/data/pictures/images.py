"""Pictures as image files: 16-bit grey PNG, low notes at the bottom, all that is needed to go back inside.

The file's text entry `violute` holds, as JSON, the transform's settings (with them the scale of grey: 0 is
silence, 65535 a full-scale sine, log(1 + m / floor) between) and where the picture comes from. Grey values
are the store's own 16-bit numbers, so an image gives them back exactly, and a picture within half a step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt16
from PIL import Image, PngImagePlugin

from violute.data.pictures.store import Entry, Split, Store, from_16_bits, open_store
from violute.data.splits import SPLITS
from violute.errors import DataError, InputError
from violute.transforms.spectrogram import SpectrogramSettings
from violute.whole_file import disk_errors, whole_file
from violute.worklist.engine import HERE, Engine

TEXT_KEY = "violute"
AT_ONCE = 32
"""Images that one worker writes before it asks for more."""

COMPRESSION = 3
"""Of zlib: more costs time and saves a hundredth."""


def write_image(
    path: str | Path,
    stored: UInt16[np.ndarray, "bin frame"],
    settings: SpectrogramSettings,
    entry: Entry,
) -> None:
    """Write one picture as `to_16_bits` made it, its settings and its entry without folders, as a .png file.

    Raises:
        OSError: The disk refuses.
    """
    path = Path(path)
    text = PngImagePlugin.PngInfo()
    origin = {name: value for name, value in asdict(entry).items() if name != "path"}
    document = {"settings": settings.to_dict(), "entry": origin}
    text.add_itxt(TEXT_KEY, json.dumps(document, ensure_ascii=False))
    image = Image.fromarray(np.ascontiguousarray(stored[::-1]))
    with whole_file(path) as partial:
        image.save(partial, format="PNG", pnginfo=text, compress_level=COMPRESSION)


def read_image(
    path: str | Path,
) -> tuple[Float32[np.ndarray, "bin frame"], SpectrogramSettings, dict[str, Any]]:
    """Read a picture that `write_image` wrote.

    Returns:
        The picture as `normalise` made it, its settings, and where it comes from.

    Raises:
        DataError: There is no such file, or it is not such an image.
    """
    path = Path(path)
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            text = getattr(image, "text", {}).get(TEXT_KEY)
            grey, mode = np.asarray(image), image.mode
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file: name an image or STORE:NUMBER") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise DataError(f"{path}: cannot be read as PNG: the file is damaged or something else") from None
    if text is None:
        raise DataError(f"{path}: has no scale in its text entries: give an image that violute prepare made")
    try:
        document = json.loads(text)
        settings = SpectrogramSettings.from_dict(document["settings"], source=str(path))
        origin = dict(document["entry"])
    except (ValueError, KeyError, TypeError, InputError):
        raise DataError(f"{path}: its text entry is damaged: prepare the recordings again") from None
    if grey.shape != (settings.n_bins, settings.n_frames) or not mode.startswith("I"):
        raise DataError(
            f"{path}: {grey.shape[1]} x {grey.shape[0]} points of kind {mode}, not {settings.n_frames} x "
            f"{settings.n_bins} of 16 bits as its text entry says: do not scale or convert the image"
        )
    return from_16_bits(grey[::-1].astype(np.uint16)), settings, origin


def write_images(
    store: Store,
    *,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> int:
    """Write every picture of a store as `images/SPLIT/INSTRUMENT/NUMBER_RECORDING.png` in its folder.

    Images that are there already are left alone: a store never changes. Returns how many it has.

    Raises:
        DataError: The disk refuses.
    """
    places = [(split, number) for split in SPLITS for number in range(len(store.splits[split]))]
    sheaves = [places[i : i + AT_ONCE] for i in range(0, len(places), AT_ONCE)]
    n_bytes = sum(split.pictures.nbytes for split in store.splits.values())
    for i, _ in enumerate(engine.for_bytes(n_bytes).results(partial(_write, store.folder), sheaves)):
        on_progress((i + 1) / len(sheaves))
    return len(places)


def _write(folder: Path, places: Sequence[tuple[str, int]]) -> None:
    """Write some images of a store."""
    store = _opened(folder)
    with disk_errors(folder):
        for name, number in places:
            split = store.splits[name]
            path = image_path(folder, name, number, split)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_image(path, np.asarray(split.pictures[number]), store.settings, split.entries[number])


@lru_cache(1)
def _opened(folder: Path) -> Store:
    return open_store(folder)


def image_path(folder: Path, split_name: str, number: int, split: Split) -> Path:
    """Return where the image of a picture lies."""
    entry = split.entries[number]
    name = re.sub(r"[^\w.-]+", "_", entry.recording)[:80]
    return folder / "images" / split_name / entry.instrument / f"{number:06d}_{name}.png"
