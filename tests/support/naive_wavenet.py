"""Sampling a WaveNet the naive way, which faster ways must equal."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from violute.dsp.mu_law import scaled
from violute.families.nsynth.network import WaveNetDecoder
from violute.families.nsynth.output import drawn


@torch.no_grad()
def naive_levels(
    decoder: WaveNetDecoder,
    conditions: Float[Tensor, "piece channel frame"],
    sines: Float[Tensor, "piece sine sample"] | None,
    chance: Float[Tensor, "piece sample 2"],
    temperature: float,
) -> Int[Tensor, "piece sample"]:
    """Draw samples by running the whole decoder over all that came before each: what faster ways must equal.

    Args:
        decoder: As trained.
        conditions: Of whole frames.
        sines: Of whole frames, for a decoder that hears them.
        chance: As for `drawn`, for each sample; as many samples are drawn.
        temperature: As for `drawn`.
    """
    n_pieces, n_samples = chance.shape[:2]
    hop = decoder.config.hop_length
    before = torch.zeros(n_pieces, conditions.shape[2] * hop)
    levels = torch.zeros(n_pieces, n_samples, dtype=torch.long)
    heat = torch.tensor(temperature)
    for at in range(n_samples):
        n_frames = at // hop + 1
        known = None if sines is None else sines[:, :, : n_frames * hop]
        outputs = decoder(before[:, : n_frames * hop], conditions[:, :, :n_frames], known)
        levels[:, at] = drawn(outputs[:, :, at], chance[:, at], heat, decoder.config.output)
        if at + 1 < before.shape[1]:
            before[:, at + 1] = scaled(levels[:, at])
    return levels
