"""From a prepared picture back to sound.

With its phases a picture gives the sound back above 60 dB signal to noise; they are those that the store
kept, or those of the recording where it still lies. Without either, Griffin-Lim finds phases, and what is
lost is stated as spectral convergence: the distance of the sound's magnitudes from the picture's, as a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Complex64, Float32

from violute.data.pictures.images import read_image
from violute.data.pictures.snippets import Part, spectra
from violute.data.pictures.store import HALF_TURN, Entry, Split, open_store
from violute.data.recordings import Recording, read_recording
from violute.data.splits import SPLITS
from violute.errors import AudioError, DataError
from violute.transforms.griffin_lim import griffin_lim, spectral_convergence
from violute.transforms.spectrogram import SpectrogramSettings, denormalise, istft, with_phase

STORED, FROM_RECORDING, FOUND = "stored", "recording", "griffin-lim"


@dataclass(frozen=True)
class Inverted:
    """The sound of a picture.

    Attributes:
        audio: At the level of the recording.
        sample_rate: In Hz.
        phase: Where the phases come from: `stored`, `recording` or `griffin-lim`.
        spectral_convergence: What the sound's magnitudes miss, as a share.
    """

    audio: Float32[np.ndarray, " sample"]
    sample_rate: int
    phase: str
    spectral_convergence: float


def invert(name: str, *, always_find: bool = False) -> Inverted:
    """Turn what a name says back into sound.

    Args:
        name: An image, or a picture of a store as FOLDER:NUMBER (of the training split) or
            FOLDER:held_out:NUMBER.
        always_find: Find phases even where there are true ones.

    Raises:
        DataError: There is no such picture, or it is damaged.
    """
    if name.lower().endswith(".png"):
        picture, settings, origin = read_image(name)
        try:
            seconds, gain = float(origin["seconds"]), float(origin["gain"])
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{name}: its text entry is damaged: prepare the recordings again") from None
        return _sound(picture, settings, None, FOUND, seconds, gain)
    folder, split_name, number = _place(name)
    store = open_store(folder)
    split = store.splits[split_name]
    if not len(split):
        raise DataError(f"{name}: the split {split_name} of {folder} holds no pictures: name another")
    if number >= len(split):
        raise DataError(f"{name}: the split {split_name} of {folder} holds pictures 0 to {len(split) - 1}")
    entry = split.entries[number]
    true, phase = (None, FOUND) if always_find else _true_phases(split, number, store.settings)
    return _sound(split.read(number), store.settings, true, phase, entry.seconds, entry.gain)


def _true_phases(
    split: Split, number: int, settings: SpectrogramSettings
) -> tuple[Complex64[np.ndarray, "bin frame"] | None, str]:
    """Return a spectrum with the phases of a picture, its Nyquist bin as it was, and where it comes from."""
    if split.phase is not None and split.nyquist is not None:
        turns = np.asarray(split.phase[number]).astype(np.float32) * np.float32(np.pi / HALF_TURN)
        spectrum = np.zeros((settings.n_fft // 2 + 1, settings.n_frames), np.complex64)
        spectrum[: settings.n_bins] = np.exp(1j * turns)
        spectrum[-1] = np.asarray(split.nyquist[number])
        return spectrum, STORED
    try:
        return _recorded_spectrum(split.entries[number], settings), FROM_RECORDING
    except AudioError:  # moved or gone
        return None, FOUND


def _recorded_spectrum(entry: Entry, settings: SpectrogramSettings) -> Complex64[np.ndarray, "bin frame"]:
    """Read the recording of a picture again and transform its part."""
    start_seconds, end_seconds = entry.file_seconds
    recording = Recording(entry.recording, Path(entry.path), start_seconds, end_seconds)
    # All of it, as it was prepared: resampled from another sample on, its phases would be others.
    audio = read_recording(recording, settings.sample_rate) * np.float32(entry.gain)
    part = Part(
        round(entry.start_seconds * settings.sample_rate), round(entry.seconds * settings.sample_rate)
    )
    return next(spectra(audio, [part], settings))


def _sound(
    picture: Float32[np.ndarray, "bin frame"],
    settings: SpectrogramSettings,
    true: Complex64[np.ndarray, "spectrum_bin frame"] | None,
    phase: str,
    seconds: float,
    gain: float,
) -> Inverted:
    magnitude = denormalise(picture, settings)
    if true is None:
        spectrum = griffin_lim(magnitude, settings)
    else:
        magnitude[settings.n_bins :] = np.abs(true[settings.n_bins :])
        spectrum = with_phase(magnitude, true)
    n_samples = round(seconds * settings.sample_rate)
    audio = istft(spectrum, settings, n_samples=n_samples) / np.float32(gain)
    missed = spectral_convergence(magnitude, spectrum, settings)
    return Inverted(audio, settings.sample_rate, phase, missed)


def _place(name: str) -> tuple[str, str, int]:
    """Read FOLDER:NUMBER or FOLDER:SPLIT:NUMBER."""
    folder, _, number = name.rpartition(":")
    split = SPLITS[0]
    for known in SPLITS:
        if folder.endswith(f":{known}"):
            folder, split = folder.removesuffix(f":{known}"), known
    if not folder or not (number.isascii() and number.isdigit()):
        raise DataError(
            f"{name}: name an image (.png) or a picture of a store, FOLDER:NUMBER or FOLDER:held_out:NUMBER"
        )
    return folder, split, int(number)
