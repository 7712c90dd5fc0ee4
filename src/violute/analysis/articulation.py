"""When notes sound and when they begin: the gate on harmonics, and where attacks have a dial of their own.

Frames are those of `Controls`, 10 ms apart.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from violute.analysis.conditioning import frames_since
from violute.transforms.runs import runs

Track = Float[np.ndarray, " frame"]

LONGEST_BRIDGED_FRAMES = 8
"""Gaps in the pitch up to 80 ms are played through; longer ones are rests."""

LONGEST_ATTACK_FRAMES, LONGEST_ENDING_FRAMES, NOTE_FRAMES = 10, 20, 10
MURMUR_RANGE_DB = 30.0
"""How much softer than the note the frames at its ends may be and still be played."""

BESIDE_FRAMES = 100
REST_RANGE_DB = 15.0
"""How much softer than what sounds within a second beside it a rest is at least: breath and bow are, a cough
need not be."""

RISE_SHARE = 0.5
"""How much of a rise within a frame comes a frame later than it was measured, before notes."""

ATTACK_HOLD_FRAMES, ATTACK_FADE_FRAMES = 5, 8


def harmonic_gate(is_voiced: Bool[np.ndarray, " frame"], loudness_db: Track) -> Track:
    """1 where notes sound, 0 in rests, with short gaps bridged and soft edges.

    A note begins with the noise of its attack and ends in a murmur, neither of which has a sure pitch:
    both are played, as long as they are not much softer than the note.
    """
    gate = is_voiced.astype(np.float32)
    n_frames = len(gate)
    for start, stop in runs(~is_voiced):
        if stop - start <= LONGEST_BRIDGED_FRAMES:
            gate[start:stop] = 1.0
            continue
        turn = start + int(loudness_db[start:stop].argmin())
        if start > 0:
            ending = slice(start, min(turn, start + LONGEST_ENDING_FRAMES))
            note_db = loudness_db[max(start - NOTE_FRAMES, 0) : start].max()
            gate[ending] = np.minimum.accumulate(loudness_db[ending] > note_db - MURMUR_RANGE_DB)
        if stop < n_frames:
            attack = slice(max(turn, stop - LONGEST_ATTACK_FRAMES), stop)
            note_db = loudness_db[stop : stop + NOTE_FRAMES].max()
            gate[attack] = np.minimum.accumulate(loudness_db[attack][::-1] > note_db - MURMUR_RANGE_DB)[::-1]
    padded = np.pad(gate, 1, mode="edge")
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]


def rest_loudness(loudness_db: Track, gate: Track) -> Track:
    """Return the loudness of a performance, limited in its rests by what sounds beside them.

    Frames spread a rise twice, when it is measured and when it is played, so that a note would swell out of
    the rest before it; half of each rise is held back there.
    """
    rises_db = np.maximum(np.diff(loudness_db, prepend=loudness_db[:1]), 0.0)
    limited = np.where(gate < 1.0, loudness_db - RISE_SHARE * rises_db, loudness_db)
    for start, stop in runs(gate <= 0.0):
        before = slice(max(start - BESIDE_FRAMES, 0), start)
        beside = (loudness_db[before], loudness_db[stop : stop + BESIDE_FRAMES])
        notes = np.concatenate(beside)
        if len(notes):
            limited[start:stop] = np.minimum(limited[start:stop], notes.max() - REST_RANGE_DB)
    return limited


def attack_share(onsets: Int[np.ndarray, " onset"], n_frames: int) -> Float[np.ndarray, " {n_frames}"]:
    """1 just after an onset, fading to 0 within a tenth of a second.

    Args:
        onsets: Frames at which notes begin, from `pick_onsets`.
        n_frames: Of the performance.
    """
    age = frames_since(onsets, n_frames)
    return np.clip(1.0 - (age - ATTACK_HOLD_FRAMES) / ATTACK_FADE_FRAMES, 0.0, 1.0).astype(np.float32)
