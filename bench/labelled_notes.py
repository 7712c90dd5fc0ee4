"""Recorded notes whose file names say what sounds: the Philharmonia Orchestra's flute and violin.

A data folder holds `flute/philharmonia_flute_notes.ogg` and the same for the violin, many notes joined with
silence, and beside each a `.json` with the map: name, start and end of every note in seconds.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from violute.audio.resample import resample

INSTRUMENTS = ("flute", "violin")

MISNAMED = (
    "flute_F5_05_piano_*",
    "flute_D7_*_fortissimo_*",
    "flute_D7_1_forte_*",
    "flute_Ds7_05_fortissimo_*",
    "violin_E5_15_mezzo-piano_*",
)
"""Notes that sound an octave or whole tones off their names."""

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Note:
    """One recorded note.

    Attributes:
        name: Of the file that it was.
        true_hz: Of the name, at A = 440 Hz.
        audio: Mono.
        sample_rate: In Hz.
    """

    name: str
    true_hz: float
    audio: Float32[np.ndarray, " sample"]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.audio) / self.sample_rate


def labelled_notes(folder: Path, instrument: str, sample_rate: int, *, every: int = 1) -> Iterator[Note]:
    """Read an instrument's notes, all but those that are misnamed.

    Args:
        folder: Of the data.
        instrument: One of `INSTRUMENTS`.
        sample_rate: Wanted, in Hz.
        every: Read one note in so many.
    """
    path = folder / instrument / f"philharmonia_{instrument}_notes.ogg"
    items = json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))["items"]
    named = [item for item in items if not any(Path(item["src"]).match(name) for name in MISNAMED)]
    with soundfile.SoundFile(path) as file:
        for item in named[::every]:
            start, stop = (round(item[edge] * file.samplerate) for edge in ("start", "end"))
            file.seek(start)
            mono = file.read(stop - start, dtype="float32", always_2d=True).mean(axis=1)
            yield Note(
                item["src"], named_hz(item["src"]), resample(mono, file.samplerate, sample_rate), sample_rate
            )


def named_hz(name: str) -> float:
    """Return the pitch that a name such as `flute_As4_05_forte_normal.mp3` tells, in Hz."""
    found = re.match(r"[a-z]+_([A-G])(s?)(\d)_", name)
    if found is None:
        raise ValueError(f"{name} names no pitch: expected INSTRUMENT_As4_...")
    letter, sharp, octave = found.groups()
    midi = _SEMITONES[letter] + bool(sharp) + 12 * (int(octave) + 1)
    return float(440.0 * 2.0 ** ((midi - 69) / 12))
