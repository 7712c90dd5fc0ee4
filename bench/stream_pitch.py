"""Pitch trackers for streams beside each other, held against the one that hears the whole recording.

`bench/stream_bench.py` writes the table. All of them may look as far ahead as a stream does; a frame counts
where the whole analysis finds it voiced, whatever they say of it themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis import causal_pitch as causal
from violute.analysis.analyser import analyse
from violute.analysis.octave_repair import LEAP_OCTAVES
from violute.analysis.pitch import PitchFollower
from violute.evaluation.bench.clips import Clip
from violute.evaluation.metrics.pitch import cents_apart, octave_error_rate, raw_pitch_accuracy
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.transforms.spectra import hann

START_FRAMES = 4
"""Frames from a change of the note on that count as its start."""

LATE_FRAMES = (1, 2, 3)
COLUMNS = ("within 50 cents", "octave errors", "first 40 ms of notes", "ms a frame")

Follow = Callable[[Float[np.ndarray, " sample"]], float]


def trackers() -> dict[str, Callable[[], Follow]]:
    """What is compared: makers of followers, which are handed the newest samples frame by frame."""
    leaping = np.asarray(99.0, np.float32)  # as if every frame were a new note
    forgetful = {**causal.weights(), "leap_bias": leaping}
    deaf = {**causal.weights(), "salience": np.zeros_like(causal.weights()["salience"])}
    return {
        "search so far, window of 46 ms (as before)": lambda: searching(2048),
        "search so far, 23 ms": lambda: searching(1024),
        "search so far, 46 ms for low pitches, 23 ms for others": both_searching,
        "network and salience, without memory": lambda: learned(forgetful),
        "network without the salience of the search": lambda: learned(deaf),
        "network and salience": lambda: learned(causal.weights()),
    }


def searching(n_window: int) -> Follow:
    """Follow by the whole analysis' salience, and the best path so far."""
    follower = PitchFollower()
    window = hann(n_window)

    def follow(heard: Float[np.ndarray, " sample"]) -> float:
        framed = np.zeros(causal.N_FFT, np.float32)
        framed[:n_window] = heard[-n_window:] * window
        magnitudes = np.abs(np.fft.rfft(framed)).astype(np.float32) * np.float32(4.0 / n_window)
        return follower.push([magnitudes])[0]

    return follow


def both_searching() -> Follow:
    """Take the long window's answer where the short one's is low."""
    long, short = searching(2048), searching(1024)

    def follow(heard: Float[np.ndarray, " sample"]) -> float:
        slow_hz, quick_hz = long(heard), short(heard)
        return slow_hz if quick_hz < 500.0 else quick_hz

    return follow


def learned(weights: causal.Weights) -> Follow:
    """Follow by the network."""
    follower = causal.CausalPitch(weights)
    return lambda heard: follower.push(heard)[0]


def followed(
    follow: Follow, audio: Float[np.ndarray, " sample"], n_frames: int
) -> Float[np.ndarray, " frame"]:
    """Feed a recording frame by frame."""
    padded = np.pad(audio.astype(np.float32), (causal.N_FFT - HOP_LENGTH, 2 * causal.N_FFT))
    starts = range(0, n_frames * HOP_LENGTH, HOP_LENGTH)
    return np.array([follow(padded[start : start + causal.N_FFT]) for start in starts])


def tracker_table(clips: Sequence[Clip]) -> list[str]:
    """Compare: Markdown lines, medians over clips."""
    rows: dict[tuple[str, str], list[list[float]]] = {}
    for clip in clips:
        audio = clip.read(SAMPLE_RATE)
        controls = analyse(audio)
        f0_hz, is_voiced = controls.f0_hz[0].astype(float), controls.periodicity[0] > 0.0
        for late in LATE_FRAMES:
            delayed = np.concatenate([np.full(late, f0_hz[0]), f0_hz[:-late]])
            name = f"the whole analysis, {10 * late} ms late"
            rows.setdefault((clip.instrument, name), []).append([*shares(delayed, f0_hz, is_voiced), np.nan])
        for name, make in trackers().items():
            began = time.process_time()
            found_hz = followed(make(), audio, len(f0_hz))
            ms = 1e3 * (time.process_time() - began) / len(f0_hz)
            rows.setdefault((clip.instrument, name), []).append([*shares(found_hz, f0_hz, is_voiced), ms])
    lines = ["| in | tracker | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for (instrument, name), values in sorted(rows.items(), key=lambda row: row[0][0]):
        *found, ms = np.median(values, axis=0)
        cells = [*(f"{value:.3f}" for value in found), "-" if np.isnan(ms) else f"{ms:.2f}"]
        lines.append(f"| {instrument} | {name} | " + " | ".join(cells) + " |")
    return lines


def shares(
    found_hz: Float[np.ndarray, " frame"],
    f0_hz: Float[np.ndarray, " frame"],
    is_voiced: Bool[np.ndarray, " frame"],
) -> list[float]:
    """Share of voiced frames within 50 cents, an octave away, and within 50 cents as notes begin."""
    cents = cents_apart(f0_hz, found_hz)
    octaves = np.log2(np.maximum(f0_hz, 1.0))
    begins = np.abs(np.diff(octaves, prepend=octaves[:1])) > LEAP_OCTAVES
    begins |= np.diff(is_voiced.astype(int), prepend=0) > 0
    is_start = np.convolve(begins, np.ones(START_FRAMES))[: len(begins)] > 0.0
    return [
        raw_pitch_accuracy(cents[is_voiced]),
        octave_error_rate(cents[is_voiced]),
        raw_pitch_accuracy(cents[is_voiced & is_start]),
    ]
