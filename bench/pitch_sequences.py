"""Made sequences whose every note is known: trills, short octaves, grace notes and staccato over breath.

Recordings with such labels do not exist, so the notes are summed from partials as the two instruments have
them: a bowed string's slope with the peaks of a body, a flute's few partials over breath, in a small room.
`bench/pitch_bench.py` writes what becomes of them into `bench/PITCH.md`; alone,

    python bench/pitch_sequences.py

prints the same tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Float32

from violute.analysis.analyser import analyse
from violute.rates import HOP_LENGTH, SAMPLE_RATE

TRILL_RATES_HZ = (4, 6, 7, 8, 9, 10, 12)
SHORT_NOTES_MS = (40, 60, 80, 100, 150, 200)
LOWEST_MIDI = {"flute": 60, "violin": 55}
HIGHEST_MIDI = 96
RIGHT_CENTS = 50.0
RIGHT_SHARE = 0.75
"""Of a note's inner frames that must be voiced and at its pitch."""

EDGE_SECONDS = 0.015
"""At either end of a note that counts for nothing, or a quarter of the note if that is less."""

SLUR_SECONDS = 0.006


@dataclass(frozen=True)
class MadeNote:
    """One note of a sequence: pitch, first and last moment."""

    midi: float
    start: float
    stop: float


@dataclass
class Sequence:
    """Sound and the notes that it is made of; `judged` names those that count, all where it is empty."""

    kind: str
    column: str
    audio: Float32[np.ndarray, " sample"]
    notes: list[MadeNote]
    judged: list[int] = field(default_factory=list)


def note_sound(
    instrument: str, midi: float, seconds: float, rng: np.random.Generator, *, attack: float, release: float
) -> Float[np.ndarray, " sample"]:
    """One note at a peak near 0.3, with raised-cosine ends.

    Args:
        instrument: `violin` or `flute`.
        midi: Pitch.
        seconds: From the start of the attack to the end of the release.
        rng: Of phases, partials and breath.
        attack: Seconds that the sound takes to rise.
        release: Seconds that it takes to fall.
    """
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0_hz = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    number = np.arange(1, int(18_000.0 / f0_hz) + 1)
    if instrument == "violin":
        body = 5.0 * np.sin(2.0 * np.pi * np.log2(number * f0_hz) * 1.7 + rng.uniform(0.0, 2.0 * np.pi))
        levels_db = -6.0 * np.log2(number) - 9.0 * np.maximum(np.log2(number * f0_hz / 3000.0), 0.0) + body
        breath_db = -38.0
    else:
        slope = np.interp(midi, [60.0, 72.0, 84.0, 96.0], [-5.0, -8.0, -13.0, -17.0])
        levels_db = slope * (number - 1.0) ** 0.9 + rng.uniform(-3.0, 3.0, len(number))
        if midi < 72:
            levels_db[1] += rng.uniform(2.0, 8.0)  # the second partial of a low flute is its strongest
        breath_db = rng.uniform(-36.0, -24.0)
    amplitudes = 10.0 ** (levels_db / 20.0)
    phases = rng.uniform(0.0, 2.0 * np.pi, len(number))
    audio = np.zeros(len(t))
    for k, amplitude, phase in zip(number, amplitudes, phases, strict=True):
        if amplitude > 1e-4 * amplitudes.max():
            audio += amplitude * np.sin(2.0 * np.pi * k * f0_hz * t + phase)
    power = np.sqrt(np.sum(np.square(amplitudes)) / 2.0)
    audio = 0.2 * (audio / power + 10.0 ** (breath_db / 20.0) * rng.standard_normal(len(t)))
    return audio * _edges(len(t), attack, release)


def trills() -> Iterator[Sequence]:
    """Semitones and whole tones at 4 to 12 Hz, over the range of both instruments."""
    for instrument, lowest in LOWEST_MIDI.items():
        for midi in range(lowest, HIGHEST_MIDI + 1, 3):
            for rate_hz in TRILL_RATES_HZ:
                for step in (1, 2):
                    rng = np.random.default_rng([midi, rate_hz, step])
                    alternating = [midi + step * (i % 2) for i in range(round(2 * rate_hz * 1.2))]
                    pitches = [midi, *alternating, midi]
                    seconds = [0.25, *[0.5 / rate_hz] * len(alternating), 0.3]
                    notes, audio = slurred(instrument, pitches, seconds, rng)
                    yield Sequence(f"trills, {instrument}", f"{rate_hz} Hz", audio, notes)


