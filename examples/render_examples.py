"""Render the four pieces that ship with Violute from notes that are typed in here.

    python examples/render_examples.py

needs `fluidsynth` and the soundfont FluidR3 GM (Debian: `apt-get install fluidsynth fluid-soundfont-gm`) and
writes into `src/violute/examples`. The music is Bach's and Dvorak's, in the public domain; the performance is
ours: dynamics, lingering on the strong beats, breath (expression) and the strings' vibrato (pitch bend).

Source: the opening of the Allemande of BWV 1013, of the Preludio of BWV 1006 and of the Prelude of BWV 1007;
the melody of the Largo of Dvorak's ninth symphony, in F, its first half an octave lower. Standard MIDI Files
1.0.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 44100
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
DESTINATION = Path(__file__).resolve().parents[1] / "src" / "violute" / "examples"
PEAK = 10 ** (-3 / 20)
CONTROL_STEP_SECONDS = 0.01
BEND_RANGE_CENTS = 200.0  # General MIDI: a full bend is two semitones

# A note is its name and octave (c4 is middle C), then, after a colon, its length in sixteenths if not 1.
ALLEMANDE = """
    r  e5 a5 g#5 a5 c6 a5 e5  a4 e5 a5 g#5 a5 c6 a5 e5
    a4 c5 e5 f5  g#4 f5 e5 d5  c5 e5 g#5 a5  e4 d5 c5 b4
    a4 c5 e5 f5  g#4 f5 e5 d5  c5 e5 g#5 a5  e4 d5 c5 b4
    a4:8
"""
PRELUDIO = """
    r:2 e6 d#6 e6:2 b5:2 g#5:2 b5:2
    e5 f#5 e5 d#5 e5:2 b4:2 g#4:2 b4:2
    e4 b4 f#4 b4  g#4 b4 a4 b4  g#4 b4 f#4 b4
    e4 e5 d#5 c#5  b4 e5 d#5 c#5  b4 a4 g#4 f#4
    e4 b4 f#4 b4  g#4 b4 a4 b4  g#4 b4 f#4 b4
    e4 e5 d#5 c#5  b4 e5 d#5 c#5  b4 a4 g#4 f#4
    e4 f#4 g#4 a4  b4 c#5 d#5 e5  f#5 g#5 a5 f#5
    g#5 b5 e5 f#5  g#5 a5 b5 c#6  d#6 e6 c#6 d#6
    e6:8
"""
PRELUDE = """
    g2 d3 b3 a3  b3 d3 b3 d3  g2 d3 b3 a3  b3 d3 b3 d3
    g2 e3 c4 b3  c4 e3 c4 e3  g2 e3 c4 b3  c4 e3 c4 e3
    g2 f#3 c4 b3  c4 f#3 c4 f#3  g2 f#3 c4 b3  c4 f#3 c4 f#3
    g2 g3 b3 a3  b3 g3 b3 g3  g2 g3 b3 a3  b3 g3 b3 f#3
    g2:8
"""
LARGO = """
    a3:3 c4 c4:4  a3:3 g3 f3:4
    g3:3 a3 c4:3 a3  g3:8
    a4:3 c5 c5:4  a4:3 g4 f4:4
    g4:3 a4 g4:3 f4  f4:8
