"""Pictures drawn from their pitch and loudness: the network that CycleGAN and the paired model share.

A network hears a window on rows evenly spaced in mel, the harmonics of the given pitch on the same rows, each
frame's loudness, and where each row lies. It answers with three surfaces on a coarse grid of nodes in
frequency and steps in time: how loud the given harmonics are, how loud noise is, and a gain. Straight lines
are drawn between the nodes. Harmonics and noise are drawn, not filtered out of the source: a flute's upper
partials lie below its breath, a recording that ends at 8 kHz has none, and no gain brings them back. The gain
acts on the source alone, and only where no pitch is given (rests, tails, noises). Then each frame is brought
to the loudness that it is given, so silence stays silent and attacks keep their place.

In training noise is drawn twice: smooth, its mean, for what is compared bin by bin; and grained, as a
transform shows noise, for critics, who would know a smooth one at once, and for the way back of a cycle, in
which nothing can be hidden then.

Source:
    Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), for partials and noise
    as the two parts of a sound; Zhu et al., Unpaired image-to-image translation using cycle-consistent
    adversarial networks (ICCV 2017), appendix, for down-sampling, residual blocks and instance normalisation;
    Liu et al., An intriguing failing of convolutional neural networks and the CoordConv solution (NeurIPS
    2018), for the position; Chu et al., CycleGAN, a master of steganography (2017), for what a cycle hides.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.families.pictures.config import DrawingConfig
from violute.families.pictures.networks import Conditions, Spectrograms
from violute.families.pictures.rows import Ear, Loudness, Powers, centres
from violute.transforms.spectrogram import SpectrogramSettings, stft

NODES_APART = 4
"""Distance at which the second convolution of a block looks along frequency."""

FIRST_SHARE = 0.1
"""Of a layer's usual first weights, where it decides what is drawn."""

STEEPEST = 1.0
"""On the scale of a window, 80 dB: how far levels go to either side of where they begin."""

TILT_HZ = 400.0
HARMONIC_DB, HARMONIC_TILT_DB = 0.0, -9.0
NOISE_DB, NOISE_TILT_DB = -45.0, -3.0
"""Where levels begin: below `TILT_HZ`, and by how much they fall for each octave above."""

GRAIN_FRAMES = 1024
QUIETEST_POWER = 1e-8
"""In squared floors of the window's scale: what a silent frame is divided by."""

Planes = Float[Tensor, "window channel node step"]


