"""Clips whose pitch is known frame by frame, from recordings of one line: what the follower learns from.

Passages of performances are as the tracker heard them, which could look ahead. Melodies are put together from
recorded single notes: there the moment at which each note begins is known, also where breath or the note
before hides it. Some are made of partials, with an undertone in their attacks, and some are noise alone. All
are transposed, some played in a room, some over noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import soxr
from jaxtyping import Bool, Float32, UInt8
from pitch_sequences import HIGHEST_MIDI, LOWEST_MIDI, note_sound, undertone
from scipy.signal import fftconvolve

from causal_pitch.network import N_SHARED
from violute.analysis.analyser import analyse
from violute.analysis.causal_pitch import LOWEST_HZ, N_CANDIDATES, N_FFT, N_OWN, CausalPitch
from violute.data.recordings import Recording, read_recording
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.room import room_response

CLIP_FRAMES = 100
DRAWN_FRAMES = 118
"""Enough of them for a clip that is played faster."""

BYTES = 63.0
"""What is known of candidates, from -2 to 2, is kept in bytes: so many to one."""

KINDS = {"passage": 0.42, "melody": 0.4, "made": 0.12, "noise": 0.06}
"""What is drawn, and how often."""

FURTHEST_SEMITONES = 2.0
ROOM_SHARE, NOISE_SHARE = 0.35, 0.4
ONE_NOTE_CENTS = 60.0
LONGEST_NOTE_SECONDS = 8.0
NEAR_FRAMES = 15
"""Frames before and after a voiced one whose carried pitch counts too, by half."""


@dataclass(frozen=True)
class Line:
    """A recording and the pitch of its frames; of a single note also the log2 of that pitch, else NaN."""

    audio: Float32[np.ndarray, " sample"]
    f0_hz: Float32[np.ndarray, " frame"]
    is_voiced: Bool[np.ndarray, " frame"]
    note_octaves: float = np.nan

    @property
    def is_note(self) -> bool:
        """Whether it is a single note."""
        return not np.isnan(self.note_octaves)


@dataclass(frozen=True)
class Clip:
    """What the follower hears and what it should say.

    Attributes:
        own: What is known of each candidate, in bytes.
        shared: What is known of the frame.
        f0_hz: Pitch of each frame.
        weight: Of the frame in the loss of the pitch; 0 where it has none.
        is_voiced: Frames that the tracker found voiced.
    """

    own: UInt8[np.ndarray, "frame own candidate"]
    shared: Float32[np.ndarray, "frame shared"]
    f0_hz: Float32[np.ndarray, " frame"]
    weight: Float32[np.ndarray, " frame"]
    is_voiced: Bool[np.ndarray, " frame"]


_Sound = tuple[Float32[np.ndarray, " sample"], Float32[np.ndarray, " frame"], Bool[np.ndarray, " frame"]]
"""Sound, the pitch of its frames, and which of them are voiced."""


def line_of(recording: Recording) -> Line | None:
    """Measure a recording; None where it has hardly any pitch."""
    audio = read_recording(recording, SAMPLE_RATE, peak=0.5)
    controls = analyse(audio)
    f0_hz, is_voiced = controls.f0_hz[0], controls.periodicity[0] > 0.0
    if is_voiced.sum() < 12:
        return None
    octaves = np.log2(f0_hz[is_voiced])
    middle = float(np.median(octaves))
    is_note = (
        len(audio) < LONGEST_NOTE_SECONDS * SAMPLE_RATE
        and np.percentile(np.abs(octaves - middle), 90) < ONE_NOTE_CENTS / 1200.0
    )
    return Line(audio.astype(np.float32), f0_hz, is_voiced, middle if is_note else np.nan)


class ClipMaker:
    """Draws clips.

    Args:
        lines: Recordings of one instrument each, so that a melody is of one.
    """

    def __init__(self, instruments: Sequence[Sequence[Line]]) -> None:
        self._passages = [[line for line in lines if not line.is_note] for lines in instruments]
        self._notes = [[line for line in lines if line.is_note] for lines in instruments]
        self._rooms = [room_response(size, seed=i) for i, size in enumerate(np.linspace(0.1, 0.9, 12))]

    def draw(self, rng: np.random.Generator) -> Clip:
        """Draw a clip."""
        which = int(rng.integers(len(self._notes)))
        makers: dict[str, Callable[[np.random.Generator], _Sound]] = {"made": _made, "noise": _noise}
        if self._notes[which]:
            makers["melody"] = partial(self._melody, self._notes[which])
        if self._passages[which]:
            makers["passage"] = partial(self._passage, self._passages[which])
        shares = np.array([KINDS[kind] for kind in makers])
        kind = rng.choice(list(makers), p=shares / shares.sum())
        audio, f0_hz, is_voiced = makers[kind](rng)
        ratio = 2.0 ** (rng.uniform(-FURTHEST_SEMITONES, FURTHEST_SEMITONES) / 12.0)
        if (f0_hz * ratio)[is_voiced].min(initial=1e9) < LOWEST_HZ * 1.01:
            ratio = 1.0
        audio = soxr.resample(audio, SAMPLE_RATE * ratio, SAMPLE_RATE, quality="LQ")
        frames = np.minimum(np.rint(np.arange(CLIP_FRAMES) * ratio).astype(int), len(f0_hz) - 1)
        f0_hz, is_voiced = f0_hz[frames] * ratio, is_voiced[frames]
        if rng.random() < ROOM_SHARE:
            room = self._rooms[int(rng.integers(len(self._rooms)))]
            wet = fftconvolve(audio, room)[: len(audio)] * rng.uniform(0.1, 0.8)
            audio = (audio + wet).astype(np.float32)
        if rng.random() < NOISE_SHARE:
            noise = rng.standard_normal(len(audio)).astype(np.float32)
            if rng.random() < 0.5:  # rumble and breath rather than hiss
                noise = np.convolve(noise, np.full(8, 0.35, np.float32), mode="same")
            audio = audio + noise * np.float32(
                np.abs(audio).max() * 10.0 ** (rng.uniform(-75.0, -35.0) / 20.0)
            )
        audio = audio * np.float32(10.0 ** (rng.uniform(-30.0, 0.0) / 20.0) / max(np.abs(audio).max(), 1e-6))
        near = np.convolve(is_voiced, np.ones(2 * NEAR_FRAMES + 1), mode="same") > 0.5
        weight = np.where(is_voiced, 1.0, 0.5 * near) * (f0_hz > 0.0)
        return Clip(*_described(audio, rng), f0_hz.astype(np.float32), weight.astype(np.float32), is_voiced)

    def _passage(self, lines: Sequence[Line], rng: np.random.Generator) -> _Sound:
        n_frames = DRAWN_FRAMES
        lengths = np.array([len(line.f0_hz) for line in lines], float)
        line = lines[int(rng.choice(len(lines), p=lengths / lengths.sum()))]
        first = int(rng.integers(0, max(len(line.f0_hz) - n_frames, 1)))
        audio = line.audio[first * HOP_LENGTH : (first + n_frames) * HOP_LENGTH]
        kept = slice(first, first + n_frames)
        return audio, line.f0_hz[kept], line.is_voiced[kept]

    def _melody(self, notes: Sequence[Line], rng: np.random.Generator) -> _Sound:
        """Join single notes: detached ones end before the next, slurred ones give way to it."""
        n_frames = DRAWN_FRAMES
        places = np.array([note.note_octaves for note in notes])
        audio = np.zeros((n_frames + 4) * HOP_LENGTH, np.float32)
        f0_hz, is_voiced = np.zeros(n_frames), np.zeros(n_frames, bool)
        now, frame = rng.choice(places), -int(rng.integers(0, 30))
        typical, detached = np.exp(rng.uniform(np.log(7.0), np.log(60.0))), rng.random() < 0.5
        while frame < n_frames - 3:
            near = np.flatnonzero(np.abs(places - now) < 0.6 / 12.0)
            note = notes[int(rng.choice(near if len(near) else len(notes)))]
            voiced = np.flatnonzero(note.is_voiced)
            # A slurred note enters in its middle, a tongued or bowed one with its attack.
            slurred = not detached and rng.random() < 0.5
            first = (
                int(rng.integers(voiced[0], max(voiced[-1] - 20, voiced[0] + 1))) if slurred else _onset(note)
            )
            length = min(max(int(typical * rng.uniform(0.6, 1.6)), 4), voiced[-1] + 5 - first)
            start = max(frame, 0)
            skipped = start - frame
            sounding = min(length - skipped, n_frames - start)
            if sounding > 2:
                self._add(audio, note, first + skipped, start, sounding, rng, slurred=slurred)
                own = slice(first + skipped, first + skipped + sounding)
                pitch = note.f0_hz[own]
                is_own = np.abs(np.log2(np.maximum(pitch, 1.0)) - note.note_octaves) < ONE_NOTE_CENTS / 1200.0
                f0_hz[start : start + len(pitch)] = np.where(is_own, pitch, 2.0**note.note_octaves)
                is_voiced[start : start + len(pitch)] = note.is_voiced[own]
            frame += max(length, 3) + (int(rng.integers(0, 12)) if detached else 0)
            step = rng.choice([1, 2, 2, 3, 4, 5, 7, 12, 12, 19]) * rng.choice([-1, 1])
            now = (
                now + step / 12.0 if places.min() <= now + step / 12.0 <= places.max() else rng.choice(places)
            )
        return audio, _carried(f0_hz), is_voiced

    def _add(
        self,
        audio: np.ndarray,
        note: Line,
        first: int,
        start: int,
        n_frames: int,
        rng: np.random.Generator,
        *,
        slurred: bool,
    ) -> None:
        release = int(rng.uniform(0.005, 0.04) * SAMPLE_RATE)
        piece = note.audio[first * HOP_LENGTH : (first + n_frames) * HOP_LENGTH + release].copy()
        piece *= np.float32(10.0 ** (rng.normal(0.0, 3.0) / 20.0) * 0.3 / max(np.abs(note.audio).max(), 1e-6))
        rise = int(rng.uniform(0.002, 0.015) * SAMPLE_RATE) if slurred else 64
        piece[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)[: len(piece)]
        fall = min(release, len(piece))
        piece[len(piece) - fall :] *= np.linspace(1.0, 0.0, fall, dtype=np.float32)
        at = start * HOP_LENGTH
        stop = min(at + len(piece), len(audio))
        audio[at:stop] += piece[: stop - at]


def _made(rng: np.random.Generator) -> _Sound:
    """Join notes that are made of partials; half of the flute's sound their undertone too."""
    instrument = ("flute", "violin")[int(rng.integers(2))]
    audio = np.zeros((DRAWN_FRAMES + 60) * HOP_LENGTH)
    f0_hz, is_voiced = np.zeros(DRAWN_FRAMES), np.zeros(DRAWN_FRAMES, bool)
    midi, frame = int(rng.integers(LOWEST_MIDI[instrument], HIGHEST_MIDI)), int(rng.integers(0, 20))
    typical, detached = np.exp(rng.uniform(np.log(5.0), np.log(40.0))), rng.random() < 0.5
    while frame < DRAWN_FRAMES - 3:
        length = int(np.clip(typical * rng.uniform(0.6, 1.6), 4, 55))
        seconds, attack = length * HOP_LENGTH / SAMPLE_RATE, rng.uniform(0.005, 0.04) if detached else 0.006
        sound = note_sound(instrument, midi, seconds, rng, attack=attack, release=0.01)
        if instrument == "flute" and midi > LOWEST_MIDI["violin"] + 6 and rng.random() < 0.5:
            sound = sound + undertone(midi, seconds, rng)
        start = frame * HOP_LENGTH
        audio[start : start + len(sound)] += sound * 10.0 ** (rng.uniform(-4.0, 0.0) / 20.0)
        f0_hz[frame : frame + length] = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
        is_voiced[frame : frame + length] = True
        frame += length + (int(rng.integers(0, 10)) if detached else 0)
        step = int(rng.choice([1, 2, 3, 4, 5, 7, 12, 19]) * rng.choice([-1, 1]))
        midi += step if LOWEST_MIDI[instrument] <= midi + step <= HIGHEST_MIDI else 0
    return audio[: DRAWN_FRAMES * HOP_LENGTH].astype(np.float32), _carried(f0_hz), is_voiced


