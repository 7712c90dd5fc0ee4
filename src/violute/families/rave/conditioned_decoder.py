"""The decoder of a conditioned RAVE: it shapes an excitation, so notes are in tune whatever the latent says.

The paper's decoder with its three branches, and beside them a filter. From a level that is too slow to hear
single periods comes, for each band, a level and a short filter; the excitation goes through both, so what
carries the pitch is linear and no overtone is out of tune. The faster levels hear excitation and noise too,
and add a waveform, times the loudness branch, within the level of each band. Noise has a level for each band,
from the same slow level. Levels and filters move in straight lines from step to step, and all is multiplied
by the loudness that the recording has. The topmost band is silent: few recordings reach it, and nobody hears
it.

Source:
    Caillon & Esling, RAVE (2021), section 3.1; Wang et al., Neural source-filter waveform models (2020),
    section III; Engel et al., DDSP (ICLR 2020), appendix B.5, for the curve of the levels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from violute.dsp import pqmf
from violute.dsp.causal import CausalConv1d, fold, repeat, unfold
from violute.dsp.pqmf_sizes import N_BANDS
from violute.families.rave.conditioning import N_TRACKS
from violute.families.rave.config import RaveConfig
from violute.families.rave.parts import FIRST_LEVEL, SLOPE, ResidualBlock, rectified

HEARING_FRAMES = 4
"""Band frames of a step (1.5 ms) up to which a level hears single periods."""

N_HIDDEN = 64
"""Of the network that turns tracks and embedding into a modulation."""

MEAN_FRAMES = 32
"""Over which the waveform's mean is taken away, in each band: 12 ms."""

FIRST_NOISE_LOGIT = -2.0


