"""What a WaveNet says of the next sample: a distribution over 256 levels, and a draw from it.

Two kinds: `softmax` has a probability for each level; `logistics` is a mixture of a few logistic
distributions on the levels' scale, cut into levels, which knows from the start that neighbouring
levels are alike.

Source:
    van den Oord et al., WaveNet (2016), section 2.2; Salimans et al., PixelCNN++ (ICLR 2017), section 2.1.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from violute.dsp.mu_law import scaled
from violute.transforms.mu_law import MU, N_LEVELS

Output = Literal["softmax", "logistics"]

HALF_LEVEL = 1.0 / N_LEVELS
"""On the scale from -1 to 1."""

LEAST_LOG_SCALE = -7.0
"""A logistic as narrow as a fifth of a level."""

Outputs = Float[Tensor, "*piece output sample"]


def n_outputs(output: Output, n_components: int) -> int:
    """Return how many numbers describe a sample."""
    return N_LEVELS if output == "softmax" else 3 * n_components


def bits(
    outputs: Outputs, levels: Int[Tensor, "*piece sample"], output: Output
) -> Float[Tensor, "*piece sample"]:
    """Return what each sample costs: the binary logarithm of its improbability."""
    if output == "softmax":
        chances = functional.log_softmax(outputs, dim=-2)
        return -chances.gather(-2, levels[..., None, :]).squeeze(-2) / math.log(2.0)
    weights, means, log_scales = logistics(outputs)
    distance = scaled(levels)[..., None, :] - means
    sharpness = (-log_scales).exp()
    upper = torch.sigmoid(sharpness * (distance + HALF_LEVEL))
    lower = torch.sigmoid(sharpness * (distance - HALF_LEVEL))
    # The outermost levels hold all that lies beyond them.
    is_first, is_last = (levels == 0)[..., None, :], (levels == MU)[..., None, :]
    mass = torch.where(is_last, 1.0, upper) - torch.where(is_first, 0.0, lower)
    chances = functional.log_softmax(weights, dim=-2) + mass.clamp(min=1e-10).log()
    return -torch.logsumexp(chances, dim=-2) / math.log(2.0)


def drawn(
    outputs: Float[Tensor, "piece output"],
    chance: Float[Tensor, "piece 2"],
    temperature: Float[Tensor, ""],
    output: Output,
) -> Int[Tensor, " piece"]:
    """Draw a level for each piece.

    Args:
        outputs: Of one sample.
        chance: Two numbers in (0, 1) for each piece, from which all chance comes.
        temperature: 1 draws as often as was learned, less draws the likely more often; 0 always takes the
            likeliest level, or the middle of the likeliest logistic.
        output: What the numbers describe.
    """
    is_cold = temperature <= 0.0
    warmth = temperature.clamp(min=1e-3)
    logits = outputs if output == "softmax" else logistics(outputs[..., None])[0].squeeze(-1)
    summed = torch.softmax(logits / warmth, dim=1).cumsum(dim=1)
    n_below = (summed[:, :-1] < chance[:, :1]).sum(dim=1)
    chosen = torch.where(is_cold, logits.argmax(dim=1), n_below)
    if output == "softmax":
        return chosen
    _, means, log_scales = (
        part.squeeze(-1).gather(1, chosen[:, None]).squeeze(1) for part in logistics(outputs[..., None])
    )
    shift = torch.log(chance[:, 1]) - torch.log1p(-chance[:, 1])
    value = means + temperature * log_scales.exp() * shift
    return ((value + 1.0) * (0.5 * N_LEVELS)).floor().clamp(0, MU).long()


def logistics(outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
    """Read numbers as a mixture: log weights, means and log scales, each (*piece, component, sample)."""
    weights, means, log_scales = outputs.chunk(3, dim=-2)
    return weights, means, (log_scales - 3.0).clamp(min=LEAST_LOG_SCALE)
