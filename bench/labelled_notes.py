"""Recorded notes whose file names say what sounds: the Philharmonia Orchestra's notes of four instruments.

A data folder holds `flute/philharmonia_flute_notes.ogg` and the same for the others, many notes joined with
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

from violute.analysis.pitch_range import HIGH, LOW
from violute.audio.resample import resample

RANGES = {"flute": HIGH, "violin": HIGH, "clarinet": LOW, "cello": LOW}
"""Of the analysis, in which each instrument is heard."""

INSTRUMENTS = tuple(RANGES)

MISNAMED = (
    "flute_F5_05_piano_*",
    "flute_D7_*_fortissimo_*",
    "flute_D7_1_forte_*",
    "flute_Ds7_05_fortissimo_*",
    "violin_E5_15_mezzo-piano_*",
    "clarinet_Cs5_*_fortissimo_*",
    "clarinet_[D-GAB]*5_*_fortissimo_*",
    "clarinet_*[67]_*_fortissimo_*",
    "clarinet_B6_05_forte_*",
    "clarinet_G3_1_pianissimo_*",
    "cello_[AE]2_1_mezzo-piano_non-vibrato*",
    "cello_A[s34]*_1_mezzo-piano_molto-vibrato*",
    "cello_A3_1_mezzo-piano_non-vibrato*",
    "cello_A5_1_mezzo-forte_arco-harmonic*",
    "cello_C3_1_mezzo-piano_non-vibrato*",
    "cello_Cs3_1_mezzo-piano_non-vibrato*",
    "cello_Ds5_025_mezzo-piano_*",
    "cello_F3_*_mezzo-piano_*",
    "cello_Fs3_*_mezzo-piano_*",
    "cello_[FG]s2_1_mezzo-piano_molto-vibrato*",
    "cello_Fs5_15_pianissimo_*",
)
"""Notes that do not sound as they are named: by a semitone, whole tones or octaves.

Of clarinet and cello those in which swift-f0 and WORLD's Harvest agree on more than 60 cents: above C5 all
fortissimo notes of the clarinet sound a semitone below their names."""

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
