"""What the network of the default voice is given of each frame: `Controls` as features.

Every feature looks back in time only, so that a performance can be conditioned as it arrives. The
same function serves training and conversion.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from violute.analysis.controls import Controls
from violute.analysis.pitch_range import HIGH, N_REGISTERS, PitchRange

ONSET_SECONDS = (0.03, 0.1, 0.4)
"""Time constants with which the memory of an attack fades."""

SLUR_SECONDS = (0.05, 0.2)
"""Time constants with which the memory of a change of pitch fades."""

SLUR_CENTS = 80.0
LOUDNESS_SCALE_DB = 20.0
SLOPE_FRAMES = 5
SLOPE_SCALE_DB = 10.0
RECENT_FRAMES = 30

REGISTER_WIDTH = 0.75
"""Standard deviation of a register's bump, in registers."""

REGISTERS = slice(1, 1 + N_REGISTERS)
"""Features that tell the register."""

N_FEATURES = 1 + N_REGISTERS + 3 + len(ONSET_SECONDS) + len(SLUR_SECONDS)


def hz_to_midi(frequency_hz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """MIDI note number, with fractions; 69 is 440 Hz."""
    return np.asarray(69.0 + 12.0 * np.log2(np.maximum(frequency_hz, 1e-3) / 440.0))


def reference_loudness_db(controls: Controls) -> float:
    """Loudness of the performance's loud notes: the 95th percentile of its voiced frames, in dB.

    Loudness is conditioned relative to it, so that the gain of a recording means nothing.
    """
    is_voiced = controls.periodicity > 0.0
    chosen = controls.loudness_db[is_voiced] if is_voiced.any() else controls.loudness_db.ravel()
    return float(np.percentile(chosen, 95)) if chosen.size else 0.0


def conditioning(
    f0_hz: Float[np.ndarray, " frame"],
    relative_loudness_db: Float[np.ndarray, " frame"],
    onsets: Int[np.ndarray, " onset"],
    *,
    frame_rate_hz: float,
    pitch_range: PitchRange = HIGH,
) -> Float[np.ndarray, "frame feature"]:
    """Describe each frame of one line to the network.

    Args:
        f0_hz: Fundamental, above 0.
        relative_loudness_db: Loudness relative to the performance's loud notes.
        onsets: Frames at which notes begin, from `pick_onsets`.
        frame_rate_hz: Frames per second.
        pitch_range: Gives the registers.
    """
    midi = hz_to_midi(f0_hz)[:, None]
    width = REGISTER_WIDTH * pitch_range.register_semitones
    registers = np.exp(-0.5 * np.square((midi - np.array(pitch_range.registers_midi)) / width))
    loudness = np.clip(relative_loudness_db, -60.0, 10.0)
    earlier = delayed(loudness, SLOPE_FRAMES)
    return np.column_stack(
        [
            (midi - 74.0) / 12.0,
            registers,
            loudness / LOUDNESS_SCALE_DB + 0.5,
            (loudness - earlier) / SLOPE_SCALE_DB,
            _recent_mean(loudness) / LOUDNESS_SCALE_DB + 0.5,
            _fading(onsets, len(loudness), ONSET_SECONDS, frame_rate_hz),
            _fading(np.flatnonzero(pitch_changes(f0_hz)), len(loudness), SLUR_SECONDS, frame_rate_hz),
        ]
    ).astype(np.float32)


def pitch_changes(f0_hz: Float[np.ndarray, " frame"]) -> Bool[np.ndarray, " frame"]:
    """Frames whose pitch left that of 30 ms before by more than a vibrato would."""
    pitch_hz = np.maximum(f0_hz, 1e-3)
    return np.abs(1200.0 * np.log2(pitch_hz / delayed(pitch_hz, 3))) > SLUR_CENTS


def delayed(track: Float[np.ndarray, " frame"], n_frames: int) -> Float[np.ndarray, " frame"]:
    """What a track held so many frames before, and its first frame where it had not begun."""
    return track[np.maximum(np.arange(len(track)) - n_frames, 0)]


def frames_since(events: Int[np.ndarray, " event"], n_frames: int) -> Float[np.ndarray, " frame"]:
    """Frames since the last event; infinite before the first."""
    since = np.full(n_frames, np.inf)
    if len(events):
        last = np.searchsorted(events, np.arange(n_frames), side="right") - 1
        known = last >= 0
        since[known] = np.arange(n_frames)[known] - events[last[known]]
    return since


def _fading(
    events: Int[np.ndarray, " event"], n_frames: int, seconds: tuple[float, ...], frame_rate_hz: float
) -> Float[np.ndarray, "frame constant"]:
    age = frames_since(events, n_frames)[:, None] / frame_rate_hz
    return np.exp(-age / np.asarray(seconds))


def _recent_mean(track: Float[np.ndarray, " frame"]) -> Float[np.ndarray, " frame"]:
    """Mean of the last `RECENT_FRAMES`, the present one included."""
    sums = np.concatenate([[0.0], np.cumsum(track, dtype=np.float64)])
    stop = np.arange(1, len(track) + 1)
    start = np.maximum(stop - RECENT_FRAMES, 0)
    return (sums[stop] - sums[start]) / (stop - start)