def _noise(rng: np.random.Generator) -> _Sound:
    """Draw noise that has no pitch, of some colour, that swells or stands."""
    n = DRAWN_FRAMES * HOP_LENGTH
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE)
    bends_db = np.cumsum(rng.normal(0.0, 6.0, 8)) - rng.uniform(0.0, 6.0) * np.arange(8)
    gain_db = np.interp(np.log2(np.maximum(hz, 60.0)), np.linspace(6.0, 14.4, 8), bends_db)
    audio = np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), n)
    if rng.random() < 0.5:
        swell_db = np.interp(np.arange(n), np.linspace(0, n, 12), rng.uniform(-40.0, 0.0, 12))
        audio = audio * 10.0 ** (swell_db / 20.0)
    silent = np.zeros(DRAWN_FRAMES, bool)
    return (audio / np.abs(audio).max()).astype(np.float32), np.full(DRAWN_FRAMES, 440.0), silent


def _onset(note: Line) -> int:
    """Frame at which a note begins to sound: the first within 30 dB of its loudest, or voiced."""
    n_frames = len(note.audio) // HOP_LENGTH
    power = np.square(note.audio[: n_frames * HOP_LENGTH]).reshape(-1, HOP_LENGTH).mean(axis=1)
    return min(int(np.flatnonzero(power > 1e-3 * power.max())[0]), int(np.flatnonzero(note.is_voiced)[0]))


