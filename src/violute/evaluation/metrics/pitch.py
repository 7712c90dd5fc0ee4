"""How well the notes of a performance survive, heard by trackers that condition no voice.

The judges are WORLD's harvest and, as a second opinion, pYIN. Figures follow mir_eval's melody
metrics, on frames that are sounding, pitched for the judge in source and output, and, where the
conditioning track is known, on which judge and conditioning agree about the source: elsewhere
the judge itself is in doubt. With no such frame a figure is NaN; `pitch/coverage` says how many
of the sounding frames were compared at all.

Source:
    Morise, Harvest: A high-performance fundamental frequency estimator (Interspeech 2017).
    Mauch and Dixon, pYIN (ICASSP 2014).
    Poliner et al., Melody Transcription from Music Audio (TASLP 2007): raw pitch accuracy.
"""

from __future__ import annotations

import warnings
from typing import Literal

import librosa
import numpy as np
from jaxtyping import Bool, Float

from violute.errors import InputError, ShapeError
from violute.evaluation.metrics.loudness import FRAME_RATE_HZ, mono_at

with warnings.catch_warnings():
    # pyworld asks setuptools for its own version, in a way that setuptools has retired.
    warnings.simplefilter("ignore", UserWarning)
    import pyworld

RANGE_HZ = (180.0, 3700.0)
"""From a semitone below the violin's open G to above the top of its fingerboard."""

TOLERANCE_CENTS = 50.0

PitchJudge = Literal["harvest", "pyin"]

_HARVEST_RATE = 16_000
_HARVEST_SLOWING = 2
"""Harvest works at 8 kHz inside and loses notes above 2.7 kHz; at half speed it hears them all."""

_PYIN_RATE = 22_000
_PYIN_HOP = 220


def judge_f0(
    audio: Float[np.ndarray, "... sample"],
    sample_rate: int,
    *,
    judge: PitchJudge = "harvest",
) -> Float[np.ndarray, " frame"]:
    """Track the pitch of one line, every 10 ms, by WORLD's `harvest` or librosa's `pyin`.

    Returns:
        Hz, 0 where unpitched; frame `i` is centred on second `i / 100`.

    Raises:
        InputError: The judge is neither of the two.
    """
    if judge == "harvest":
        slow = np.ascontiguousarray(mono_at(audio, sample_rate, _HARVEST_RATE))
        f0_hz, _ = pyworld.harvest(
            slow,
            _HARVEST_RATE // _HARVEST_SLOWING,
            f0_floor=RANGE_HZ[0] / _HARVEST_SLOWING,
            f0_ceil=RANGE_HZ[1] / _HARVEST_SLOWING,
            frame_period=1000.0 * _HARVEST_SLOWING / FRAME_RATE_HZ,
        )
        return np.asarray(f0_hz * _HARVEST_SLOWING)
    if judge == "pyin":
        f0_hz, _, _ = librosa.pyin(
            mono_at(audio, sample_rate, _PYIN_RATE),
            fmin=RANGE_HZ[0],
            fmax=RANGE_HZ[1],
            sr=_PYIN_RATE,
            frame_length=1024,
            hop_length=_PYIN_HOP,
            fill_na=0.0,
        )
        return np.asarray(f0_hz)
    raise InputError(f"{judge!r} is no judge of pitch: choose harvest or pyin")


def cents_apart(
    reference_hz: Float[np.ndarray, " frame"], estimate_hz: Float[np.ndarray, " frame"]
) -> Float[np.ndarray, " frame"]:
    """Return the estimate's distance from the reference in cents; NaN where either has no pitch."""
    if reference_hz.shape != estimate_hz.shape:
        raise ShapeError(
            f"{reference_hz.size} frames against {estimate_hz.size}: cut both tracks to the same length"
        )
    both = (reference_hz > 0.0) & (estimate_hz > 0.0)
    cents = np.full(reference_hz.shape, np.nan)
    cents[both] = 1200.0 * np.log2(estimate_hz[both] / reference_hz[both])
    return cents


def compared_frames(
    source_hz: Float[np.ndarray, " frame"],
    output_hz: Float[np.ndarray, " frame"],
    sounding: Bool[np.ndarray, " frame"],
    *,
    conditioning_hz: Float[np.ndarray, " frame"] | None = None,
) -> Bool[np.ndarray, " frame"]:
    """Mark the frames on which pitch figures are computed.

    Args:
        source_hz: The judge's track of the source.
        output_hz: The judge's track of the rendering.
        sounding: Frames of the source above the gate.
        conditioning_hz: The track that conditioned the voice, on the same frames; None asks for
            no agreement.
    """
    frames = sounding & ~np.isnan(cents_apart(source_hz, output_hz))
    if conditioning_hz is not None:
        apart = cents_apart(source_hz, conditioning_hz)
        frames &= np.abs(np.nan_to_num(apart, nan=np.inf)) <= TOLERANCE_CENTS
    return frames


def raw_pitch_accuracy(cents: Float[np.ndarray, " compared"]) -> float:
    """Return the share of compared frames on which the output is within `TOLERANCE_CENTS` of the source."""
    return float(np.mean(np.abs(cents) <= TOLERANCE_CENTS)) if cents.size else float("nan")


def median_deviation_cents(cents: Float[np.ndarray, " compared"]) -> float:
    """Return the median of the absolute distances of compared frames, in cents."""
    return float(np.median(np.abs(cents))) if cents.size else float("nan")


def octave_error_rate(cents: Float[np.ndarray, " compared"]) -> float:
    """Return the share of compared frames that lie one octave or more away, within 50 cents."""
    if not cents.size:
        return float("nan")
    octaves = np.round(cents / 1200.0)
    return float(np.mean((octaves != 0.0) & (np.abs(cents - 1200.0 * octaves) <= TOLERANCE_CENTS)))
