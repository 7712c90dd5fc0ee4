"""Pitch of real notes whose names say what sounds; left out where the recordings are not at hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from violute.analysis.analyser import analyse
from violute.rates import SAMPLE_RATE

FOLDER = Path(__file__).parents[3] / "shared" / "data"
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
EDGE = 6
"""Frames of attack and of decay that count for nothing."""

MISNAMED = re.compile(
    r"flute_F5_05_piano|flute_D7_.*fortissimo|flute_D7_1_forte|flute_Ds7_05_fortissimo|violin_E5_15_mezzo-piano"
)
"""Notes that sound an octave or two semitones off their names."""


def named_hz(name):
    letter, sharp, octave = re.match(r"[a-z]+_([A-G])(s?)(\d)_", name).groups()
    midi = SEMITONES[letter] + bool(sharp) + 12 * (int(octave) + 1)
    return 440.0 * 2.0 ** ((midi - 69) / 12)


def notes(instrument, every):
    """One note in so many, and all above 2 kHz up to as many again: (Hz by name, sound at 44.1 kHz)."""
    path = FOLDER / instrument / f"philharmonia_{instrument}_notes.ogg"
    if not path.is_file():
        pytest.skip(f"the recordings are not at hand: {path.name}")
    items = [
        item
        for item in json.loads(path.with_name(path.name + ".json").read_text())["items"]
        if not MISNAMED.match(item["src"])
    ]
    high = [item for item in items[1::2] if named_hz(item["src"]) > 2000.0]
    with soundfile.SoundFile(path) as file:
        for item in items[::every] + high[:12]:
            file.seek(round(item["start"] * file.samplerate))
            audio = file.read(round((item["end"] - item["start"]) * file.samplerate), always_2d=True)
            mono = audio.mean(axis=1).astype(np.float32)
            yield named_hz(item["src"]), soxr.resample(mono, file.samplerate, SAMPLE_RATE)


def deviations_cents(true_hz, audio):
    """Distance of the steady frames from the note's own tuning, in cents."""
    controls = analyse(audio)
    loudness_db = controls.loudness_db[0]
    is_steady = loudness_db > loudness_db.max() - 20.0
    sounding = np.flatnonzero(is_steady)
    is_steady[: sounding[0] + EDGE] = False
    is_steady[sounding[-1] + 1 - EDGE :] = False
    cents = 1200.0 * np.log2(np.maximum(controls.f0_hz[0, is_steady], 1e-3) / true_hz)
    near = cents[np.abs(cents) < 160.0]
    return cents - (np.median(near) if len(near) else 0.0)


@pytest.mark.parametrize(("instrument", "every"), [("violin", 14), ("flute", 22)])
def test_real_notes_are_heard_as_named(instrument, every):
    heard = [(true_hz, deviations_cents(true_hz, audio)) for true_hz, audio in notes(instrument, every)]
    assert len(heard) > 30
    cents = np.concatenate([deviation for _, deviation in heard])
    high = np.concatenate([deviation for true_hz, deviation in heard if true_hz > 2000.0])
    assert len(high) > 200
    for frames in (cents, high):
        assert np.mean(np.abs(frames) < 50.0) >= 0.93
        assert np.mean(np.abs(np.abs(frames) - 1200.0) < 100.0) <= 0.01
