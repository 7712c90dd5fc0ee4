"""From candidates frame by frame to notes that begin, last and end.

A note begins where a candidate is sure, goes on as long as there is a less sure one near its last pitch, and
survives gaps of a few frames. What stays shorter than a note or never gets sure is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from violute.analysis.polyphony.multipitch import Candidates

BEGIN_PROBABILITY = 0.5
KEEP_PROBABILITY = 0.3
SURE_PROBABILITY = 0.75
"""A note is this likely in its surest frame."""

REACH_OCTAVES = 0.7 / 12.0
"""How far the pitch of a note moves in a frame of 20 ms."""

RINGING_DB = -8.0
"""A note that falls this far as the next begins was let go: what is left of it is the room's."""

BEFORE_FRAMES = 10
FAINT_POWER = 0.004
"""Share of the loudest note's power below which another, 24 dB softer, is none: partials, or the room."""

GROWING_FRAMES = 4
"""The window of the spectrum takes 80 ms to see a note whole that has begun."""

GAP_FRAMES = 3
SHORTEST_FRAMES = 4


@dataclass(frozen=True, eq=False)
class TrackedNote:
    """One note among others; frames are those of `Candidates`.

    Attributes:
        start: First frame.
        f0_hz: In each of its frames.
        power: A-weighted power of its partials in each.
        probability: In each, 0 in gaps.
    """

    start: int
    f0_hz: Float[np.ndarray, " frame"]
    power: Float[np.ndarray, " frame"]
    probability: Float[np.ndarray, " frame"]

    @property
    def stop(self) -> int:
        """The frame after the last."""
        return self.start + len(self.f0_hz)

    def widened(self, before: int, after: int) -> TrackedNote:
        """Hold its first and last frames for longer."""
        f0_hz, power, probability = (
            np.pad(track, (before, after), mode="edge")
            for track in (self.f0_hz, self.power, self.probability)
        )
        return TrackedNote(self.start - before, f0_hz, power, probability)

    def up_to(self, stop: int) -> TrackedNote:
        """End before frame `stop`."""
        n_kept = stop - self.start
        return TrackedNote(self.start, self.f0_hz[:n_kept], self.power[:n_kept], self.probability[:n_kept])


@dataclass
class _Open:
    frames: list[int]
    octaves: list[float]
    powers: list[float]
    probabilities: list[float]


def follow_notes(candidates: Candidates) -> list[TrackedNote]:
    """Join candidates to notes, by their beginnings."""
    open_notes: list[_Open] = []
    notes: list[TrackedNote] = []
    octaves = np.log2(np.maximum(candidates.f0_hz, 1.0))
    for frame in range(len(octaves)):
        here = [
            (float(octaves[frame, i]), float(candidates.power[frame, i]), float(p))
            for i, p in enumerate(candidates.probability[frame])
            if p >= KEEP_PROBABILITY
        ]
        if not here and not open_notes:
            continue
        pairs = sorted(
            (abs(note.octaves[-1] - place), n, i)
            for n, note in enumerate(open_notes)
            for i, (place, _, _) in enumerate(here)
            if abs(note.octaves[-1] - place) < REACH_OCTAVES
        )
        taken_notes: set[int] = set()
        taken_here: set[int] = set()
        for _, n, i in pairs:
            if n not in taken_notes and i not in taken_here:
                taken_notes.add(n)
                taken_here.add(i)
                _append(open_notes[n], frame, here[i])
        for i, candidate in enumerate(here):
            if i not in taken_here and candidate[2] >= BEGIN_PROBABILITY:
                open_notes.append(_Open([], [], [], []))
                _append(open_notes[-1], frame, candidate)
        ended = [note for note in open_notes if frame - note.frames[-1] > GAP_FRAMES]
        notes += [_closed(note) for note in ended if _is_note(note)]
        open_notes = [note for note in open_notes if frame - note.frames[-1] <= GAP_FRAMES]
    notes += [_closed(note) for note in open_notes if _is_note(note)]
    return sorted(notes, key=lambda note: (note.start, note.f0_hz[0]))


def without_ringing(notes: Sequence[TrackedNote]) -> list[TrackedNote]:
    """End notes where the next one begins, if all that is left of them then is what the room keeps.

    Notes, sorted by their beginnings, overlap in a hall even in one line; but a string that is bowed on
    stays as loud.
    """
    kept: list[TrackedNote] = []
    for i, note in enumerate(notes):
        for later in notes[i + 1 :]:
            if later.start >= note.stop:
                break
            age = later.start - note.start
            if age < SHORTEST_FRAMES:
                continue
            before = float(np.median(note.power[max(age - BEFORE_FRAMES, 0) : age - 1]))
            overlap = note.power[age : later.stop - note.start]
            after = float(np.mean(overlap[len(overlap) // 2 :]))
            if 10.0 * np.log10(max(after, 1e-12) / max(before, 1e-12)) < RINGING_DB:
                note = note.up_to(later.start + 1)
                break
        kept.append(note)
    return kept


def without_faint(notes: Sequence[TrackedNote]) -> list[TrackedNote]:
    """Drop notes that lie far below others for most of their time."""
    stop = max((note.stop for note in notes), default=0)
    loudest = np.zeros(stop)
    for note in notes:
        inside = slice(note.start, note.stop)
        loudest[inside] = np.maximum(loudest[inside], note.power)
    return [
        note
        for note in notes
        if float(np.median(note.power / np.maximum(loudest[note.start : note.stop], 1e-20))) > FAINT_POWER
    ]


def _append(note: _Open, frame: int, candidate: tuple[float, float, float]) -> None:
    note.frames.append(frame)
    for track, value in zip((note.octaves, note.powers, note.probabilities), candidate, strict=True):
        track.append(value)


def _is_note(note: _Open) -> bool:
    length = note.frames[-1] + 1 - note.frames[0]
    return length >= SHORTEST_FRAMES and max(note.probabilities) >= SURE_PROBABILITY


def _closed(note: _Open) -> TrackedNote:
    """Bridge the gaps in straight lines, and let no note grow with the window that comes upon it."""
    frames = np.arange(note.frames[0], note.frames[-1] + 1)
    probability = np.zeros(len(frames))
    probability[np.asarray(note.frames) - frames[0]] = note.probabilities
    power = np.interp(frames, note.frames, note.powers)
    beginning = power[:GROWING_FRAMES]
    beginning[:] = np.maximum.accumulate(beginning[::-1])[::-1]
    return TrackedNote(
        note.frames[0], 2.0 ** np.interp(frames, note.frames, note.octaves), power, probability
    )
