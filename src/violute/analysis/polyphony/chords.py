"""`Controls` of several lines: what was tracked where one note sounds, the notes of chords where several do.

Whether there are chords is decided passage by passage: notes that overlap belong to one passage, and enough
of it must overlap, near enough, to be more than a hall that rings on. Outside of such passages the first
line is as the tracker followed it, to the last bit. Inside, each note is led in a line; the loudness of the
frame, measured as ever, is divided among the notes by the power of their partials. What was tracked comes
along, so that a family can play the passages of one line as if there were no chords elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.controls import SILENCE_DB, Controls
from violute.analysis.polyphony.line_leading import lead_lines
from violute.analysis.polyphony.log_spectrum import CONTROLS_FRAMES
from violute.analysis.polyphony.multipitch import Candidates
from violute.analysis.polyphony.note_tracks import TrackedNote, follow_notes, without_faint, without_ringing
from violute.errors import InputError
from violute.transforms.runs import count_near, long_runs

IsThere = Bool[np.ndarray, " frame"]
"""Whether something holds, frame by frame."""

MOST_LINES = 4
Lines = Literal["auto"] | int
"""How many notes may sound at once: a number up to `MOST_LINES`, or found out passage by passage."""

SHORTEST_OVERLAP_FRAMES = 4
"""Notes overlap for 80 ms, or one follows the other."""

CHORDAL_PROBABILITY = 0.55
CHORDAL_BALANCE = 0.25
"""Share of the loudest note's power that another has if both are played: 6 dB below it."""

CHORDAL_RUN_FRAMES = 6
CHORDAL_WINDOW_FRAMES = 200
CHORDAL_FRAMES = 36
"""Notes that are likely and balanced overlap in so many frames of four seconds (0.7 s) where `auto` hears
chords. One line in a hall reaches two thirds of it at most, a piece of double stops has it half the time."""

CHORDAL_REACH_FRAMES = 500
"""Within ten seconds of there, a single overlap is taken for a chord as well."""

TRILL_REACH_FRAMES = 25
TRILL_LEAPS = 6
CLEAR_PERIODICITY = 0.85
"""The network hears both notes of a quick trill at once, for they lie in one spectrum. Where the line leaps
so often within half a second on either side, and stands this clear in half of what `auto` would take for
chords, one line sounds: it does in 71 % of the frames of trills, in 11 % of those of chords at most."""

JOINED_FRAMES = 10
"""Passages closer than 200 ms are one."""

HELD_FRAMES = 40
"""A chord rings for up to 0.8 s after its notes were last found, if nothing else begins."""

ATTACK_FRAMES = 4
LIKE_OCTAVES = 0.7 / 12.0
SMOOTHING = np.array([0.25, 0.5, 0.25])
LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class _Passage:
    start: int
    stop: int
    notes: list[TrackedNote]


@dataclass(frozen=True, kw_only=True)
class ChordControls(Controls):
    """Controls of a piece with chords.

    Attributes:
        one_line: The whole piece as one line, as the tracker followed it.
        in_chords: Whether the frame belongs to a passage of chords; elsewhere the first line is `one_line`.
    """

    one_line: Controls
    in_chords: IsThere


def checked_lines(lines: object) -> Lines:
    """Return `lines` if it is `auto` or a number from 1 to `MOST_LINES`, be it as text.

    Raises:
        InputError: It is neither.
    """
    if isinstance(lines, str) and lines.isdecimal():
        lines = int(lines)
    if lines == "auto" or (
        isinstance(lines, int) and not isinstance(lines, bool) and 1 <= lines <= MOST_LINES
    ):
        return lines
    raise InputError(f"the number of notes at once is {lines!r}: give auto, or 1 to {MOST_LINES}")


def chord_controls(tracked: Controls, candidates: Candidates, lines: Lines) -> Controls:
    """Lead the notes of chords in lines, over the one line that was tracked.

    Candidates have one frame for every two of `tracked`. There are as many lines as some passage needs; where
    none does, it is `tracked` itself.
    """
    n_most = MOST_LINES if lines == "auto" else int(lines)
    if n_most == 1:
        return tracked
    notes = without_ringing(without_faint(follow_notes(candidates)))
    passages = _passages(notes, len(candidates.f0_hz), tracked if lines == "auto" else None)
    if not passages:
        return tracked
    tracks = _Tracks(tracked, n_most)
    for i, passage in enumerate(passages):
        earliest = passages[i - 1].stop if i else 0
        latest = passages[i + 1].start if i + 1 < len(passages) else len(candidates.f0_hz)
        tracks.play(_with_edges(passage, tracked, earliest, latest))
    return tracks.controls()


def _overlaps(notes: Sequence[TrackedNote], n_frames: int) -> IsThere:
    """Tell the frames in which several notes sound."""
    change = np.zeros(n_frames + 1, np.int64)
    for note in notes:
        change[note.start] += 1
        change[note.stop] -= 1
    return long_runs(np.cumsum(change[:-1]) >= 2, SHORTEST_OVERLAP_FRAMES)


