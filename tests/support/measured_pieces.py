"""Pieces whose live parameters players outside of Python play, and what a rendering of them is."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from chord_sounds import chord, line

from violute.analysis.controls import Controls
from violute.audio.file_source import FileSource
from violute.examples import example_paths
from violute.families.ddsp.voice import HarmonicPerformance
from violute.voices.live_parameters import live_parameters
from violute.voices.load import load_voice
from violute.voices.mix import Mix, dials

SAMPLE_RATE = 44_100


@lru_cache(maxsize=1)
def violin():
    """Six seconds of the example: more than one block."""
    voice = load_voice()
    whole = voice.analyse_source(FileSource(example_paths()["violin"])).performance
    return HarmonicPerformance(voice.session, voice.settings, whole.controls.frames(0, 600))


@lru_cache(maxsize=1)
def swinging():
    """Three seconds of one note with vibratos in pitch and in loudness; the example has none."""
    voice = load_voice()
    seconds = np.arange(300) / 100.0
    f0_hz = 440.0 * 2.0 ** (25.0 / 1200.0 * np.sin(2.0 * np.pi * 5.5 * seconds))
    loudness_db = -20.0 + 2.0 * np.sin(2.0 * np.pi * 6.0 * seconds)
    still = np.ones((1, 300), np.float32)
    controls = Controls(
        f0_hz.astype(np.float32)[None],
        still,
        loudness_db.astype(np.float32)[None],
        (seconds == 0.0) * still[0],
    )
    return HarmonicPerformance(voice.session, voice.settings, controls)


@lru_cache(maxsize=1)
def chords():
    """A line, chords of three notes, and a line."""
    audio = np.concatenate(
        [line((60, 64)), chord((60, 67, 76), 1.5), chord((62, 69, 77), 1.5), line((72, 71))]
    )
    return load_voice().analyse(audio, SAMPLE_RATE).performance


@lru_cache(maxsize=1)
def cello():
    """Six seconds of the example by the voice whose dial has a curve for each register."""
    voice = load_voice("violute-clarinet-cello")
    assert len(voice.settings.dial.hz) > 1
    whole = voice.analyse_source(FileSource(example_paths()["cello"])).performance
    return HarmonicPerformance(voice.session, voice.settings, whole.controls.frames(0, 600))


@lru_cache(maxsize=5)
def parameters_of(piece):
    """Live parameters of one of the pieces above."""
    return live_parameters(piece().live_tracks())


def rendered(performance, mix):
    """The whole piece without a room, `(sample,)`."""
    dry = replace(mix if isinstance(mix, Mix) else Mix.at(mix), room=0.0)
    laid = dials(dry, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


def error_db(played, wanted):
    assert played.shape == wanted.shape
    error, power = (np.sum(np.square(x, dtype=np.float64)) for x in (played - wanted, wanted))
    return 10.0 * np.log10(error / power)


def all_at(mix):
    return {"dials": dict.fromkeys(("tone", "noise", "attack", "vibrato"), mix)}


MOVED = {"tone": 0.2, "noise": 0.9, "attack": 1.0, "vibrato": 0.1}
POINTS = [(1.0, 0.0), (3.0, 1.0), (5.0, 0.3)]
SETTINGS = [
    pytest.param(0.0, all_at(0.0), id="first end"),
    pytest.param(0.5, {}, id="middle"),
    pytest.param(1.0, {"hold": 1}, id="second end, held"),
    pytest.param(Mix(**MOVED), {"dials": MOVED}, id="dials apart"),
    pytest.param(POINTS, {"automation": POINTS}, id="automation"),
]
"""A mix, and the step of a player that is asked for it."""
