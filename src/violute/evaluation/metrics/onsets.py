"""How well the timing of a performance survives: where notes begin in the source and in the output.

Bowed and blown notes begin softly, and a detector of spectral flux misses half of them or hears two
for one. Notes are found here as a listener tells them apart: the pitch settles somewhere else, or
the loudness rises. `bench/onset_bench.py` measures both ways on sequences of notes that are known. Spectral
flux (`attack_times`) is quick to hear a note struck again, so it cuts notes of one pitch apart, no more.

Source:
    Collins, Using a pitch detector for onset detection (ISMIR 2005), for the idea; Raffel et al.,
    mir_eval (ISMIR 2014), for the matching. Böck and Widmer, Maximum filter vibrato suppression for
    onset detection (DAFx 2013), as in librosa, for the flux.
"""

from __future__ import annotations

from itertools import pairwise

import librosa
import mir_eval
import numpy as np
from jaxtyping import Float, Int

from violute.errors import ShapeError
from violute.evaluation.metrics.loudness import mono_at
from violute.transforms.runs import runs

WINDOW_SECONDS = 0.05
"""Furthest apart that two onsets are the same."""

FRAME_SECONDS = 0.01
GATE_DB = 35.0
"""Frames further than this below the loud ones are silent."""

RISE_DB = 10.0
RISE_BEFORE_FRAMES = 7
RISE_AFTER_FRAMES = 5
NEW_NOTE_SEMITONES = 0.7
OCTAVE_SLACK_SEMITONES = 0.4
"""A step within this of an octave is taken for a slip of the tracker."""

SETTLED_FRAMES = 5
SETTLED_SEMITONES = 0.7
NOTE_REACH_SEMITONES = 0.8
NOTE_MEMORY_FRAMES = 20
CLOSEST_FRAMES = 9
"""Onsets closer than this are one."""

_FLUX_RATE = 22_050
_FLUX_HOP = 220
_FLUX_N_FFT = 1024


def note_onsets(
    f0_hz: Float[np.ndarray, " frame"], loudness_db: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, " onset"]:
    """Find where notes begin in tracks of 10 ms.

    Returns:
        Seconds, rising.
    """
    if f0_hz.shape != loudness_db.shape or f0_hz.ndim != 1:
        raise ShapeError(f"f0_hz {f0_hz.shape} and loudness_db {loudness_db.shape} must be (frame,) alike")
    if len(f0_hz) == 0 or not np.any(f0_hz > 0.0):
        return np.zeros(0)
    gate_db = float(np.percentile(loudness_db, 95)) - GATE_DB
    found = np.sort(np.concatenate([_rises(loudness_db, gate_db), _new_notes(f0_hz, loudness_db, gate_db)]))
    kept: list[int] = []
    for frame in found:
        if not kept or frame - kept[-1] >= CLOSEST_FRAMES:
            kept.append(int(frame))
    return np.array(kept, dtype=np.float64) * FRAME_SECONDS


def attack_times(audio: Float[np.ndarray, "... sample"], sample_rate: int) -> Float[np.ndarray, " onset"]:
    """Find attacks by spectral flux over 138 bands, deaf to vibrato.

    Returns:
        Seconds, rising.
    """
    mono = mono_at(audio, sample_rate, _FLUX_RATE)
    if np.max(np.abs(mono), initial=0.0) == 0.0:
        return np.zeros(0)
    mel = librosa.feature.melspectrogram(
        y=mono, sr=_FLUX_RATE, n_fft=_FLUX_N_FFT, hop_length=_FLUX_HOP, n_mels=138, fmin=100.0, fmax=10_000.0
    )
    levels_db = librosa.power_to_db(mel, ref=np.max, top_db=60.0)
    envelope = librosa.onset.onset_strength(
        S=levels_db, sr=_FLUX_RATE, hop_length=_FLUX_HOP, lag=2, max_size=3
    )
    times = librosa.onset.onset_detect(
        onset_envelope=envelope, sr=_FLUX_RATE, hop_length=_FLUX_HOP, units="time", delta=0.05
    )
    return np.asarray(times, dtype=np.float64)


def onset_f1(
    source_seconds: Float[np.ndarray, " source"], output_seconds: Float[np.ndarray, " output"]
) -> float:
    """Return the F-measure of onsets matched one to one; 1 where neither side has any.

    Raises:
        ShapeError: Onsets are not a rising row of seconds.
    """
    for times in (source_seconds, output_seconds):
        if times.ndim != 1 or np.any(np.diff(times) < 0.0):
            raise ShapeError(f"onsets of shape {times.shape}: give one row of seconds in rising order")
    if source_seconds.size == 0 or output_seconds.size == 0:
        return float(source_seconds.size == output_seconds.size)
    f_measure, _, _ = mir_eval.onset.f_measure(source_seconds, output_seconds, window=WINDOW_SECONDS)
    return float(f_measure)


def _rises(loudness_db: Float[np.ndarray, " frame"], gate_db: float) -> Int[np.ndarray, " onset"]:
    """Frames of steepest ascent where the loudness rises by `RISE_DB` within a tenth of a second."""
    n_frames = len(loudness_db)
    reach = max(RISE_BEFORE_FRAMES, RISE_AFTER_FRAMES)
    padded = np.pad(loudness_db, reach, mode="edge")
    after = np.max([padded[reach + k : reach + k + n_frames] for k in range(RISE_AFTER_FRAMES)], axis=0)
    before = np.min([padded[reach - k : reach - k + n_frames] for k in range(RISE_BEFORE_FRAMES)], axis=0)
    is_rising = (after > gate_db) & (after - before > RISE_DB)
    ascent = np.maximum(np.diff(loudness_db, prepend=loudness_db[0]), 0.0)
    return np.array(
        [start + int(ascent[start : stop + 1].argmax()) for start, stop in runs(is_rising)], dtype=np.int64
    )


def _new_notes(
    f0_hz: Float[np.ndarray, " frame"], loudness_db: Float[np.ndarray, " frame"], gate_db: float
) -> Int[np.ndarray, " onset"]:
    """First frames of notes whose pitch differs from that of the note before."""
    semitones = np.where(f0_hz > 0.0, 12.0 * np.log2(np.maximum(f0_hz, 1.0) / 440.0), np.nan)
    notes: list[tuple[int, float]] = []
    frame, n_frames = 0, len(f0_hz)
    while frame + SETTLED_FRAMES <= n_frames:
        settling = semitones[frame : frame + SETTLED_FRAMES]
        is_loud = loudness_db[frame : frame + SETTLED_FRAMES].min() > gate_db
        if not is_loud or np.isnan(settling).any() or np.ptp(settling) >= SETTLED_SEMITONES:
            frame += 1
            continue
        start, centre = frame, float(np.median(settling))
        while frame < n_frames and abs(semitones[frame] - centre) < NOTE_REACH_SEMITONES:
            frame += 1
            centre = float(np.median(semitones[max(start, frame - NOTE_MEMORY_FRAMES) : frame]))
        notes.append((start, centre))
        frame = max(frame, start + 1)
    found = []
    for (_, earlier), (start, centre) in pairwise(notes):
        step = abs(centre - earlier)
        if step > NEW_NOTE_SEMITONES and abs(step - 12.0) > OCTAVE_SLACK_SEMITONES:
            found.append(start)
    return np.array(found, dtype=np.int64)
