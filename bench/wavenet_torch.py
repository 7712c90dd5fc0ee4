"""Sampling a WaveNet decoder in PyTorch: the queues of the sampler as tensors, on a GPU in CUDA graphs.

A step is dozens of kernels of a few microseconds, and launching them one by one costs more than they do. So
on a GPU a frame's worth of steps is captured once, and replayed for every frame with other numbers in the
same memory. On a CPU the same steps run one after the other.

Source:
    Paine et al., Fast WaveNet generation algorithm (2016), for the queues.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from violute.dsp.mu_law import scaled
from violute.families.nsynth.network import WaveNetDecoder
from violute.families.nsynth.step import DecoderStep


class Sampler:
    """Draws pieces side by side, frame by frame, each from silence on.

    Args:
        decoder: As trained; where its weights lie, the sampling is done.
        n_pieces: Side by side.
        temperature: As for `drawn`.
        is_captured: Whether a frame is captured as a CUDA graph; None does so on a GPU.
    """

    def __init__(
        self,
        decoder: WaveNetDecoder,
        n_pieces: int,
        temperature: float,
        *,
        is_captured: bool | None = None,
    ) -> None:
        self.config = config = decoder.config
        self.step = DecoderStep(decoder).eval()
        device = decoder.first.weight.device
        n_layers, n_taps = len(config.dilations), config.kernel_size - 1
        dilations = torch.tensor(config.dilations, device=device)
        lengths = n_taps * dilations
        self._lengths, self._starts = lengths, lengths.cumsum(0) - lengths
        self._back = (dilations[:, None] * torch.arange(n_taps, 0, -1, device=device)).flatten()
        self._tap_lengths = lengths.repeat_interleave(n_taps)
        self._tap_starts = self._starts.repeat_interleave(n_taps)

        def zeros(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, device=device)

        # Everything that changes lies in memory of its own, which a captured frame reads and writes.
        self._queues = zeros(int(lengths.sum()), n_pieces, config.channels)
        self._recent = zeros(n_pieces, config.first_kernel_size)
        self._at = torch.zeros((), dtype=torch.long, device=device)
        self._layers = zeros(n_layers, n_pieces, 2 * config.channels)
        self._output = zeros(n_pieces, config.skip_channels)
        self._sines = zeros(n_pieces, config.hop_length, config.n_driving)
        self._chance = zeros(n_pieces, config.hop_length, 2)
        self._levels = torch.zeros(n_pieces, config.hop_length, dtype=torch.long, device=device)
        self._heat = torch.tensor(temperature, device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        if device.type == "cuda" if is_captured is None else is_captured:
            self._graph = self._captured()

    @torch.no_grad()
    def draw(
        self,
        conditions: Float[Tensor, "piece channel frame"],
        sines: Float[Tensor, "piece sine sample"] | None,
        chance: Float[Tensor, "piece sample 2"],
    ) -> Int[Tensor, "piece sample"]:
        """Draw the samples of whole frames.

        Args:
            conditions: From the conditioner.
            sines: For a decoder that hears them.
            chance: As for `drawn`.
        """
        config = self.config
        self._silence()
        frames = []
        for i in range(conditions.shape[2]):
            layers, output = conditions[:, :, i].split(
                [conditions.shape[1] - config.skip_channels, config.skip_channels], dim=1
            )
            samples = slice(i * config.hop_length, (i + 1) * config.hop_length)
            self._layers.copy_(layers.unflatten(1, (len(config.dilations), -1)).transpose(0, 1))
            self._output.copy_(output)
            self._chance.copy_(chance[:, samples])
            if sines is not None:
                self._sines.copy_(sines[:, :, samples].transpose(1, 2))
            if self._graph is None:
                self._frame()
            else:
                self._graph.replay()
            frames.append(self._levels.clone())
        return torch.cat(frames, dim=1)

    def _frame(self) -> None:
        """Draw a frame; only numbers in memory differ between frames, never the operations."""
        for i in range(self.config.hop_length):
            past = self._queues[self._tap_starts + (self._at - self._back) % self._tap_lengths]
            recent = torch.cat([self._sines[:, i], self._recent], dim=1)
            level, heard = self.step(recent, past, self._layers, self._output, self._chance[:, i], self._heat)
            self._queues[self._starts + self._at % self._lengths] = heard
            self._recent.copy_(torch.cat([self._recent[:, 1:], scaled(level)[:, None]], dim=1))
            self._levels[:, i] = level
            self._at += 1

    @torch.no_grad()
    def _captured(self) -> torch.cuda.CUDAGraph:
        """Capture a frame; one runs on a stream of its own first, so that libraries set themselves up."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            self._frame()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._frame()
        return graph

    def _silence(self) -> None:
        """Forget what was heard."""
        self._queues.zero_()
        self._recent.zero_()
        self._at.zero_()
