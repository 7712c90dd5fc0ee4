"""How much to turn up what the page synthesises, so that it is as loud as the recording.

`Take` measures each whole rendering; that would keep the musician waiting. Here the middle of the dial
is measured over the whole piece and its other places over the beginning, by how they differ there.
"""

from __future__ import annotations

import numpy as np

from violute.audio.channels import laid_loudness_lu
from violute.audio.loudness import SILENCE_LUFS, LoudnessMeter
from violute.voices.mix import dials
from violute.voices.take import Take

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
MIDDLE = 2
BEGINNING_SECONDS = 5.0


def live_gains(take: Take) -> tuple[float, ...]:
    """Return the linear gain of the mono synthesis at each of `MIXES`, before the gains of channels.

    It leaves out what `Take` adds for a limiter at work, for nothing limits the page.
    """
    frame = take.frame
    wanted_lufs = frame.loudness_lufs - laid_loudness_lu(frame.channel_gains)
    reference, whole = _loudness_lufs(take, MIXES[MIDDLE], np.inf)
    if whole <= SILENCE_LUFS:
        return (1.0,) * len(MIXES)
    gains = []
    for mix in MIXES:
        beginning = reference if mix == MIXES[MIDDLE] else _loudness_lufs(take, mix, BEGINNING_SECONDS)[0]
        # A silent beginning tells nothing of how the mixes differ.
        apart_lu = beginning - reference if min(beginning, reference) > SILENCE_LUFS else 0.0
        gains.append(float(10.0 ** ((wanted_lufs - whole - apart_lu) / 20.0)))
    return tuple(gains)


def _loudness_lufs(take: Take, mix: float, seconds: float) -> tuple[float, float]:
    """Integrated loudness of about the first `BEGINNING_SECONDS` of the synthesis, and of `seconds` of it."""
    performance = take.performance
    laid = dials(mix, performance.n_frames, performance.frame_rate_hz)
    meter = LoudnessMeter(performance.sample_rate, 1)
    beginning: float | None = None
    for block in performance.blocks(laid):
        meter.push(block[None])
        n_seconds = meter.n_samples / performance.sample_rate
        if beginning is None and n_seconds >= BEGINNING_SECONDS:
            beginning = meter.integrated_lufs()
        if n_seconds >= seconds:
            break
    whole = meter.integrated_lufs()
    return whole if beginning is None else beginning, whole
