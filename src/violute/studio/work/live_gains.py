"""How much to turn up what the page synthesises, so that it is as loud as the recording.

`Take` measures each whole rendering; that would keep the musician waiting. Here the middle of the dial
is measured over the whole piece and its other places over the beginning, by how they differ there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from violute.audio.channels import spread_loudness_lu
from violute.audio.loudness import SILENCE_LUFS, LoudnessMeter
from violute.voices.contract import OnProgress, Performance
from violute.voices.mix import Mix, dials
from violute.voices.take import Take

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
MIDDLE = 2
BEGINNING_SECONDS = 5.0

WHOLE_SHARE = 0.6
"""Share of the work that the whole piece is, for progress only."""


@dataclass(frozen=True)
class LiveGains:
    """Linear gains that make what the live parameters sound like as loud as the recording.

    They stand at five mixes, all dials alike; between those a straight line does. Times the gain of a
    channel, they are what `violute convert` multiplies its mono synthesis by.

    Attributes:
        mixes: From 0 to 1, rising.
        gain: Linear, one for each mix.
        channel_gains: Linear, one for each channel of the recording.
    """

    mixes: tuple[float, ...]
    gain: tuple[float, ...]
    channel_gains: tuple[float, ...]


def live_gains(
    take: Take, semitones: float = 0.0, on_progress: OnProgress = lambda _share: None
) -> LiveGains:
    """Measure the gains of a take, transposed by so much.

    They leave out what `Take` adds for a limiter at work, for nothing limits the page.
    """
    frame, performance = take.frame, take.performance_at(semitones)
    wanted_lufs = frame.loudness_lufs - spread_loudness_lu(frame.channel_gains)
    reference, whole = _loudness_lufs(
        performance, MIXES[MIDDLE], np.inf, lambda share: on_progress(WHOLE_SHARE * share)
    )
    gains = [1.0] * len(MIXES)
    if whole > SILENCE_LUFS:
        for i, mix in enumerate(MIXES):
            on_progress(WHOLE_SHARE + (1.0 - WHOLE_SHARE) * i / len(MIXES))
            beginning = reference if i == MIDDLE else _loudness_lufs(performance, mix, BEGINNING_SECONDS)[0]
            # A silent beginning tells nothing of how the mixes differ.
            apart_lu = beginning - reference if min(beginning, reference) > SILENCE_LUFS else 0.0
            gains[i] = float(10.0 ** ((wanted_lufs - whole - apart_lu) / 20.0))
    return LiveGains(MIXES, tuple(gains), tuple(float(gain) for gain in frame.channel_gains))


def _loudness_lufs(
    performance: Performance,
    mix: float,
    seconds: float,
    on_progress: OnProgress = lambda _share: None,
) -> tuple[float, float]:
    """Integrated loudness of about the first `BEGINNING_SECONDS` of the synthesis, and of `seconds` of it."""
    meter = LoudnessMeter(performance.sample_rate, 1)
    beginning: float | None = None
    dry = dials(Mix.at(mix, room=0.0), performance.n_frames, performance.frame_rate_hz)
    all_seconds = performance.n_frames / performance.frame_rate_hz
    for block in performance.blocks(dry):
        meter.push(block[None])
        n_seconds = meter.n_samples / performance.sample_rate
        on_progress(min(n_seconds / all_seconds, 1.0))
        if beginning is None and n_seconds >= BEGINNING_SECONDS:
            beginning = meter.integrated_lufs()
        if n_seconds >= seconds:
            break
    whole = meter.integrated_lufs()
    return whole if beginning is None else beginning, whole
