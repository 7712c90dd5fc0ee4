"""Sums of lines in rooms: what the network that hears chords learns from, drawn at random.

Four kinds of clips: a line alone, in any room, so that what rings on is not taken for a second note; chords
that begin together, as bows play them; two to four lines at once; and a line over chords. Two notes drawn
freely seldom share partials, while those of double stops nearly always do: the intervals of chords are drawn
from those that players stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.signal import fftconvolve

from multipitch.lines import FRAME_SAMPLES, OFF, SURE, UNSURE, Line
from multipitch.network import N_PITCHES
from violute.analysis.polyphony.log_spectrum import N_BINS, N_FFTS, hz_bin, log_spectra
from violute.rates import SAMPLE_RATE
from violute.synthesis.room import room_response
from violute.transforms.spectra import magnitude_frames

CLIP_FRAMES = 100
"""Two seconds."""

EDGE_FRAMES = 5
"""Frames of sound before and after a clip, for the windows that reach there."""

KINDS = {"line": 0.3, "chords": 0.3, "lines": 0.25, "line over chords": 0.15}
INTERVALS = {
    1: 0.2,
    2: 0.5,
    3: 3,
    4: 3,
    5: 2,
    6: 1,
    7: 4,
    8: 3,
    9: 3,
    10: 1,
    12: 4,
    15: 1,
    16: 1.5,
    19: 1.5,
    24: 0.7,
}
"""Semitones from a note of a chord to the next above it, and how often they are drawn."""

VOICES = {2: 0.55, 3: 0.27, 4: 0.18}
LOWEST_ROOT_MIDI, HIGHEST_ROOT_MIDI = 55.0, 84.0
HIGHEST_NOTE_MIDI = 98.0
FURTHEST_SEMITONES = 4.0
"""How far a recorded note is transposed to take its place."""

DETUNED_CENTS = 8.0
LEVEL_SPREAD_DB = 5.0
FAINT_DB, INAUDIBLE_DB = -28.0, -40.0
"""A note this far below the loudest at its moment is not asked for; further below, it counts as silent."""

N_ROOMS = 32
LOUDEST_ROOM = 1.2
LOUDEST_NEARBY = 0.4
"""Amplitude of the loudest partial of the piece that clips are taken from, as far as they can tell."""

EQ_BENDS = 6
EQ_DB = 4.0
IGNORED = 255
FULL = 200
"""Stored value of a target of 1."""

BLUR_BINS = 0.7
UNSURE_BINS = 4
"""So close to where a line was, its unsure frames tell nothing."""


@dataclass(frozen=True)
class Clip:
    """A drawn clip.

    Attributes:
        spectra: What the network is shown, in 255ths.
        target: What it should answer, in `FULL`-ths; `IGNORED` where nothing is asked.
    """

    spectra: UInt8[np.ndarray, "frame bin 2"]
    target: UInt8[np.ndarray, "frame pitch"]


@dataclass
class _Mixture:
    n_frames: int
    audio: Float32[np.ndarray, " sample"] = field(init=False)
    parts: list[tuple[int, Line, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.audio = np.zeros(self.n_frames * FRAME_SAMPLES, np.float32)

    def add(self, line: Line, at_frame: int, gain_db: float) -> None:
        """Lay a line down from a frame on, with what fits."""
        start = at_frame * FRAME_SAMPLES
        piece = line.audio[: len(self.audio) - start]
        self.audio[start : start + len(piece)] += np.float32(10.0 ** (gain_db / 20.0)) * piece
        self.parts.append((at_frame, line, gain_db))


class Mixer:
    """Draws clips.

    Args:
        lines: To sum; notes among them are played in chords.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = [line for line in lines if line.note_midi is None] or list(lines)
        self._notes = sorted((line for line in lines if line.note_midi is not None), key=_midi)
        self._midi = np.array([_midi(note) for note in self._notes])
        weight = np.array([line.n_frames for line in self._lines]) ** 0.5
        self._line_weight = weight / weight.sum()
        rng = np.random.default_rng(0)
        self._rooms = [
            room_response(float(size), seed=i) for i, size in enumerate(rng.uniform(0, 1, N_ROOMS))
        ]

    def draw(self, rng: np.random.Generator) -> Clip:
        """Draw a clip."""
        mixture = _Mixture(CLIP_FRAMES + 2 * EDGE_FRAMES)
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        if kind in ("chords", "line over chords") and len(self._notes):
            self._add_chords(mixture, rng)
        if kind != "chords" or not len(self._notes):
            n_lines = int(_drawn(VOICES, rng)) if kind == "lines" else 1
            for _ in range(n_lines):
                self._add_line(mixture, rng)
        spectra = _heard(self._roomed(mixture.audio, rng), rng)
        inside = slice(EDGE_FRAMES, EDGE_FRAMES + CLIP_FRAMES)
        return Clip(np.rint(255.0 * spectra[inside]).astype(np.uint8), _target(mixture)[inside])

    def _add_line(self, mixture: _Mixture, rng: np.random.Generator) -> None:
        gain_db = rng.normal(0.0, LEVEL_SPREAD_DB)
        if len(self._notes) and rng.random() < 0.4:
            self._add_melody(mixture, rng, gain_db)
            return
        line = self._lines[rng.choice(len(self._lines), p=self._line_weight)]
        ratio = 2.0 ** (rng.uniform(-FURTHEST_SEMITONES, FURTHEST_SEMITONES) / 12.0)
        start = rng.uniform(0.0, max(line.n_frames - ratio * mixture.n_frames, 1.0))
        mixture.add(line.cut(start, mixture.n_frames, ratio), 0, gain_db)

    def _add_melody(self, mixture: _Mixture, rng: np.random.Generator, gain_db: float) -> None:
        """Put single notes one after the other."""
        frame, midi = -int(rng.integers(0, 20)), rng.uniform(LOWEST_ROOT_MIDI, HIGHEST_ROOT_MIDI + 6.0)
        typical = float(np.exp(rng.uniform(np.log(5.0), np.log(60.0))))
        while frame < mixture.n_frames - 3:
            n_frames = max(int(typical * rng.uniform(0.6, 1.6)), 4)
            note = self._note(midi, n_frames, rng)
            self._place(mixture, note, frame, gain_db + rng.normal(0.0, 2.0), rng)
            frame += max(min(n_frames, note.n_frames), 3) + int(rng.choice((-1, 0, 0, 1, 5)))
            midi = float(np.clip(midi + np.rint(rng.normal(0.0, 4.0)), LOWEST_ROOT_MIDI, HIGHEST_NOTE_MIDI))

    def _add_chords(self, mixture: _Mixture, rng: np.random.Generator) -> None:
        """Put chords one after the other, their notes about as loud and about together."""
        frame = -int(rng.integers(0, 20))
        typical = float(np.exp(rng.uniform(np.log(8.0), np.log(80.0))))
        gain_db = rng.normal(0.0, LEVEL_SPREAD_DB)
        while frame < mixture.n_frames - 3:
            n_frames = max(int(typical * rng.uniform(0.6, 1.6)), 6)
            midi = rng.uniform(LOWEST_ROOT_MIDI, HIGHEST_ROOT_MIDI)
            midi = float(np.rint(midi)) if rng.random() < 0.7 else midi
            for i in range(int(_drawn({1: 0.15, **VOICES}, rng))):
                midi += _drawn(INTERVALS, rng) if i else 0.0
                if midi > HIGHEST_NOTE_MIDI:
                    break
                late = int(rng.integers(0, 4)) if rng.random() < 0.3 else 0
                note = self._note(midi + rng.normal(0.0, DETUNED_CENTS) / 100.0, n_frames, rng)
                self._place(mixture, note, frame + late, gain_db + rng.normal(0.0, LEVEL_SPREAD_DB), rng)
            frame += n_frames + int(rng.choice((-1, 0, 0, 2, 10)))

    def _note(self, midi: float, n_frames: int, rng: np.random.Generator) -> Line:
        """Play a pitch with one of the notes recorded near it."""
        first, last = np.searchsorted(self._midi, (midi - FURTHEST_SEMITONES, midi + FURTHEST_SEMITONES))
        if first >= last:
            nearest = int(np.abs(self._midi - midi).argmin())
            first, last = nearest, nearest + 1
        note = self._notes[int(rng.integers(first, last))]
        ratio = 2.0 ** ((midi - _midi(note)) / 12.0)
        onset = int(np.flatnonzero(note.state == SURE)[0])
        keeps_attack = rng.random() < 0.7
        start = (
            max(onset - 3, 0) if keeps_attack else onset + int(rng.integers(0, max(note.n_frames // 3, 1)))
        )
        return note.cut(min(start, note.n_frames - 4), n_frames, ratio)

    def _place(
        self, mixture: _Mixture, note: Line, frame: int, gain_db: float, rng: np.random.Generator
    ) -> None:
        if note.n_frames < 3:
            return
        faded = note.audio.copy()
        n_in, n_out = (
            int(0.004 * SAMPLE_RATE),
            min(int(rng.uniform(0.01, 0.06) * SAMPLE_RATE), len(faded) // 2),
        )
        faded[:n_in] *= np.linspace(0.0, 1.0, n_in, dtype=np.float32)
        faded[-n_out:] *= np.linspace(1.0, 0.0, n_out, dtype=np.float32)
        skip = max(-frame, 0)
        if note.n_frames - skip < 3 or frame >= mixture.n_frames:
            return
        kept = Line(
            note.name, note.source, faded[skip * FRAME_SAMPLES :], note.f0_hz[skip:], note.state[skip:],
            note.loudness_db[skip:], note.note_midi,
        )  # fmt: skip
        mixture.add(kept, max(frame, 0), gain_db)

    def _roomed(
        self, audio: Float32[np.ndarray, " sample"], rng: np.random.Generator
    ) -> Float32[np.ndarray, " sample"]:
        """Add a room, more often than not, and noise."""
        if rng.random() < 0.7:
            response = self._rooms[int(rng.integers(len(self._rooms)))]
            wet = fftconvolve(audio, response)[: len(audio)]
            audio = audio + np.float32(rng.uniform(0.0, LOUDEST_ROOM)) * wet.astype(np.float32)
        level = np.sqrt(np.mean(np.square(audio))) + 1e-6
        noise = rng.standard_normal(len(audio), dtype=np.float32)
        if rng.random() < 0.5:  # rumble and bow rather than hiss
            noise = np.convolve(noise, np.full(8, 0.35, np.float32), mode="same")
        return audio + np.float32(level * 10.0 ** (rng.uniform(-70.0, -25.0) / 20.0)) * noise


def _heard(
    audio: Float32[np.ndarray, " sample"], rng: np.random.Generator
) -> Float[np.ndarray, "frame bin 2"]:
    """Spectra of a clip, through a microphone of its own."""
    n_frames = len(audio) // FRAME_SAMPLES
    gain = 10.0 ** (rng.uniform(-25.0, 0.0) / 20.0) / (np.abs(audio).max() + 1e-6)
    long, short = (
        np.float32(gain) * magnitude_frames(audio, n, 0, n_frames, hop_length=FRAME_SAMPLES) for n in N_FFTS
    )
    bends_db = rng.normal(0.0, EQ_DB, EQ_BENDS)
    curve_db = np.interp(np.linspace(0.0, EQ_BENDS - 1.0, N_BINS), np.arange(EQ_BENDS), bends_db)

    def coloured(magnitudes: np.ndarray, n_fft: int) -> np.ndarray:
        frequency_hz = np.arange(magnitudes.shape[1]) * (SAMPLE_RATE / n_fft)
        places = hz_bin(np.maximum(frequency_hz, 1.0))
        return magnitudes * (10.0 ** (np.interp(places, np.arange(N_BINS), curve_db) / 20.0)).astype(
            np.float32
        )

    return log_spectra(coloured(long, N_FFTS[0]), coloured(short, N_FFTS[1]), loudest=LOUDEST_NEARBY)


def _target(mixture: _Mixture) -> UInt8[np.ndarray, "frame pitch"]:
    """What sounds in each frame, and where that is not known."""
    loudest_db = np.full(mixture.n_frames, -120.0)
    for at, line, gain_db in mixture.parts:
        inside = slice(at, min(at + line.n_frames, mixture.n_frames))
        level_db = line.loudness_db[: inside.stop - at] + gain_db
        loudest_db[inside] = np.maximum(loudest_db[inside], level_db)
    grid = np.arange(N_PITCHES)
    target = np.zeros((mixture.n_frames, N_PITCHES), np.float32)
    is_ignored = np.zeros(target.shape, bool)
    for at, line, gain_db in mixture.parts:
        inside = slice(at, min(at + line.n_frames, mixture.n_frames))
        n_frames = inside.stop - at
        distance = np.abs(hz_bin(line.f0_hz[:n_frames])[:, None] - grid)
        below_db = line.loudness_db[:n_frames] + gain_db - loudest_db[inside]
        state = np.where(
            below_db < INAUDIBLE_DB, OFF, np.where(below_db < FAINT_DB, UNSURE, line.state[:n_frames])
        )
        blurred = np.exp(-0.5 * np.square(distance / BLUR_BINS)) * (distance < 2.0)
        # The nearest pitch is asked for wholly, wherever between two bins the note lies.
        blurred /= np.maximum(blurred.max(axis=1, keepdims=True), 1e-3)
        target[inside] = np.maximum(target[inside], blurred * (state == SURE)[:, None])
        is_ignored[inside] |= (distance < UNSURE_BINS) & (state == UNSURE)[:, None]
    stored = np.rint(FULL * target).astype(np.uint8)
    stored[is_ignored & (target < 0.5)] = IGNORED
    return stored


def _drawn(table: dict[int, float], rng: np.random.Generator) -> int:
    weights = np.array(list(table.values()), dtype=np.float64)
    return int(rng.choice(list(table), p=weights / weights.sum()))


def _midi(note: Line) -> float:
    assert note.note_midi is not None
    return note.note_midi