def _carried(f0_hz: np.ndarray) -> np.ndarray:
    """Fill gaps between notes with the pitch before them."""
    known = np.maximum.accumulate(np.where(f0_hz > 0.0, np.arange(len(f0_hz)), 0))
    return f0_hz[known]


def _described(
    audio: np.ndarray, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "frame own candidate"], Float32[np.ndarray, "frame shared"]]:
    """Describe every frame as the follower does, each `HOP_LENGTH` after its centre as in a stream."""
    padded = np.zeros(N_FFT + (CLIP_FRAMES + 1) * HOP_LENGTH, np.float32)
    body = audio[: len(padded) - (N_FFT - HOP_LENGTH)]
    padded[N_FFT - HOP_LENGTH : N_FFT - HOP_LENGTH + len(body)] = body
    follower = CausalPitch({})
    # Streams are in their middle as often as at their beginning: louder sound may have come before.
    follower.loudest_db = float(20.0 * np.log10(np.abs(audio).max() + 1e-6) + rng.uniform(-40.0, 0.0))
    own = np.empty((CLIP_FRAMES, N_OWN, N_CANDIDATES), np.uint8)
    shared = np.empty((CLIP_FRAMES, N_SHARED), np.float32)
    for i in range(CLIP_FRAMES):
        known, shared[i] = follower.described(padded[i * HOP_LENGTH : i * HOP_LENGTH + N_FFT])
        own[i] = np.rint((np.clip(known, -2.0, 2.0) + 2.0) * BYTES)
    return own, shared