def _sure_overlaps(notes: Sequence[TrackedNote], n_frames: int) -> IsThere:
    """Tell the frames in which several notes sound that are likely, and about as loud as each other."""
    likely = [note for note in notes if float(note.probability.mean()) >= CHORDAL_PROBABILITY]
    likely = _without_overtones(likely)
    loudest = np.zeros(n_frames)
    for note in likely:
        inside = slice(note.start, note.stop)
        loudest[inside] = np.maximum(loudest[inside], note.power)
    count = np.zeros(n_frames, np.int64)
    for note in likely:
        inside = slice(note.start, note.stop)
        count[inside] += note.power > CHORDAL_BALANCE * loudest[inside]
    return long_runs(count >= 2, CHORDAL_RUN_FRAMES)


def _without_overtones(notes: Sequence[TrackedNote]) -> list[TrackedNote]:
    """Leave out notes that lie on a partial of another half of their time, as a strong partial would."""
    hertz = [float(np.median(note.f0_hz)) for note in notes]
    overtones: set[int] = set()
    sounding: list[int] = []
    for i, note in enumerate(notes):
        sounding = [j for j in sounding if notes[j].stop > note.start]
        for j in sounding:
            low, high = (i, j) if hertz[i] < hertz[j] else (j, i)
            shared = min(notes[i].stop, notes[j].stop) - note.start
            ratio = hertz[high] / hertz[low]
            is_partial = round(ratio) >= 2 and abs(np.log2(ratio / round(ratio))) < LIKE_OCTAVES
            if is_partial and 2 * shared > len(notes[high].f0_hz):
                overtones.add(high)
        sounding.append(i)
    return [note for i, note in enumerate(notes) if i not in overtones]


def _trilled(tracked: Controls, is_sure: IsThere) -> IsThere:
    """Tell the frames in which one line trills, of those that seem to hold chords."""
    octaves = np.log2(np.maximum(tracked.f0_hz[0], 1.0))
    leaps = np.abs(np.diff(octaves, prepend=octaves[:1])) > LIKE_OCTAVES
    places = np.minimum(np.arange(len(is_sure)) * CONTROLS_FRAMES, tracked.n_frames - 1)
    n_leaps = count_near(leaps, TRILL_REACH_FRAMES * CONTROLS_FRAMES)[places]
    is_clear = is_sure & (tracked.periodicity[0, places] > CLEAR_PERIODICITY)
    n_clear, n_sure = (count_near(those, TRILL_REACH_FRAMES) for those in (is_clear, is_sure))
    return np.asarray((n_leaps >= TRILL_LEAPS) & (2 * n_clear > n_sure))


