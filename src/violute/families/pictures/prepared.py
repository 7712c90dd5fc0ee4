"""A store of `violute prepare` to learn from: each picture is a line, read from disk when it is drawn.

Nothing is copied: a line is a view into the store's mapped array, 16-bit numbers as they are stored, so a
store may be larger than memory. Its held-out recordings are what validation reads.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from violute.data.measured import measured
from violute.data.pictures.store import Entry, Split, Store
from violute.data.recordings import Recording, read_recording
from violute.data.sampling import window_of
from violute.errors import AudioError, TrainingError
from violute.families.pictures.corpus import PictureLine, pitch_at_frames
from violute.rates import SAMPLE_RATE
from violute.transforms.griffin_lim import griffin_lim
from violute.transforms.spectrogram import PEAK, PRESETS, SpectrogramSettings, denormalise, istft
from violute.worklist.engine import HERE, Engine


class PreparedPitch:
    """The pitch of the recordings that the pictures of a store were cut from.

    Raises:
        TrainingError: A recording is no longer there.
    """

    def __init__(
        self, store: Store, instruments: tuple[str, str], cache: Path, engine: Engine = HERE
    ) -> None:
        self._settings = store.settings
        entries = (*store.train.entries, *store.held_out.entries)
        recordings = list(dict.fromkeys(_recording(one) for one in entries if one.instrument in instruments))
        for recording in recordings:
            if not recording.path.exists():
                raise TrainingError(
                    f"{recording.path}: is gone, and the network is given the pitch of what it learns from: "
                    "put the recordings back where they were prepared"
                )
        measure, version = partial(_measure_pitch, store.settings), f"pitch {store.settings}"
        found = measured(recordings, cache, measure, version=version, engine=engine)
        self._tracks = {recording: arrays["f0_hz"] for recording, arrays in found}

    def of(self, entry: Entry, n_frames: int) -> Float32[np.ndarray, " frame"]:
        """Return the pitch at each frame of a picture in Hz, 0 where there is none."""
        track = self._tracks.get(_recording(entry))
        if track is None:  # a silent recording
            return np.zeros(n_frames, np.float32)
        first = round(entry.start_seconds * self._settings.sample_rate / self._settings.hop_length)
        return window_of(track, first, n_frames)


def prepared_lines(
    split: Split, instruments: tuple[str, str], pitch: PreparedPitch | None = None
) -> list[PictureLine]:
    """Make a line of every picture of two instruments; `pitch` is for networks that are given it."""
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
        picture = pictures[i].T
        f0_hz = None if pitch is None else pitch.of(entry, len(picture))
        lines.append(
            PictureLine(entry.recording, entry.source, end, picture, entry.highest_hz, seconds, f0_hz)
        )
    return lines


def _measure_pitch(settings: SpectrogramSettings, recording: Recording) -> dict[str, np.ndarray]:
    return {"f0_hz": pitch_at_frames(read_recording(recording, SAMPLE_RATE, peak=PEAK), settings)}


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
