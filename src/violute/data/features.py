"""What the default voice learns from: controls and measured levels of each recording, cached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.analyser import analyse
from violute.analysis.controls import Controls
from violute.analysis.pitch_range import HIGH, PitchRange
from violute.data.harmonics import bands_from_gaps, measure_partials
from violute.data.measured import Arrays, Part, allow_open_files, measured_files, require_arrays
from violute.data.recordings import Recording, read_recording
from violute.data.reverb_tails import reverberation_tails
from violute.rates import SAMPLE_RATE
from violute.worklist.engine import HERE, Engine

FEATURE_VERSION = 5
"""Part of the cache's key: raised when the measurement changes."""

TAIL_VERSION = 1
"""Likewise of the tails."""

TRACKS = ("f0_hz", "periodicity", "loudness_db", "onset_strength")

LARGEST_REFINEMENT_CENTS = 40.0
"""A refinement that went further says that the tracker was wrong, or that two notes overlap."""

LOWEST_CUT_HZ = 10_000.0
CUT_STEP_HZ = 500.0
CUT_FALL_DB = 18.0
"""A fall this steep within two steps of 500 Hz is a codec's low-pass, not an instrument."""


@dataclass(frozen=True)
class Features:
    """One recording, measured.

    Attributes:
        name: Of the recording.
        source: Player, room and microphone that it shares with others.
        controls: As conversion will measure them, one line.
        harmonic_db: Peak amplitude of each harmonic, dB relative to full scale.
        noise_db: Level of each noise band, dB relative to white noise of RMS 1.
        is_reliable: Frames whose pitch is sure enough to learn from.
        highest_hz: Nothing above it was recorded (a codec cut it off).
        tail_db: Reverberation that may lie beneath the noise, as `reverberation_tails` gives it, where it was
            asked for.
        audio: The sound itself at 44.1 kHz, where it was asked for.
        pitch_range: In which pitch was sought.
    """

    name: str
    source: str
    controls: Controls
    harmonic_db: Float[np.ndarray, "frame harmonic"]
    noise_db: Float[np.ndarray, "frame band"]
    is_reliable: Bool[np.ndarray, " frame"]
    highest_hz: float
    tail_db: Float[np.ndarray, "frame tail band"] | None = None
    audio: Float[np.ndarray, " sample"] | None = None
    pitch_range: PitchRange = HIGH


def measure(recording: Recording, pitch_range: PitchRange = HIGH) -> Features:
    """Read and measure one recording.

    Raises:
        AudioError: It cannot be read.
    """
    audio = read_recording(recording, SAMPLE_RATE)
    controls = analyse(audio, pitch_range=pitch_range)
    f0_hz = controls.f0_hz[0]
    is_voiced = controls.periodicity[0] > 0.0
    sounding_hz = np.maximum(f0_hz, pitch_range.lowest_hz)
    partials = measure_partials(audio, sounding_hz)
    cents = 1200.0 * np.abs(np.log2(partials.f0_hz / sounding_hz))
    refined = Controls(
        np.where(is_voiced & (cents < LARGEST_REFINEMENT_CENTS), partials.f0_hz, f0_hz)[None],
        controls.periodicity,
        controls.loudness_db,
        controls.onset_strength,
    )
    return Features(
        name=recording.name,
        source=recording.source,
        controls=refined,
        harmonic_db=partials.harmonic_db,
        noise_db=bands_from_gaps(partials.noise_db, partials.f0_hz),
        is_reliable=is_voiced & (cents < LARGEST_REFINEMENT_CENTS),
        highest_hz=highest_recorded_hz(audio),
        pitch_range=pitch_range,
    )


def highest_recorded_hz(audio: Float[np.ndarray, " sample"]) -> float:
    """Frequency above which a codec left nothing; Nyquist if it left everything."""
    n_fft = 4096
    nyquist_hz = SAMPLE_RATE / 2
    if len(audio) < n_fft:
        return nyquist_hz
    frames = np.lib.stride_tricks.sliding_window_view(audio, n_fft)[:: n_fft // 2]
    frames = frames[np.linspace(0, len(frames) - 1, min(len(frames), 400)).astype(int)]
    power = np.median(np.square(np.abs(np.fft.rfft(frames * np.hanning(n_fft), axis=1))), axis=0)
    edges_hz = np.arange(LOWEST_CUT_HZ, nyquist_hz, CUT_STEP_HZ)
    bins = np.searchsorted(np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE), edges_hz)
    level_db = np.array([10 * np.log10(power[a:b].mean() + 1e-20) for a, b in pairwise(bins)])
    falls = np.flatnonzero(level_db[:-2] - level_db[2:] > CUT_FALL_DB)
    return float(edges_hz[falls[0] + 1]) if len(falls) else nyquist_hz