"""


@dataclass(frozen=True)
class Note:
    """A note as played.

    Attributes:
        start: Seconds from the beginning.
        stop: Seconds at which the key is let go.
        midi: Key, 60 is middle C.
        level: Loudness, 0 to 1.
    """

    start: float
    stop: float
    midi: int
    level: float


@dataclass(frozen=True)
class Piece:
    """A melody and the way of playing it.

    Attributes:
        name: Of the file, without its suffix.
        melody: Notes as text.
        program: General MIDI program, counted from 0.
        sixteenths_a_bar: Length of a bar.
        quarters_a_minute: Tempo before any lingering.
        bar_levels: Loudness of each bar, 0 to 1.
        detached: Share of a note's length that sounds.
        vibrato_cents: Depth of the vibrato in pitch, up and down.
        breath: Depth of the swell and of the vibrato in loudness, 0 to 1.
        attack_timecents: Added to the soundfont's attack time; -1200 halves it.
        release_timecents: Added to the soundfont's release time.
        middle: Key that is as loud as its bar; higher ones are louder.
    """

    name: str
    melody: str
    program: int
    sixteenths_a_bar: int
    quarters_a_minute: float
    bar_levels: tuple[float, ...]
    detached: float
    vibrato_cents: float
    breath: float
    attack_timecents: int
    release_timecents: int
    middle: int = 76


PIECES = (
    Piece("flute_bwv1013", ALLEMANDE, 73, 16, 64.0, (0.70, 0.82, 0.66, 0.74), 0.97, 3.0, 0.16, 0, -1200),
    # Bars 5 and 6 are Bach's own echo: piano in the manuscript.
    Piece(
        "violin_bwv1006",
        PRELUDIO,
        40,
        12,
        112.0,
        (0.88, 0.80, 0.78, 0.84, 0.52, 0.56, 0.74, 0.88, 0.95),
        0.94,
        15.0,
        0.08,
        -3000,
        -3000,
    ),
    Piece("clarinet_largo", LARGO, 71, 16, 69.0, (0.60, 0.68, 0.80, 0.70), 1.0, 2.0, 0.16, 0, -1200, 62),
    Piece(
        "cello_bwv1007",
        PRELUDE,
        42,
        16,
        76.0,
        (0.78, 0.70, 0.84, 0.74, 0.80),
        0.96,
        12.0,
        0.08,
        -3000,
        -3000,
        52,
    ),
)


def parse(melody: str) -> Iterator[tuple[int | None, int]]:
    """Yield (MIDI key or None for a rest, length in sixteenths) of each note."""
    steps = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
    for word in melody.split():
        name, _, length = word.partition(":")
        key = None if name == "r" else 12 * (int(name[-1]) + 1) + steps[name[0]] + name.count("#")
        yield key, int(length or 1)


def lingering(position: int, piece: Piece, n_sixteenths: int) -> float:
    """Return how much longer than written the sixteenth at `position` lasts, as a factor."""
    in_bar = position % piece.sixteenths_a_bar
    agogic = {0: 1.09, 1: 1.03}.get(in_bar, 1.0 + 0.02 * np.cos(2 * np.pi * in_bar / piece.sixteenths_a_bar))
    to_end = n_sixteenths - 8 - position  # the last note is eight sixteenths
    return float(agogic * (1.0 + 0.22 * np.exp(-max(to_end, 0) / 3.0)))


def perform(piece: Piece) -> list[Note]:
    """Play the written notes: time, loudness and length of each."""
    notes = list(parse(piece.melody))
    n_sixteenths = sum(length for _, length in notes)
    sixteenth = 15.0 / piece.quarters_a_minute
    lengths = [sixteenth * lingering(i, piece, n_sixteenths) for i in range(n_sixteenths)]
    times = np.concatenate([[0.15], 0.15 + np.cumsum(lengths)])
    played, position = [], 0
    for key, length in notes:
        start, end = float(times[position]), float(times[position + length])
        bar, in_bar = divmod(position, piece.sixteenths_a_bar)
        position += length
        if key is None:
            continue
        accent = 0.07 if in_bar == 0 else 0.03 if in_bar % 4 == 0 else 0.0
        level = piece.bar_levels[bar] + accent + 0.006 * (key - piece.middle)
        # Eighths are lifted a little more than sixteenths, and the last note rings.
        share = 1.0 if length > 2 else piece.detached - 0.10 * (length == 2)
        played.append(Note(start, start + share * (end - start), key, min(max(level, 0.2), 1.0)))
    return played


def vibrato_cents(note: Note, second: float, piece: Piece) -> float:
    """Return the vibrato's deviation: 5.5 Hz, on longer notes only, growing after the attack."""
    age, length = second - note.start, note.stop - note.start
    if length < 0.22 or age < 0.08:
        return 0.0
    growth = min((age - 0.08) / 0.25, 1.0)
    return piece.vibrato_cents * growth * float(np.sin(2 * np.pi * 5.5 * (age - 0.08)))