class Ramp(nn.Module):
    """Straight lines from each step to the next: (batch, channel, step) becomes `factor` times as fast.

    A step is reached at its end, so nothing is heard ahead.
    """

    shares: Tensor

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        now_and_before = torch.zeros(2 * channels, channels, 2)
        now_and_before[:channels, :, 0] = now_and_before[channels:, :, 1] = torch.eye(channels)
        self.both = _fixed(now_and_before)
        self.register_buffer("shares", (torch.arange(factor) + 1.0) / factor, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Join steps."""
        before, now = self.both(x).chunk(2, dim=1)
        lines = before.unsqueeze(3) + (now - before).unsqueeze(3) * self.shares
        return lines.reshape(x.shape[0], x.shape[1], -1)


class ConditionedModulation(nn.Module):
    """A `Modulation` by the tracks too, at the rate of a level, whose steps are `n_frames` band frames."""

    def __init__(self, condition_size: int, channels: int, factor: int, n_frames: int) -> None:
        super().__init__()
        self.factor, self.n_frames = factor, n_frames
        self.layers = nn.Sequential(
            CausalConv1d(condition_size + N_TRACKS, N_HIDDEN),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(N_HIDDEN, N_HIDDEN),
            nn.LeakyReLU(SLOPE),
            CausalConv1d(N_HIDDEN, 2 * channels),
        )

    def forward(self, x: Tensor, condition: Tensor, tracks: Tensor) -> Tensor:
        """Modulate (batch, channel, step) by a condition at each latent step and tracks at each frame."""
        slow = tracks.reshape(tracks.shape[0], tracks.shape[1], -1, self.n_frames).mean(dim=3)
        given = torch.cat([repeat(condition, self.factor), slow], dim=1)
        scale, shift = self.layers(given).chunk(2, dim=1)
        y: Tensor = (1.0 + scale) * x + shift
        return y


class ConditionedLevel(nn.Module):
    """A `DecoderLevel` that may hear excitation and noise."""

    def __init__(self, channels: int, n_out: int, stride: int, factor: int, config: RaveConfig) -> None:
        super().__init__()
        self.stride, self.n_frames = stride, config.n_frames // factor
        self.up = CausalConv1d(channels, stride * n_out, 2)
        self.hears = self.n_frames <= HEARING_FRAMES
        n_heard = 2 * N_BANDS * self.n_frames
        self.listen = CausalConv1d(n_heard, n_out, 3) if self.hears else nn.Identity()
        self.modulation = ConditionedModulation(config.condition_size, n_out, factor, self.n_frames)
        self.blocks = nn.Sequential(*(ResidualBlock(n_out, dilation) for dilation in config.dilations))

    def forward(self, x: Tensor, condition: Tensor, tracks: Tensor, heard: Tensor) -> Tensor:
        """Go up a level (batch, channel, step)."""
        x = unfold(self.up(rectified(x)), self.stride)
        if self.hears:
            x = x + self.listen(fold(heard, self.n_frames))
        y: Tensor = self.blocks(self.modulation(x, condition, tracks))
        return y


class ConditionedDecoder(nn.Module):
    """From latents, the embedding of an instrument and what conditions it, to bands."""

    is_played: Tensor

    def __init__(self, config: RaveConfig) -> None:
        super().__init__()
        channels, strides = config.channels[::-1], config.strides[::-1]
        self.n_bands, self.n_taps = N_BANDS, config.n_taps
        self.analysis = pqmf.PqmfAnalysis()
        self.first = CausalConv1d(config.latent_size, channels[0], 3)
        self.modulation = ConditionedModulation(config.condition_size, channels[0], 1, config.n_frames)
        factors = [math.prod(strides[: i + 1]) for i in range(len(strides))]
        self.levels = nn.ModuleList(
            ConditionedLevel(channels[i], channels[i + 1], strides[i], factors[i], config)
            for i in range(len(strides))
        )
        n_slow = sum(config.n_frames // factor > HEARING_FRAMES for factor in factors)
        self.n_slow = n_slow
        self.shape = CausalConv1d(channels[n_slow], (2 + config.n_taps) * N_BANDS, 3)
        self.ramp = Ramp(
            (2 + config.n_taps) * N_BANDS, config.n_frames // (factors[n_slow - 1] if n_slow else 1)
        )
        self.past = _fixed(_delays(config.n_taps))
        means = torch.eye(N_BANDS)[:, :, None].expand(-1, -1, MEAN_FRAMES) / MEAN_FRAMES
        self.mean = _fixed(means.contiguous())
        self.waveform = CausalConv1d(channels[-1], N_BANDS, 5)
        self.loudness = CausalConv1d(channels[-1], N_BANDS, 3)
        with torch.no_grad():
            for parameter in [*self.waveform.parameters(), *self.shape.parameters()]:
                parameter.mul_(FIRST_LEVEL)
            bias = self.shape.conv.bias
            assert bias is not None
            bias[N_BANDS : 2 * N_BANDS] = FIRST_NOISE_LOGIT
        is_played = (torch.arange(N_BANDS)[:, None] < N_BANDS - 1).float()  # all but the topmost
        self.register_buffer("is_played", is_played, persistent=False)

    def forward(self, latent: Tensor, condition: Tensor, drive: Tensor) -> Tensor:
        """Decode.

        Args:
            latent: (batch, latent, step).
            condition: Embedding of the instrument at each step.
            drive: Noise of deviation 1 in the shape of the bands, the excitation's samples, 16 to a frame,
                and the tracks.
        """
        noise, tracks = drive[:, : self.n_bands], drive[:, 2 * self.n_bands :]
        excitation = self.analysis.conv(drive[:, self.n_bands : 2 * self.n_bands])
        octaves, voiced, level_db = tracks.chunk(3, dim=1)
        tracks = torch.cat([octaves, voiced, level_db / 40.0 + 1.0], dim=1)
        heard = torch.cat([excitation, noise], dim=1)
        x = self.modulation(self.first(latent), condition, tracks)
        slow = x
        for i, part in enumerate(self.levels):
            x = part(x, condition, tracks, heard)
            if i + 1 == self.n_slow:
                slow = x
        shapes = self.ramp(self.shape(rectified(slow)))
        # From silence to 2, and steep enough for quiet levels.
        levels = 2.0 * torch.sigmoid(shapes[:, : 2 * self.n_bands]) ** 2.302585 + 1e-6
        taps = shapes[:, 2 * self.n_bands :]
        shaped = (taps * self.past(excitation)).reshape(
            taps.shape[0], self.n_taps, self.n_bands, taps.shape[2]
        )
        x = rectified(x)
        waveform = self.waveform(x) * (2.0 * torch.sigmoid(self.loudness(x)))
        # What stands still in a band is a tone at its edge, which belongs to no note.
        played = excitation + shaped.sum(dim=1) + waveform - self.mean(waveform)
        bands = levels[:, : self.n_bands] * played + levels[:, self.n_bands :] * noise
        return torch.exp(level_db * (math.log(10.0) / 20.0)) * self.is_played * bands


def _delays(n_taps: int) -> Tensor:
    """Return weights that give the bands of the last `n_taps` frames, those of the present first."""
    weights = torch.zeros(n_taps, N_BANDS, N_BANDS, n_taps)
    for tap in range(n_taps):
        weights[tap, :, :, n_taps - 1 - tap] = torch.eye(N_BANDS)
    return weights.flatten(0, 1)


def _fixed(weight: Tensor) -> CausalConv1d:
    """Return a convolution of weights that are not learned."""
    conv = CausalConv1d(weight.shape[1], weight.shape[0], weight.shape[2], has_bias=False)
    del conv.conv.weight
    conv.conv.register_buffer("weight", weight, persistent=False)
    return conv