class DrawingBlock(nn.Module):
    """Two convolutions beside an untouched path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first_norm = nn.InstanceNorm2d(channels, affine=True)
        self.second_norm = nn.InstanceNorm2d(channels, affine=True)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        # A timbre is how high partials stand to low ones, so nodes hear far along frequency.
        self.second = nn.Conv2d(channels, channels, 3, padding=(NODES_APART, 1), dilation=(NODES_APART, 1))

    def forward(self, x: Planes) -> Planes:
        """Add what the block finds to `x`."""
        hidden = self.first(functional.silu(self.first_norm(x)))
        return x + self.second(functional.silu(self.second_norm(hidden)))


class DrawingEncoder(nn.Module):
    """What is heard and given to features on the grid of what is drawn."""

    position: Tensor

    def __init__(self, config: DrawingConfig) -> None:
        super().__init__()
        first, second, third = config.channels
        self.full_scale = config.full_scale
        self.ear, self.loudness = Ear(config), Loudness(config)
        self.register_buffer("position", torch.linspace(-1.0, 1.0, config.n_rows)[:, None], persistent=False)
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(4 + config.condition_size, first, 5, (2, 2), 2),
                nn.Conv2d(first, second, 3, (2, 2), 1),
                nn.Conv2d(second, third, 3, (2, 1), 1),
            ]
        )
        self.blocks = nn.ModuleList(DrawingBlock(third) for _ in range(config.n_blocks))

    def forward(
        self,
        heard: Spectrograms,
        partials: Spectrograms,
        power: Powers,
        condition: Conditions | None = None,
    ) -> Planes:
        """Return the features of each node and step.

        Args:
            heard: Windows, beside whose own level the rows count: a gain says nothing.
            partials: 1 where the given harmonics lie.
            power: Given loudness of each frame.
            condition: Numbers beside the window.
        """
        rows = self.ear(heard)
        planes = [
            rows - self._level(self.loudness(heard)),
            self.ear(partials),
            self._level(power).expand_as(rows),
            self.position.expand_as(rows),
        ]
        if condition is not None:
            planes += [number[:, None, None].expand_as(rows) for number in condition.unbind(1)]
        x = torch.stack(planes, dim=1)
        for layer in self.layers:
            x = functional.silu(layer(x))
        for block in self.blocks:
            x = block(x)
        return x

    def _level(self, power: Powers) -> Powers:
        """Return a power on the scale of a window."""
        return 0.5 * torch.log(1.0 + power) / self.full_scale


class Drawn(NamedTuple):
    """What a network drew, in [0, 1]: with the mean of its noise, and with noise as a transform shows it.

    `grained` is None where nobody learns.
    """

    spectrogram: Spectrograms
    grained: Spectrograms | None


class Drawer(nn.Module):
    """Draws windows by surfaces on the grid, from features of some channels."""

    to_bins: Tensor
    to_frames: Tensor
    first_levels: Tensor
    grain: Tensor

    def __init__(self, config: DrawingConfig, channels: int) -> None:
        super().__init__()
        n_nodes, n_steps = config.grid
        self.full_scale = config.full_scale
        self.loudness = Loudness(config)
        to_bins = _straight_lines(centres(config, n_nodes), config.n_bins)
        self.register_buffer("to_bins", to_bins, persistent=False)
        middles = (np.arange(n_steps) + 0.5) * (config.n_frames / n_steps) - 0.5
        to_frames = _straight_lines(middles, config.n_frames).T.contiguous()
        self.register_buffer("to_frames", to_frames, persistent=False)
        self.register_buffer("first_levels", torch.from_numpy(_first_levels(config)), persistent=False)
        self.register_buffer("grain", torch.from_numpy(_grain(config)), persistent=False)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)
        # Mean levels and how a condition moves them: each node's bias learns sooner than the layers before.
        size = config.condition_size
        self.mean = nn.Parameter(torch.zeros(3, n_nodes, 1))
        self.moved = nn.Parameter(torch.zeros(size, 3, n_nodes, 1)) if size else None
        with torch.no_grad():
            # Not 0: with all of it 0, nothing before it would learn at the first step.
            for parameter in self.head.parameters():
                parameter.mul_(FIRST_SHARE)

    def forward(
        self,
        heard: Spectrograms,
        partials: Spectrograms,
        power: Powers,
        features: Planes,
        condition: Conditions | None = None,
        *,
        is_grained: bool = False,
    ) -> Drawn:
        """Draw windows from what `DrawingEncoder` is given, and its features; `is_grained` as in `Drawn`."""
        levels = self.head(features) + self.mean
        if condition is not None and self.moved is not None:
            levels = levels + (condition[:, :, None, None, None] * self.moved).sum(dim=1)
        surfaces = self.spread(STEEPEST * torch.tanh(levels)).float()
        harmonic, noise = (
            torch.exp(self.full_scale * (surfaces[:, i] + self.first_levels[i])) for i in (0, 1)
        )
        own = (torch.exp(self.full_scale * heard) - 1.0) * torch.exp(self.full_scale * surfaces[:, 2])
        unvoiced = 1.0 - partials.amax(dim=1, keepdim=True).clamp(0.0, 1.0)
        own = own * unvoiced / (self.loudness(heard) + QUIETEST_POWER).sqrt()
        tones = harmonic * partials + own
        drawn_power = self.loudness.of_magnitude(tones + noise) + QUIETEST_POWER
        gain = power.sqrt() / drawn_power.sqrt()
        grained = self._picture(gain * (tones + noise * self._grained(noise))) if is_grained else None
        return Drawn(self._picture(gain * (tones + noise)), grained)

    def spread(self, grid: Planes) -> Float[Tensor, "window channel bin frame"]:
        """Draw straight lines between the nodes and between the steps, level beyond the outermost."""
        return self.to_bins @ grid @ self.to_frames

    def _picture(self, magnitude: Spectrograms) -> Spectrograms:
        return (torch.log(1.0 + magnitude) / self.full_scale).clamp(0.0, 1.0)

    def _grained(self, noise: Spectrograms) -> Spectrograms:
        """Return what real noise comes to beside its mean, from a place of its own for each window."""
        n_frames = noise.shape[2]
        starts = torch.randint(self.grain.shape[1] - n_frames, (len(noise),)).tolist()
        return torch.stack([self.grain[:, start : start + n_frames] for start in starts])


class Generator(nn.Module):
    """Hears and draws; what a CycleGAN has two of, and the adversarial paired model one."""

    def __init__(self, config: DrawingConfig) -> None:
        super().__init__()
        self.loudness = Loudness(config)
        self.encoder = DrawingEncoder(config)
        self.drawer = Drawer(config, config.channels[-1])

    def forward(
        self,
        heard: Spectrograms,
        partials: Spectrograms,
        condition: Conditions | None = None,
        power: Powers | None = None,
        *,
        is_grained: bool = False,
    ) -> Drawn:
        """Draw windows; without a given loudness each frame is as loud as what is heard."""
        power = self.loudness(heard) if power is None else power
        features = self.encoder(heard, partials, power, condition)
        drawn: Drawn = self.drawer(heard, partials, power, features, condition, is_grained=is_grained)
        return drawn


def _straight_lines(nodes: Float[np.ndarray, " node"], n_places: int) -> Float[Tensor, "place node"]:
    """Return the weights of linear interpolation at places, held beyond the first node and the last."""
    places = np.arange(n_places, dtype=np.float64)
    weights = np.stack([np.interp(places, nodes, row) for row in np.eye(len(nodes))], axis=1)
    return torch.from_numpy(weights.astype(np.float32))


def _first_levels(config: DrawingConfig) -> Float[np.ndarray, "two bin 1"]:
    """Return where harmonics and noise begin, on the scale of a window."""
    octaves = np.log2(np.maximum(np.arange(config.n_bins) * config.bin_hz / TILT_HZ, 1.0))
    levels_db = [HARMONIC_DB + HARMONIC_TILT_DB * octaves, NOISE_DB + NOISE_TILT_DB * octaves]
    return (np.stack(levels_db)[:, :, None] / -config.floor_db).astype(np.float32)


def _grain(config: DrawingConfig) -> Float[np.ndarray, "bin frame"]:
    """Return a transform of white noise, divided by its mean, the same every time."""
    n_fft = 2 * config.n_bins
    settings = SpectrogramSettings(44_100, n_fft, max(n_fft // 5, 1), n_bins=config.n_bins)
    n_frames = GRAIN_FRAMES + config.n_frames
    noise = np.random.default_rng(0).standard_normal(n_frames * settings.hop_length).astype(np.float32)
    magnitude = np.abs(stft(noise, settings, start=n_fft, n_frames=n_frames - 16))[: config.n_bins]
    return (magnitude / magnitude.mean()).astype(np.float32)