def short_octaves() -> Iterator[Sequence]:
    """Octaves and twelfths of 40 to 200 ms: among long notes, one after another, before a long note."""
    for instrument, lowest in LOWEST_MIDI.items():
        for low in range(lowest, 85, 4):
            for leap in (12, 19):
                if low + leap > HIGHEST_MIDI:
                    continue
                for ms in SHORT_NOTES_MS:
                    rng = np.random.default_rng([low, leap, ms])
                    high, short = low + leap, ms / 1000.0
                    up = [low, high, low, high, low, high, low]
                    down = [2 * low + leap - midi for midi in up]
                    spaced = [0.3, short, 0.3, short, 0.3, short, 0.3]
                    for pitches in (up, down):
                        notes, audio = slurred(instrument, pitches, spaced, rng)
                        yield Sequence(f"among long notes, {instrument}", f"{ms} ms", audio, notes, [1, 3, 5])
                    notes, audio = slurred(instrument, up[:6] * 2, [short] * 12, rng)
                    yield Sequence(f"one after another, {instrument}", f"{ms} ms", audio, notes)
                    for pitches in ([low, high], [high, low]):
                        notes, audio = slurred(instrument, pitches, [short, 0.4], rng)
                        yield Sequence(f"grace notes, {instrument}", f"{ms} ms", audio, notes, [0])
                    notes, audio = after_hum(instrument, high, leap, short, rng)
                    yield Sequence(f"first note after a hum, {instrument}", f"{ms} ms", audio, notes, [0])


def staccato() -> Iterator[Sequence]:
    """Short articulated notes of the flute whose attack sounds an octave below, as breath makes it."""
    steps = np.array([0, 1, -1, 0, -2, -1, 2, 0])
    for midi in range(62, 95, 2):
        for ms in (80, 100, 120, 150):
            rng = np.random.default_rng([midi, ms])
            gap = rng.uniform(0.03, 0.12)
            sound = [np.zeros(int(0.2 * SAMPLE_RATE))]
            notes, start = [], 0.2
            for pitch in midi + steps:
                seconds = ms / 1000.0
                attack = rng.uniform(0.02, 0.04)
                note = note_sound("flute", pitch, seconds, rng, attack=attack, release=0.015)
                note += undertone(pitch, seconds, rng)
                notes.append(MadeNote(float(pitch), start, start + seconds))
                sound += [note, np.zeros(int(gap * SAMPLE_RATE))]
                start += (len(note) + int(gap * SAMPLE_RATE)) / SAMPLE_RATE
            audio = in_a_room(np.concatenate(sound), rng)
            yield Sequence("staccato over an undertone, flute", f"{ms} ms", audio, notes)


