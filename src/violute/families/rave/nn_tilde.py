"""RAVE as TorchScript in the form that the nn~ external of Max and Pure Data loads: the dial is an attribute.

What nn~ asks of a file, in our own words:

- each method takes and returns (batch, channel, step) and has a tensor `NAME_params` of four numbers:
  channels in, samples for each step in, channels out, samples for each step out;
- `get_methods` lists the methods;
- `get_attributes` lists what can be set; each has `NAME_params`, a type for each value (0 bool, 1 int, 2
  float, 3 string), and methods `get_NAME` and `set_NAME`, the latter returning 0.

Ours: `encode` (audio to latent), `decode` (latent to audio), `forward` (both), and the attribute `mix`, from
the first end (0) to the second (1). The convolutions remember, so blocks of any multiple of a latent step
follow each other without a seam.

Source:
    The documentation and the host's calls of nn_tilde, github.com/acids-ircam/nn_tilde; nothing was copied.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from violute.dsp.causal import set_streaming
from violute.families.rave.latent import CroppedRave

FLOAT = 2
"""How nn~ counts a float among the types of attributes."""


class NnTildeRave(nn.Module):
    """A voice as nn~ calls it; its graph remembers what it heard. Annotations are plain, for TorchScript."""

    def __init__(self, graph: CroppedRave) -> None:
        super().__init__()
        set_streaming(graph, on=True)
        self.graph = graph
        self.mix = 0.5
        self.n_bands = graph.network.analysis.n_bands
        self.n_frames = graph.network.config.n_frames
        ratio, size = graph.network.config.ratio, graph.basis.shape[1]
        # What the network delays, and with the wait for a whole step.
        self.delay_samples = graph.network.config.delay_samples
        self.latency_samples = graph.network.config.latency_samples
        for name, params in {
            "encode": [1, 1, size, ratio],
            "decode": [size, ratio, 1, 1],
            "forward": [1, 1, 1, 1],
            "mix": [FLOAT],
        }.items():
            self.register_buffer(f"{name}_params", torch.tensor(params))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        """Return the latent (batch, latent, step) of audio (batch, 1, sample)."""
        return self.graph.encode(x[:, 0])

    @torch.jit.export
    def decode(self, x: Tensor) -> Tensor:
        """Return the audio (batch, 1, sample) of a latent (batch, latent, step)."""
        mix = torch.full([x.shape[0], x.shape[2]], self.mix, device=x.device)
        noise = torch.randn([x.shape[0], self.n_bands, x.shape[2] * self.n_frames], device=x.device)
        return self.graph.decode(x, mix, noise).unsqueeze(1)

    def forward(self, x: Tensor) -> Tensor:
        """Play audio (batch, 1, sample) at the mix."""
        return self.decode(self.encode(x))

    @torch.jit.export
    def get_methods(self) -> list[str]:
        """List the methods."""
        return ["encode", "decode", "forward"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        """List the attributes."""
        return ["mix"]

    @torch.jit.export
    def get_mix(self) -> float:
        """Return the mix."""
        return self.mix

    @torch.jit.export
    def set_mix(self, mix: float) -> int:
        """Turn the dial; what lies outside of it is brought to its ends."""
        self.mix = min(max(mix, 0.0), 1.0)
        return 0


def save_nn_tilde(graph: CroppedRave, path: Path) -> None:
    """Write a voice as TorchScript."""
    with warnings.catch_warnings():
        # torch would rather export otherwise, but nn~ loads nothing else.
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(NnTildeRave(graph).eval())
        path.write_bytes(scripted.save_to_buffer())