def _passages(notes: Sequence[TrackedNote], n_frames: int, tracked: Controls | None) -> list[_Passage]:
    """Join notes that overlap into passages; keep those that hold chords, for sure if `tracked` is given."""
    is_several = _overlaps(notes, n_frames)
    spans: list[list[int]] = []
    for note in notes:
        if not is_several[note.start : note.stop].any():
            continue
        if spans and note.start <= spans[-1][1] + JOINED_FRAMES:
            spans[-1][1] = max(spans[-1][1], note.stop)
        else:
            spans.append([note.start, note.stop])
    if tracked is not None:
        is_sure = _sure_overlaps(notes, n_frames)
        is_sure &= ~_trilled(tracked, is_sure)
        n_near = count_near(is_sure, CHORDAL_WINDOW_FRAMES // 2)
        near_chords = count_near(n_near >= CHORDAL_FRAMES, CHORDAL_REACH_FRAMES) > 0
        is_chordal = is_sure & near_chords
        spans = [span for span in spans if is_chordal[slice(*span)].any()]
    starts = [note.start for note in notes]
    passages = []
    for start, stop in spans:
        begun = notes[bisect_left(starts, start) : bisect_left(starts, stop)]
        passages.append(_Passage(start, stop, [note for note in begun if note.stop <= stop]))
    return passages


def _with_edges(passage: _Passage, tracked: Controls, earliest: int, latest: int) -> _Passage:
    """Let the first notes begin with their attack and the last ones ring on, while the line does no more."""
    first = [note for note in passage.notes if note.start - passage.start <= ATTACK_FRAMES]
    last = [note for note in passage.notes if passage.stop - note.stop <= ATTACK_FRAMES]
    before = _frames_alike(
        tracked, first, range(passage.start - 1, max(earliest, passage.start - ATTACK_FRAMES) - 1, -1)
    )
    after = _frames_alike(tracked, last, range(passage.stop, min(latest, passage.stop + HELD_FRAMES)))
    notes = [
        note.widened(
            before + note.start - passage.start if note in first else 0,
            after + passage.stop - note.stop if note in last else 0,
        )
        for note in passage.notes
    ]
    return _Passage(passage.start - before, passage.stop + after, sorted(notes, key=lambda note: note.start))


def _frames_alike(tracked: Controls, notes: Sequence[TrackedNote], frames: range) -> int:
    """Count frames on end in which the line is one of the notes, or has no pitch."""
    pitches = np.log2([note.f0_hz[0 if frames.step < 0 else -1] for note in notes])
    for count, frame in enumerate(frames):
        place = min(frame * CONTROLS_FRAMES, tracked.n_frames - 1)
        if tracked.periodicity[0, place] == 0.0:
            continue
        octaves = np.log2(max(float(tracked.f0_hz[0, place]), 1.0))
        if np.abs(pitches - octaves).min() > LIKE_OCTAVES:
            return count
    return len(frames)


class _Tracks:
    """Tracks of all lines: the first as it was tracked, the others silent until notes are played."""

    def __init__(self, tracked: Controls, n_lines: int) -> None:
        self._tracked = tracked
        self._f0_hz = np.repeat(tracked.f0_hz, n_lines, axis=0)
        self._periodicity = np.zeros((n_lines, tracked.n_frames), np.float32)
        self._periodicity[0] = tracked.periodicity[0]
        self._share = np.zeros((n_lines, tracked.n_frames), np.float32)
        self._share[0] = 1.0
        self._has_pitch = np.zeros(self._share.shape, bool)
        self._has_pitch[0] = True
        self._in_chords = np.zeros(tracked.n_frames, bool)

    def play(self, passage: _Passage) -> None:
        """Put the notes of a passage over what was tracked."""
        n_lines, n_frames = self._share.shape
        start = passage.start * CONTROLS_FRAMES
        stop = min(passage.stop * CONTROLS_FRAMES, n_frames)
        self._in_chords[start:stop] = True
        self._periodicity[:, start:stop] = 0.0
        self._has_pitch[:, start:stop] = False
        coming_hz = float(self._f0_hz[0, start - 1]) if start else 0.0
        power = np.zeros((n_lines, passage.stop - passage.start))
        for line, notes in enumerate(lead_lines(passage.notes, n_lines, first_hz=coming_hz)):
            for note in notes:
                inside = slice(note.start - passage.start, note.stop - passage.start)
                power[line, inside] = np.maximum(note.power, 1e-12)
                self._play_note(line, note)
        self._share[:, start:stop] = np.repeat(_shares(power), CONTROLS_FRAMES, axis=1)[:, : stop - start]

    def controls(self) -> ChordControls:
        """Return the lines that ever sound."""
        n_lines = 1 + int(np.flatnonzero(self._share.any(axis=1))[-1])
        loudness_db = np.float32(10.0) * np.log10(np.maximum(self._share[:n_lines], np.float32(1e-12)))
        loudness_db += self._tracked.loudness_db
        loudness_db[self._share[:n_lines] == 0.0] = SILENCE_DB
        return ChordControls(
            f0_hz=np.stack([self._carried_hz(line) for line in range(n_lines)]),
            periodicity=self._periodicity[:n_lines],
            loudness_db=np.maximum(loudness_db, SILENCE_DB).astype(np.float32),
            onset_strength=self._tracked.onset_strength,
            frame_rate_hz=self._tracked.frame_rate_hz,
            below_share=self._tracked.below_share,
            one_line=self._tracked,
            in_chords=self._in_chords,
        )

    def _play_note(self, line: int, note: TrackedNote) -> None:
        n_frames = self._share.shape[1]
        frames = np.arange(note.start * CONTROLS_FRAMES, min(note.stop * CONTROLS_FRAMES, n_frames))
        places = note.start * CONTROLS_FRAMES + np.arange(len(note.f0_hz)) * CONTROLS_FRAMES
        octaves = np.interp(frames, places, np.log2(note.f0_hz))
        self._f0_hz[line, frames] = 2.0**octaves
        self._periodicity[line, frames] = max(float(note.probability.max()), 0.5)
        self._has_pitch[line, frames] = True

    def _carried_hz(self, line: int) -> Float[np.ndarray, " frame"]:
        """Pitch of a line, in its rests that of the nearer note."""
        known = np.flatnonzero(self._has_pitch[line])
        if len(known) in (0, self._tracked.n_frames):
            return self._f0_hz[line]
        frames = np.arange(self._tracked.n_frames)
        following = np.searchsorted(known, frames)
        after = known[np.minimum(following, len(known) - 1)]
        before = known[np.maximum(following - 1, 0)]
        return self._f0_hz[line, np.where(np.abs(after - frames) < np.abs(frames - before), after, before)]


def _shares(power: Float[np.ndarray, "line frame"]) -> Float[np.ndarray, "line frame"]:
    """Divide each frame by power; through gaps, as in the last frame that sounded."""
    total = power.sum(axis=0)
    sounding = np.flatnonzero(total > 0.0)
    nearest = sounding[np.maximum(np.searchsorted(sounding, np.arange(len(total)), side="right") - 1, 0)]
    share = power[:, nearest] / total[nearest]
    is_sounding = share > 0.0
    padded = np.pad(share, ((0, 0), (1, 1)), mode="edge")
    smooth = sum(weight * padded[:, i : i + share.shape[1]] for i, weight in enumerate(SMOOTHING))
    smooth = np.where(is_sounding, np.maximum(smooth, LEAST_SHARE), 0.0)
    return np.asarray(smooth / smooth.sum(axis=0))
