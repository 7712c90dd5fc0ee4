"""A chain of commands of the researcher's tutorial, line by line, at toy sizes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import soundfile
from tones import SAMPLE_RATE, tone

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESEARCH = (DOCS / "tutorials" / "researcher.md").read_text(encoding="utf-8")


def chain(family: str) -> list[list[str]]:
    """Return the words of each line, `violute` apart, of the block that begins by training a family."""
    return block_lines(f"violute train {family} ")


def block_lines(beginning: str) -> list[list[str]]:
    """Return the words of each line, `violute` apart, of the tutorial's block that begins so."""
    (block,) = re.findall(rf"^```sh\n({beginning}.*?)^```$", RESEARCH, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


def put_notes(place: Path, note_seconds: float, solo_seconds: float) -> None:
    """Write two notes of each instrument, a third that is held out, and something to play: `solo.wav`."""
    for name, slope in (("flute", -18.0), ("violin", -6.0)):
        (place / "musicnet" / name).mkdir(parents=True)
        for f0_hz in (440.0, 659.3, 880.0):
            audio = 0.3 * tone(f0_hz, note_seconds, db_per_octave=slope)
            soundfile.write(place / "musicnet" / name / f"{f0_hz:g}.wav", audio, SAMPLE_RATE)
    (place / "musicnet" / "held_out.txt").write_text("880\n")
    soundfile.write(place / "solo.wav", 0.3 * tone(523.3, solo_seconds), SAMPLE_RATE)


def put_chord(place: Path, seconds: float) -> None:
    """Write two notes at once: `chord.wav`."""
    soundfile.write(place / "chord.wav", 0.2 * (tone(440.0, seconds) + tone(659.3, seconds)), SAMPLE_RATE)