@dataclass(frozen=True)
class _CachedFeatures:
    """Features in a file of the cache, to measure more of."""

    path: Path
    extent: str = ""


def measure_all(
    recordings: Sequence[Recording],
    cache: Path,
    *,
    pitch_range: PitchRange = HIGH,
    with_tails: bool = False,
    with_audio: bool = False,
    engine: Engine = HERE,
    on_progress: Callable[[float], None] | None = None,
) -> list[Features]:
    """Measure every recording, or open what `cache` already holds; silent ones are left out.

    Levels, tails and sound are views into files of the cache, so memory does not grow with the recordings.
    Tails and sound are there where they are asked for; `on_progress` is called with the share done.

    Raises:
        AudioError: A recording cannot be read.
    """
    report = on_progress or (lambda _share: None)
    kind = "" if pitch_range == HIGH else f", range {pitch_range.name}"
    rest = 0.2 * (with_tails + with_audio)  # shares of the work

    def files_of(
        parts: Sequence[Part], measure: Callable[[Part], Arrays], version: str, first: float, share: float
    ) -> list[Path]:
        shown = lambda done: report(first + share * done)
        return measured_files(parts, cache, measure, version=version, engine=engine, on_progress=shown)

    measure_levels = partial(_measured_arrays, pitch_range=pitch_range)
    paths = files_of(recordings, measure_levels, f"features {FEATURE_VERSION}{kind}", 0.0, 1.0 - rest)
    opened = zip(recordings, paths, map(require_arrays, paths), strict=True)
    found = [(recording, path, arrays) for recording, path, arrays in opened if arrays]
    allow_open_files((1 + with_tails + with_audio) * len(found))
    tails: list[np.ndarray | None] = [None] * len(found)
    sounds: list[np.ndarray | None] = [None] * len(found)
    if with_tails:
        cached = [_CachedFeatures(path) for _, path, _ in found]
        measure_tails = partial(_tails, lowest_hz=pitch_range.lowest_hz)
        made = files_of(cached, measure_tails, f"tails {TAIL_VERSION}{kind}", 1.0 - rest, 0.2)
        tails = [require_arrays(path, "tail_db")["tail_db"] for path in made]
    if with_audio:
        heard = [recording for recording, _, _ in found]
        made = files_of(heard, _sound, f"sound at {SAMPLE_RATE} Hz", 0.8, 0.2)
        sounds = [require_arrays(path, "audio")["audio"] for path in made]
    return [
        Features(
            name=recording.name,
            source=recording.source,
            controls=Controls(**{track: arrays[track] for track in TRACKS}),  # type: ignore[arg-type]  # no track is a rate
            harmonic_db=arrays["harmonic_db"],
            noise_db=arrays["noise_db"],
            is_reliable=arrays["is_reliable"],
            highest_hz=float(arrays["highest_hz"]),
            tail_db=tail_db,
            audio=audio,
            pitch_range=pitch_range,
        )
        for (recording, _, arrays), tail_db, audio in zip(found, tails, sounds, strict=True)
    ]


def _tails(features: _CachedFeatures, lowest_hz: float) -> dict[str, np.ndarray]:
    arrays = require_arrays(features.path, "f0_hz", "harmonic_db")
    f0_hz = np.maximum(arrays["f0_hz"][0], lowest_hz)  # pitches that are not sure excite a room too
    return {"tail_db": reverberation_tails(f0_hz, arrays["harmonic_db"].astype(np.float32))}


def _sound(recording: Recording) -> dict[str, np.ndarray]:
    return {"audio": read_recording(recording, SAMPLE_RATE)}


def _measured_arrays(recording: Recording, pitch_range: PitchRange) -> dict[str, np.ndarray]:
    features = measure(recording, pitch_range)
    return {
        **{track: getattr(features.controls, track) for track in TRACKS},
        "harmonic_db": features.harmonic_db.astype(np.float16),
        "noise_db": features.noise_db.astype(np.float16),
        "is_reliable": features.is_reliable,
        "highest_hz": np.array(features.highest_hz),
    }
