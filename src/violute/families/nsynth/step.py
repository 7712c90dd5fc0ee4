"""A WaveNet decoder one sample at a time: what it heard is carried along and nothing is computed twice.

Each layer hears its own input at a few distances in the past. Those inputs wait in queues outside of the
network (`sampler`), so that a step is a handful of small matrix products over all pieces at once.

Source:
    Paine et al., Fast WaveNet generation algorithm (2016).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.families.nsynth.network import WaveNetDecoder
from violute.families.nsynth.output import drawn


class Stepped(NamedTuple):
    """What a step gives: the sample as a level, and what each layer heard just now, to be queued."""

    level: Int[Tensor, " piece"]
    heard: Float[Tensor, "layer piece channel"]


class DecoderStep(nn.Module):
    """One step of a decoder, whose weights are copied."""

    def __init__(self, decoder: WaveNetDecoder) -> None:
        super().__init__()
        self.config = config = decoder.config
        with torch.no_grad():
            weights = [layer.get_parameter("weight") for layer in decoder.dilated]
            kernels = torch.stack([weight.permute(2, 1, 0) for weight in weights])
            first = decoder.first.weight[:, 0].T
            self.first_bias = nn.Parameter(decoder.first.get_parameter("bias").clone())
            driven = first[:0] if decoder.driven is None else decoder.driven.weight[:, :, 0].T
            self.first = nn.Parameter(torch.cat([driven, first]))
            self.past = nn.Parameter(kernels[:, :-1].flatten(1, 2).clone())
            self.now = nn.Parameter(kernels[:, -1].clone())
        self.residual, self.skip = decoder.residual, decoder.skip
        self.hidden, self.last = decoder.hidden, decoder.last
        self.n_conditions = 2 * config.channels

    def forward(
        self,
        recent: Float[Tensor, "piece first"],
        past: Float[Tensor, "tap piece channel"],
        conditions: Float[Tensor, "layer piece condition"],
        output_conditions: Float[Tensor, "piece skip"],
        chance: Float[Tensor, "piece 2"],
        temperature: Float[Tensor, ""],
    ) -> Stepped:
        """Draw the next sample of each piece.

        Args:
            recent: The sum of the partials and the sines now, for a decoder that hears them; then the
                latest samples, scaled, the very latest last.
            past: What each layer heard at its distances, the longest first, layer by layer.
            conditions: Of each layer.
            output_conditions: Of the output.
            chance: As for `drawn`.
            temperature: As for `drawn`.
        """
        config = self.config
        n_layers, n_taps = len(config.dilations), config.kernel_size - 1
        by_layer = past.unflatten(0, (n_layers, n_taps)).transpose(1, 2).flatten(2)
        known = torch.baddbmm(conditions, by_layer, self.past)
        x = recent @ self.first + self.first_bias
        heard, gated = [], []
        for i in range(n_layers):
            heard.append(x)
            filtered, gate = (known[i] + x @ self.now[i]).chunk(2, dim=1)
            gated.append(torch.tanh(filtered) * torch.sigmoid(gate))
            if i < len(self.residual):
                x = x + _applied(self.residual[i], gated[-1])
        driving = recent[:, : config.n_driving]
        h = functional.relu(_applied(self.skip, torch.cat([*gated, driving], dim=1)))
        h = functional.relu(_applied(self.hidden, h) + output_conditions)
        level = drawn(_applied(self.last, h), chance, temperature, config.output)
        return Stepped(level, torch.stack(heard))


def _applied(layer: nn.Module, x: Float[Tensor, "piece given"]) -> Float[Tensor, "piece made"]:
    """Apply a convolution of width 1 to a single moment."""
    return functional.linear(x, layer.get_parameter("weight")[:, :, 0], layer.get_parameter("bias"))
