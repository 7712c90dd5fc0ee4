"""What a voice makes of the recordings that it learned from, beside those recordings.

Some of what a voice needs cannot be read off recordings alone: noise leaks into what is measured as a
partial and partials into what is measured as noise, in a recording and in a synthesis alike. Here the
voice plays what it learned from, so that both can be measured the same way and only the difference
counts. Only notes before which it was quiet are taken: in a hall, earlier notes would ring between the
partials and be taken for breath or bow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.conditioning import pitch_changes
from violute.analysis.onsets import pick_onsets
from violute.families.ddsp.data import Line
from violute.families.ddsp.levels import level_of
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.rates import HOP_LENGTH
from violute.transforms.runs import runs
from violute.voices.mix import Mix, dials

SHORTEST_FRAMES = 35
LONGEST_FRAMES = 200
ATTACK_FRAMES = 10
"""Frames after its beginning that a note takes to settle."""

QUIET_FRAMES = 25
QUIET_DB = 25.0
"""A note is alone if this long before it everything was so much softer."""

MOST_NOTES = 400
"""About; of each line its first note is kept in any case."""


@dataclass(frozen=True)
class Note:
    """A note that sounds alone, settled, as recorded and as played by its own end.

    Attributes:
        f0_hz: Fundamental of each frame.
        recorded: The sound, `HOP_LENGTH` samples a frame, with `ATTACK_FRAMES` more on either side.
        played: Likewise.
        loudness_db: Of each frame.
        recorded_db: Level of each harmonic in the recording, in dB relative to the loudness.
        predicted_db: Likewise, as the network has it.
        highest_hz: Nothing above it was recorded.
    """

    f0_hz: Float[np.ndarray, " frame"]
    recorded: Float[np.ndarray, " sample"]
    played: Float[np.ndarray, " sample"]
    loudness_db: Float[np.ndarray, " frame"]
    recorded_db: Float[np.ndarray, "frame harmonic"]
    predicted_db: Float[np.ndarray, "frame harmonic"]
    highest_hz: float


def resynthesised(voice: HarmonicVoice, lines: Sequence[Line]) -> list[Note]:
    """Let a voice play what sounds alone in one end's lines; lines without their sound are left out."""
    notes: list[Note] = []
    places = [(line, lone_notes(line)) for line in lines if len(line.audio)]
    n_notes = sum(len(found) for _, found in places)
    stride = max(1, round(n_notes / MOST_NOTES))
    for line, found in places:
        chosen = found[::stride]
        if not chosen:
            continue
        played, predicted_db = play(voice, line)
        for note in chosen:
            sound = slice((note.start - ATTACK_FRAMES) * HOP_LENGTH, (note.stop + ATTACK_FRAMES) * HOP_LENGTH)
            notes.append(
                Note(
                    line.f0_hz[note],
                    line.audio[sound],
                    played[sound],
                    line.loudness_db[note],
                    line.harmonic_db[note],
                    predicted_db[note],
                    float(line.highest_hz[note.start]),
                )
            )
    return notes


def play(
    voice: HarmonicVoice, line: Line
) -> tuple[Float[np.ndarray, " sample"], Float[np.ndarray, "frame harmonic"]]:
    """Play a line by its own end, from the loudness that the network learned it with.

    Returns:
        The sound, and the levels of its harmonics relative to the loudness, in dB.
    """
    performance = HarmonicPerformance(
        voice.session, voice.settings, line.controls, end_loudness_db=[line.relative_loudness_db] * 2
    )
    course = dials(Mix.at(float(line.end), room=0.0), performance.n_frames, performance.frame_rate_hz)
    predicted_db = level_of(performance.live_tracks()[0].harmonic_root[line.end].astype(np.float32))
    return np.concatenate(list(performance.blocks(course))), predicted_db


def lone_notes(line: Line) -> list[slice]:
    """Find settled parts of notes before which it was quiet."""
    breaks = ~line.is_reliable | pitch_changes(np.maximum(line.f0_hz, 1.0))
    onsets = pick_onsets(line.onset_strength)
    found: list[slice] = []
    for start, stop in runs(~breaks):
        if not _is_lone(line, start, breaks):
            continue
        # A note that is struck again has ended.
        later = onsets[(onsets > start + ATTACK_FRAMES) & (onsets < stop)]
        stop = min(stop, int(later[0]) if len(later) else stop, start + LONGEST_FRAMES)
        first, last = start + ATTACK_FRAMES, stop - ATTACK_FRAMES
        if stop - start >= SHORTEST_FRAMES and last > first and first >= ATTACK_FRAMES:
            found.append(slice(first, last))
    return found


def _is_lone(line: Line, start: int, breaks: Bool[np.ndarray, " frame"]) -> bool:
    before = slice(max(start - QUIET_FRAMES, 0), max(start - ATTACK_FRAMES // 2, 0))
    note_db = float(line.loudness_db[start : start + SHORTEST_FRAMES].max())
    return bool(breaks[before].all() and (line.loudness_db[before] < note_db - QUIET_DB).all())
