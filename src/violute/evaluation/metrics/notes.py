"""How well the notes of a performance survive: notes heard in a sound against notes of another, or a score.

A note is (onset, offset, pitch); notes may overlap, so a chord is several with one onset. One line
is cut (`violute.analysis.notes`) out of the pitch track of a judge that conditions no voice; chords are
read from the harmonic series that explain the spectrum, which is rougher: octaves and unisons are one note.

Source:
    Raffel et al., mir_eval (ISMIR 2014): transcription metrics. Bay, Ehmann and Downie, Evaluation
    of multiple-F0 estimation and tracking systems (ISMIR 2009): what a correct note is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import mir_eval
import numpy as np
from jaxtyping import Float

from violute.analysis.conditioning import hz_to_midi
from violute.analysis.notes import Note
from violute.errors import InputError
from violute.evaluation.metrics import fusion
from violute.evaluation.metrics.loudness import sounding_frames_of
from violute.evaluation.metrics.onsets import WINDOW_SECONDS, attack_times
from violute.evaluation.metrics.pitch import TOLERANCE_CENTS
from violute.transforms.runs import joined_runs

_CHORD_GAP_SECONDS = 0.06
_CHORD_SHORTEST_SECONDS = 0.08


def chord_notes(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> list[Note]:
    """Hear notes that sound together, to the semitone: up to `fusion.MAX_SERIES` at once.

    Returns:
        Notes by onset, then pitch.
    """
    sounding = sounding_frames_of(audio, sample_rate, fusion.FRAME_RATE_HZ)
    series_hz = fusion.harmonic_series(*fusion.spectral_peaks(audio, sample_rate))
    n_frames = min(len(series_hz), len(sounding))
    series_hz = np.where(sounding[:n_frames, None], series_hz[:n_frames], 0.0)
    midi = hz_to_midi(np.where(series_hz > 0.0, series_hz, 440.0))
    # The players' own tuning first, or notes between two keys would flicker from one to the other.
    offsets = np.exp(2j * np.pi * midi[series_hz > 0.0])
    tuning = float(np.angle(offsets.mean()) / (2.0 * np.pi)) if offsets.size else 0.0
    keys = np.round(midi - tuning).astype(int)
    gap = round(_CHORD_GAP_SECONDS * fusion.FRAME_RATE_HZ)
    shortest = round(_CHORD_SHORTEST_SECONDS * fusion.FRAME_RATE_HZ)
    attacks = np.round(attack_times(audio, sample_rate) * fusion.FRAME_RATE_HZ).astype(int)
    notes = []
    for key in np.unique(keys[series_hz > 0.0]):
        is_key = (keys == key) & (series_hz > 0.0)
        held = is_key.any(axis=1)
        for start, stop in joined_runs(held, gap):
            cuts = [start, *(int(a) for a in attacks if start + shortest <= a <= stop - shortest)]
            for first, last in zip(cuts, [*cuts[1:], stop], strict=True):
                if last - first >= shortest:
                    pitch_hz = float(np.median(series_hz[first:last][is_key[first:last]]))
                    notes.append(Note(first / fusion.FRAME_RATE_HZ, last / fusion.FRAME_RATE_HZ, pitch_hz))
    return sorted(notes)


def note_f1(
    reference: Iterable[Sequence[float]],
    estimate: Iterable[Sequence[float]],
    *,
    offset_ratio: float | None = None,
) -> float:
    """Return the F-measure of notes matched one to one, within `WINDOW_SECONDS` and `TOLERANCE_CENTS`.

    Args:
        reference: (onset in seconds, offset in seconds, pitch in Hz) of each note, in any order:
            of the source, or of a score.
        estimate: Likewise, of the output.
        offset_ratio: Furthest apart that two offsets are the same, in durations of the reference
            note, but at least 50 ms; None ignores offsets.

    Returns:
        0 to 1; 1 where neither side has a note.

    Source:
        Bay, Ehmann and Downie (ISMIR 2009), section 4.2.
    """
    wanted, made = (note_rows(notes) for notes in (reference, estimate))
    if wanted[1].size == 0 or made[1].size == 0:
        return float(wanted[1].size == made[1].size)
    _, _, f_measure, _ = mir_eval.transcription.precision_recall_f1_overlap(
        *wanted,
        *made,
        onset_tolerance=WINDOW_SECONDS,
        pitch_tolerance=TOLERANCE_CENTS,
        offset_ratio=offset_ratio,
    )
    return float(f_measure)


def note_rows(
    notes: Iterable[Sequence[float]],
) -> tuple[Float[np.ndarray, "note 2"], Float[np.ndarray, " note"]]:
    """Return onsets and offsets in seconds, and pitches in Hz.

    Raises:
        InputError: A note does not end after it begins, or its pitch is not positive.
    """
    rows = np.array([tuple(note)[:3] for note in notes], dtype=np.float64).reshape(-1, 3)
    for onset, offset, f0_hz in rows:
        if not (0.0 <= onset < offset < np.inf and 0.0 < f0_hz < np.inf):
            raise InputError(
                f"note ({onset:g} s, {offset:g} s, {f0_hz:g} Hz) is none: give onset before offset, and Hz"
            )
    return rows[:, :2], rows[:, 2]
