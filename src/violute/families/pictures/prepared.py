"""A store of `violute prepare` to learn from: each picture is a line, read from disk when it is drawn.

Nothing is copied: a line is a view into the store's mapped array, 16-bit numbers as they are stored, so a
store may be larger than memory. Its held-out recordings are what validation reads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.data.pictures.store import Entry, Split, Store
from violute.data.recordings import Recording, read_recording
from violute.errors import AudioError, TrainingError
from violute.families.pictures.corpus import PictureLine
from violute.transforms.griffin_lim import griffin_lim
from violute.transforms.spectrogram import PEAK, PRESETS, SpectrogramSettings, denormalise, istft


def prepared_lines(split: Split, instruments: tuple[str, str]) -> list[PictureLine]:
    """Make a line of every picture of two instruments.

    Args:
        split: Of an open store.
        instruments: At mix 0 and mix 1; pictures of others are left alone.
    """
    pictures = np.asarray(split.pictures)
    reached: dict[Recording, float] = {}
    lines = []
    for i, entry in enumerate(split.entries):
        if entry.instrument not in instruments:
            continue
        recording = _recording(entry)
        stop_seconds = entry.start_seconds + entry.seconds
        # Overlapping pictures hold some sound twice; it was recorded once.
        seconds = max(stop_seconds - max(entry.start_seconds, reached.get(recording, 0.0)), 0.0)
        reached[recording] = max(stop_seconds, reached.get(recording, 0.0))
        end = instruments.index(entry.instrument)
        lines.append(
            PictureLine(entry.recording, entry.source, end, pictures[i].T, entry.highest_hz, seconds)
        )
    return lines


def prepared_recordings(
    store: Store, instruments: tuple[str, str]
) -> tuple[list[Recording], list[Recording]]:
    """List the recordings that a store has for training, for mix 0 and mix 1.

    Raises:
        TrainingError: It lacks an instrument, or holds nothing of one to learn from.
    """
    first, second = (
        list(dict.fromkeys(_recording(entry) for entry in store.train.entries if entry.instrument == name))
        for name in instruments
    )
    for name, recordings in zip(instruments, (first, second), strict=True):
        if name not in store.instruments:
            raise TrainingError(
                f"{store.folder}: holds no {name}: name two of its instruments "
                f"({', '.join(store.instruments)}) with --a-name and --b-name"
            )
        if not recordings:
            raise TrainingError(
                f"{store.folder}: every picture of {name} is held out: prepare again with fewer held out"
            )
    return first, second


def require_transform(store: Store, settings: SpectrogramSettings) -> None:
    """Make sure that a store's pictures are those that a recipe learns from.

    Raises:
        TrainingError: They are of another transform.
    """
    if store.settings == settings:
        return
    presets = {preset: name for name, preset in PRESETS.items()}
    held, wanted = presets.get(store.settings, "another"), presets.get(settings)
    if wanted is None:
        raise TrainingError(
            f"{store.folder}: its pictures are not those of the recipe: train from recordings instead"
        )
    raise TrainingError(
        f"{store.folder}: has pictures of the preset {held}, the recipe learns from {wanted}: "
        f"prepare another folder with --preset {wanted}"
    )


def prepared_example(store: Store, instrument: str, seconds: float) -> Float32[np.ndarray, " sample"]:
    """Return some sound of an instrument: of a recording, or where it has moved of a picture alone.

    Args:
        store: With pictures of the instrument to learn from.
        instrument: Whose sound.
        seconds: At most, from the instrument's first picture on.

    Returns:
        At the rate of the store's transform.
    """
    number = next(i for i, entry in enumerate(store.train.entries) if entry.instrument == instrument)
    entry, settings = store.train.entries[number], store.settings
    whole = _recording(entry)
    start = whole.start_seconds + entry.start_seconds
    stop = start + seconds if whole.end_seconds is None else min(start + seconds, whole.end_seconds)
    try:
        piece = Recording(whole.name, whole.path, start, stop, whole.source)
        return read_recording(piece, settings.sample_rate, peak=PEAK)
    except AudioError:  # a store is whole without its recordings
        spectrum = griffin_lim(denormalise(store.train.read(number), settings), settings)
        n_samples = round(min(entry.seconds, seconds) * settings.sample_rate)
        return istft(spectrum, settings, n_samples=n_samples)


def _recording(entry: Entry) -> Recording:
    start_seconds, end_seconds = entry.file_seconds
    return Recording(entry.recording, Path(entry.path), start_seconds, end_seconds, entry.source)