def undertone(midi: float, seconds: float, rng: np.random.Generator) -> Float[np.ndarray, " sample"]:
    """What a hard attack of a flute sounds below its note: odd partials of the octave, quick to fade."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    half_hz = 220.0 * 2.0 ** ((midi - 69.0) / 12.0)
    level_db, rest_db = rng.uniform(-14.0, -7.0), rng.uniform(-24.0, -16.0)
    course = 10.0 ** (level_db / 20.0) * np.exp(-t / rng.uniform(0.02, 0.05)) + 10.0 ** (rest_db / 20.0)
    sound = np.zeros(len(t))
    for number, fall_db in zip((1, 3, 5), (0.0, rng.uniform(0.0, 6.0), rng.uniform(5.0, 12.0)), strict=True):
        phase = rng.uniform(0.0, 2.0 * np.pi)
        sound += 10.0 ** (-fall_db / 20.0) * np.sin(2.0 * np.pi * number * half_hz * t + phase)
    return 0.2 * course * sound * _edges(len(t), 0.003, 0.015)


def slurred(
    instrument: str,
    pitches: list[int],
    seconds: list[float],
    rng: np.random.Generator,
    *,
    silence: float = 0.2,
) -> tuple[list[MadeNote], Float32[np.ndarray, " sample"]]:
    """Notes that follow one another without a gap, in a room, with silence around them."""
    starts = silence + np.concatenate([[0.0], np.cumsum(seconds)])
    audio = np.zeros(int((starts[-1] + 0.3) * SAMPLE_RATE))
    notes = []
    for i, (midi, start, stop) in enumerate(zip(pitches, starts[:-1], starts[1:], strict=True)):
        is_last = i == len(pitches) - 1
        first = round((start - SLUR_SECONDS / 2.0) * SAMPLE_RATE)
        sound = note_sound(
            instrument,
            midi,
            stop - start + SLUR_SECONDS,
            rng,
            attack=SLUR_SECONDS if i else 0.015,
            release=0.05 if is_last else SLUR_SECONDS,
        )
        audio[first : first + len(sound)] += sound * 10.0 ** (rng.uniform(-3.0, 0.0) / 20.0)
        notes.append(MadeNote(float(midi), float(start), float(stop)))
    return notes, in_a_room(audio, rng)


def after_hum(
    instrument: str, midi: int, leap: int, seconds: float, rng: np.random.Generator
) -> tuple[list[MadeNote], Float32[np.ndarray, " sample"]]:
    """Short notes over a hum that sounds all the time, an octave or a twelfth below the first of them."""
    notes, audio = slurred(instrument, [midi, midi + 2, midi - 1, midi + 1], [seconds] * 4, rng, silence=0.6)
    hum_hz = 440.0 * 2.0 ** ((midi - leap - 69.0) / 12.0)
    hum = 10.0 ** (-58.0 / 20.0) * np.sin(2.0 * np.pi * hum_hz * np.arange(len(audio)) / SAMPLE_RATE)
    return notes, (audio + hum).astype(np.float32)


def in_a_room(
    audio: Float[np.ndarray, " sample"], rng: np.random.Generator
) -> Float32[np.ndarray, " sample"]:
    """Add a tail of 0.5 s that holds a thirtieth of the energy, and noise 80 dB below full scale."""
    t = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    tail = rng.standard_normal(len(t)) * np.exp(-t * 6.9 / 0.5)
    tail *= np.sqrt(1.0 / 30.0 / np.sum(np.square(tail)))
    n = len(audio) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(audio, n) * np.fft.rfft(tail, n), n)[: len(audio)]
    noise = 10.0 ** (-80.0 / 20.0) * rng.standard_normal(len(audio))
    return np.asarray(audio + wet + noise, np.float32)


def right_notes(
    sequence: Sequence, f0_hz: Float[np.ndarray, " frame"], is_voiced: Bool[np.ndarray, " frame"]
) -> Bool[np.ndarray, " note"]:
    """Notes of whose inner frames at least `RIGHT_SHARE` are voiced and at their pitch."""
    return np.array(
        [is_right.mean() >= RIGHT_SHARE for is_right in _inner_frames(sequence.notes, f0_hz, is_voiced)]
    )


def kept_changes(
    sequence: Sequence, f0_hz: Float[np.ndarray, " frame"], is_voiced: Bool[np.ndarray, " frame"]
) -> Bool[np.ndarray, " change"]:
    """Changes of a trill both of whose notes are there: a frame or more in the middle half of each."""
    there = np.array([is_right.any() for is_right in _inner_frames(sequence.notes, f0_hz, is_voiced)])
    return there[1:] & there[:-1]


def _inner_frames(
    notes: list[MadeNote], f0_hz: Float[np.ndarray, " frame"], is_voiced: Bool[np.ndarray, " frame"]
) -> Iterator[Bool[np.ndarray, " inner"]]:
    """Whether the frames inside each note are voiced and at its pitch."""
    midi = 69.0 + 12.0 * np.log2(np.maximum(f0_hz, 1.0) / 440.0)
    for note in notes:
        edge = min(EDGE_SECONDS, (note.stop - note.start) / 4.0)
        first = int(np.ceil((note.start + edge) * SAMPLE_RATE / HOP_LENGTH))
        last = int(np.floor((note.stop - edge) * SAMPLE_RATE / HOP_LENGTH))
        inside = slice(first, last + 1)
        yield is_voiced[inside] & (100.0 * np.abs(midi[inside] - note.midi) < RIGHT_CENTS)


def _edges(n_samples: int, attack: float, release: float) -> Float[np.ndarray, " sample"]:
    window = np.ones(n_samples)
    for seconds, is_end in ((attack, False), (release, True)):
        n = max(min(round(seconds * SAMPLE_RATE), n_samples), 1)
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
        if is_end:
            window[-n:] *= rise[::-1]
        else:
            window[:n] *= rise
    return window


def sequence_tables() -> list[str]:
    """Measure all sequences: Markdown tables of the shares that are right."""
    lines = []
    for title, what, sequences, judge in (
        ("Trills", "share of changes kept", trills(), kept_changes),
        ("Short octaves and twelfths", "share of notes right", short_octaves(), right_notes),
        ("Staccato", "share of notes right", staccato(), right_notes),
    ):
        shares: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        for sequence in sequences:
            controls = analyse(sequence.audio, lines="auto")
            right = judge(sequence, controls.f0_hz[0], controls.periodicity[0] > 0.0)
            shares[sequence.kind][sequence.column] += right[sequence.judged or slice(None)].tolist()
        columns = list(next(iter(shares.values())))
        lines += [
            "",
            f"## {title}: {what}",
            "",
            f"| | {' | '.join(columns)} |",
            "|---" * (len(columns) + 1) + "|",
        ]
        for kind, row in shares.items():
            lines.append(f"| {kind} | {' | '.join(f'{np.mean(row[column]):.3f}' for column in columns)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(sequence_tables()))
