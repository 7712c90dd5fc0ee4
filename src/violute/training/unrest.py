"""How much the partials of an instrument waver about what the network of a voice predicts for them.

The network learns the likeliest level of each partial; what real partials do beyond that within half a
second is measured here, from the recordings that it learned from, and played by `violute.voices.unrest`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float

from violute.analysis.conditioning import conditioning, pitch_changes
from violute.analysis.onsets import pick_onsets
from violute.analysis.spectra import SAMPLE_RATE
from violute.data.harmonics import LOBE_BINS, LOBE_SUM, WINDOW_SECONDS
from violute.models.ddsp import DdspDecoder
from violute.synthesis.noise import N_BANDS, noise_bands
from violute.training.ddsp_data import Line
from violute.voices.unrest import HARMONICS

N_LINES = 4
"""Longest lines of an end that are listened to: they have the longest notes."""

N_FRAMES = 6000
SLOW_FRAMES = 50
"""What changes over more than half a second is a note's own course."""

CLEAR_DB = 12.0
"""A partial this far above the noise in its own window is measured within 1.5 dB."""

FEWEST_FRAMES = 200
"""A harmonic that was clear for less takes over the unrest of the one below."""

MOST_DB = 6.0
BEGINNING_FRAMES = 10
"""Frames on either side of an attack or a change of pitch, where levels move for other reasons."""


def partial_unrest_db(decoder: DdspDecoder, lines: Sequence[Line]) -> list[float]:
    """Measure the standard deviation of partials about their prediction, at `HARMONICS`, in dB.

    Args:
        decoder: Trained, on the CPU.
        lines: Of one end.
    """
    power, count = np.zeros(len(HARMONICS)), np.zeros(len(HARMONICS))
    for line in sorted(lines, key=lambda line: -len(line.f0_hz))[:N_LINES]:
        deviation_db, is_clear = _deviations(decoder, line)
        power += np.where(is_clear, np.square(deviation_db), 0.0).sum(axis=0)
        count += is_clear.sum(axis=0)
    unrest: list[float] = []
    for square, n_frames in zip(power, count, strict=True):
        known = min(float(np.sqrt(square / n_frames)), MOST_DB) if n_frames >= FEWEST_FRAMES else None
        unrest.append(round(known, 2) if known is not None else (unrest[-1] if unrest else 0.0))
    return unrest


def _deviations(
    decoder: DdspDecoder, line: Line
) -> tuple[Float[np.ndarray, "frame harmonic"], Bool[np.ndarray, "frame harmonic"]]:
    """Deviations of one line from their slow course, and where they can be trusted."""
    f0_hz = np.maximum(line.f0_hz[:N_FRAMES], 1.0)
    features = conditioning(
        f0_hz, line.relative_loudness_db[:N_FRAMES], line.onset_strength[:N_FRAMES], frame_rate_hz=100.0
    )
    with torch.no_grad():
        levels = decoder(
            torch.from_numpy(features)[None],
            torch.from_numpy(f0_hz)[None],
            torch.tensor([line.end]),
            torch.tensor([line.source]),
        )
    chosen = np.array(HARMONICS) - 1
    measured_db = line.harmonic_db[:N_FRAMES, chosen]
    deviation_db = measured_db - levels.harmonic_db[0].numpy()[:, chosen]
    frequency_hz = f0_hz[:, None] * HARMONICS
    band = np.searchsorted(noise_bands(N_BANDS, sample_rate=SAMPLE_RATE), frequency_hz).clip(0, N_BANDS - 1)
    noise_db = np.take_along_axis(line.noise_db[:N_FRAMES], band, axis=1)
    # What white noise of that level leaves in the lobe of a harmonic; see `violute.data.harmonics`.
    in_lobe_db = noise_db + 10.0 * np.log10(6.0 / (SAMPLE_RATE * WINDOW_SECONDS) * LOBE_BINS / LOBE_SUM)
    is_clear = _is_steady(line)[:, None] & (measured_db > in_lobe_db + CLEAR_DB)
    is_clear &= frequency_hz < line.highest_hz[:N_FRAMES, None]
    window = np.hanning(SLOW_FRAMES + 2)[1:-1]
    for k in range(len(HARMONICS)):
        weight = np.convolve(is_clear[:, k], window)[SLOW_FRAMES // 2 :][: len(f0_hz)]
        total = np.convolve(np.where(is_clear[:, k], deviation_db[:, k], 0.0), window)
        deviation_db[:, k] -= total[SLOW_FRAMES // 2 :][: len(f0_hz)] / np.maximum(weight, 1e-6)
    return deviation_db, is_clear


def _is_steady(line: Line) -> Bool[np.ndarray, " frame"]:
    """Frames of sure pitch well inside a note."""
    is_sure = line.is_reliable[:N_FRAMES]
    breaks = ~is_sure | pitch_changes(np.maximum(line.f0_hz[:N_FRAMES], 1.0))
    breaks[pick_onsets(line.onset_strength[:N_FRAMES])] = True
    return np.convolve(breaks, np.ones(2 * BEGINNING_FRAMES + 1), mode="same") < 0.5