def expression(note: Note, second: float, piece: Piece) -> float:
    """Return the breath or bow behind a note, 0 to 1: a swell, a decay, a flute's vibrato in loudness."""
    age, length = second - note.start, note.stop - note.start
    share = min(max(age / length, 0.0), 1.0)
    swell = 1.0 - piece.breath * (1.0 - np.sin(np.pi * min(share + 0.15, 1.0)))
    tremor = 1.0
    if length > 0.5 and age > 0.15:
        tremor = 1.0 + 0.6 * piece.breath * min((age - 0.15) / 0.4, 1.0) * np.sin(2 * np.pi * 5.2 * age)
    # A long last note dies away; quick ones never get the time.
    fade = 1.0 - 0.75 * max(share - 0.45, 0.0) / 0.55 if length > 1.0 else 1.0
    return float(np.clip((0.55 + 0.45 * note.level) * swell * tremor * fade, 0.05, 1.0))


def variable_length(number: int) -> bytes:
    """Encode a number as MIDI files do: seven bits a byte, the last byte below 128."""
    encoded = [number & 0x7F]
    while number := number >> 7:
        encoded.append(number & 0x7F | 0x80)
    return bytes(reversed(encoded))


def generator_offset(generator: int, timecents: int) -> Iterator[bytes]:
    """Yield the messages that shift a soundfont generator (34 attack, 38 release; SoundFont 2.01, 9.6.3)."""
    data = 8192 + timecents // 2  # times count in steps of two timecents
    for controller, value in ((99, 120), (98, generator), (38, data & 0x7F), (6, data >> 7)):
        yield bytes([0xB0, controller, value])


def midi_file(notes: list[Note], piece: Piece) -> bytes:
    """Write a one-track Standard MIDI File in which a tick is a millisecond."""
    events: list[tuple[int, int, bytes]] = [(0, 0, bytes([0xC0, piece.program]))]
    # The soundfont's long tails would make chords of a single line, and its bow is slow for sixteenths.
    events += [(0, 0, message) for message in generator_offset(34, piece.attack_timecents)]
    events += [(0, 0, message) for message in generator_offset(38, piece.release_timecents)]
    for note in notes:
        on, off = round(1000 * note.start), round(1000 * note.stop)
        velocity = round(30 + 95 * note.level)
        # Where two notes meet, the old one ends first.
        events += [(on, 3, bytes([0x90, note.midi, velocity])), (off, 1, bytes([0x80, note.midi, 0]))]
        for second in np.arange(note.start, note.stop, CONTROL_STEP_SECONDS):
            tick = round(1000 * second)
            bend = round(8192 * (1 + vibrato_cents(note, second, piece) / BEND_RANGE_CENTS))
            events.append((tick, 2, bytes([0xE0, bend & 0x7F, bend >> 7])))
            events.append((tick, 2, bytes([0xB0, 11, round(127 * expression(note, second, piece))])))
    track, now = bytearray(b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big")), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track += variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01" + (1000).to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def synthesise(midi: bytes, soundfont: Path) -> np.ndarray:
    """Play a MIDI file with fluidsynth, dry, and return it as mono samples at `SAMPLE_RATE`."""
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
        score.write_bytes(midi)
        command = ["fluidsynth", "-q", "-n", "-i", "-R", "0", "-C", "0", "-g", "0.8", "-r", str(SAMPLE_RATE)]
        command += ["-O", "float", "-T", "wav", "-F", str(sound), str(soundfont), str(score)]
        subprocess.run(command, check=True, capture_output=True)
        audio, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    return audio.mean(axis=1)


def trim(audio: np.ndarray, end_seconds: float) -> np.ndarray:
    """Cut half a second after the last note with a fade, and set the peak."""
    audio = audio[: round((end_seconds + 0.5) * SAMPLE_RATE)].copy()
    n_fade = round(0.3 * SAMPLE_RATE)
    audio[-n_fade:] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32)
    return audio * (PEAK / np.abs(audio).max())


def main(on_done: Callable[[str], None] = print) -> None:
    """Render every piece."""
    parser = argparse.ArgumentParser(description="Render the example pieces.")
    parser.add_argument("--soundfont", type=Path, default=SOUNDFONT, help="an SF2 file with General MIDI")
    parser.add_argument("--out", type=Path, default=DESTINATION, help="folder for the FLAC files")
    arguments = parser.parse_args()
    for piece in PIECES:
        notes = perform(piece)
        audio = trim(synthesise(midi_file(notes, piece), arguments.soundfont), notes[-1].stop)
        path = arguments.out / f"{piece.name}.flac"
        soundfile.write(path, audio, SAMPLE_RATE, subtype="PCM_16")
        on_done(f"{path.name}: {len(audio) / SAMPLE_RATE:.1f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
