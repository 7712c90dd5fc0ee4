"""The first stage's losses: distances between predicted and measured levels, heard as the ear would.

What is masked by the rest of the frame counts little, and what was never recorded not at all.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from violute.families.ddsp.data import Snippets
from violute.rates import SAMPLE_RATE
from violute.synthesis.harmonics import FADE_STOP
from violute.synthesis.noise import N_BANDS, noise_bands

HARMONIC_KNEE_DB = -60.0
NOISE_KNEE_DB = -90.0
"""Levels, relative to the loudness of the frame, that count half.

Noise is spread over many bands and fills what harmonics leave open, so it is heard further down.
"""

KNEE_WIDTH_DB = 8.0
MASKED_WEIGHT = 0.05
"""What a level far below its knee counts: not 0, so that none is left to chance."""


def regression_losses(
    harmonic_db: Float[Tensor, "batch frame harmonic"],
    noise_db: Float[Tensor, "batch frame band"],
    target: Snippets,
) -> dict[str, Float[Tensor, ""]]:
    """Distance in dB between predicted and measured levels.

    Levels that are masked or were never recorded count little or nothing: harmonics and bands
    above the recording's own limit, and whatever lies well below the knees; see `audibility`.
    """
    number = torch.arange(1, harmonic_db.shape[-1] + 1, device=harmonic_db.device)
    frequency_hz = target.f0_hz[..., None] * number
    limit_hz = torch.clamp(target.highest_hz[..., None], max=FADE_STOP * SAMPLE_RATE / 2)
    frames = target.is_reliable[..., None].float()
    harmonic_weight = frames * (frequency_hz < limit_hz) * audibility(target.harmonic_db, HARMONIC_KNEE_DB)
    centres_hz = torch.tensor(noise_bands(N_BANDS, sample_rate=SAMPLE_RATE), device=noise_db.device)
    noise_weight = frames * (centres_hz < limit_hz) * audibility(target.noise_db, NOISE_KNEE_DB)
    return {
        "regression/harmonics": weighted_l1(harmonic_db, target.harmonic_db, harmonic_weight),
        "regression/noise": weighted_l1(noise_db, target.noise_db, noise_weight),
    }


def audibility(level_db: Float[Tensor, "*axes"], knee_db: float) -> Float[Tensor, "*axes"]:
    """Weight of a level relative to the frame's loudness: near 1 when clear, `MASKED_WEIGHT` when masked."""
    return torch.sigmoid((level_db - knee_db) / KNEE_WIDTH_DB) + MASKED_WEIGHT


def weighted_l1(
    predicted: Float[Tensor, "*axes"], measured: Float[Tensor, "*axes"], weight: Float[Tensor, "*axes"]
) -> Float[Tensor, ""]:
    """Mean distance, weighted."""
    return ((predicted - measured).abs() * weight).sum() / (weight.sum() + 1e-6)
