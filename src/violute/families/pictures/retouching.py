"""Pictures redrawn by what is changed in them: the network that CycleGAN and the paired model share.

A network hears a window on rows evenly spaced in mel, and where each row lies, and answers with two
surfaces on a coarse grid of nodes in frequency and steps in time: a gain, and a contrast that raises or
sinks what stands out from its neighbours, partials against noise. Straight lines are drawn between the
nodes, so the change is smooth, has no checkerboard, and draws no partial at another pitch: a peak stays
within its lobe, though a steep gain can shift it a little. The gain acts on magnitudes, not on their
logarithm, so silence stays silent.

A filter cannot play a partial that lies below the source's noise. With `draws_partials` two more surfaces
say how loud the harmonics of the frame's pitch, and noise, are added (`drawn_partials`).

The alternative, `full`, adds a surface of the window's own resolution, which can draw what was not there
and can also smear what was.

Level: instance normalisation would forget how loud a window is. It stands only inside the residual
blocks, whose untouched path carries the level on, and the change is added to the window itself.

Source:
    Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks (ICCV
    2017), appendix, for down-sampling, residual blocks and instance normalisation; Odena et al.,
    Deconvolution and checkerboard artifacts (Distill 2016), for interpolation; Liu et al., An intriguing
    failing of convolutional neural networks and the CoordConv solution (NeurIPS 2018), for the position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.errors import ShapeError
from violute.families.pictures.drawn_partials import DrawnPartials
from violute.families.pictures.networks import Conditions, Spectrograms
from violute.transforms.mel import MEL_BREAK_HZ

ROWS_A_NODE = 8
FRAMES_A_STEP = 4
"""How much coarser the grid of the change is than the rows and frames that the network hears."""

FIRST_SHARE = 0.1
"""Of a layer's usual first weights, where it decides how much is changed."""

NODES_APART = 4
"""Distance at which the second convolution of a block looks along frequency."""

LARGEST_GAIN = 0.4
"""On the scale of a window, whose 1 is the floor's distance from full scale: 32 dB of 80."""

LARGEST_CONTRAST = 0.9
"""Below 1, so that what stands out never turns into a hole."""

NEIGHBOURHOOD_HZ = 360.0
"""Width of the mean from which partials stand out."""

N_FULL_CHANNELS = 8

Rows = Float[Tensor, "window row frame"]
Planes = Float[Tensor, "window channel node step"]


@dataclass(frozen=True)
class RetouchConfig:
    """Sizes of a network that redraws windows.

    Attributes:
        n_bins: Of a window, in frequency.
        n_frames: Of a window, in time.
        bin_hz: Distance of two bins, in Hz.
        floor_db: Magnitude, relative to full scale, below which the window's scale turns linear.
        n_rows: Rows that the network hears, evenly spaced in mel.
        n_heard_bins: Bins that the rows cover. Lossy recordings end at 16 kHz, and a network that could
            tell would take the codec for the instrument.
        channels: Of the two first convolutions and of the residual blocks.
        n_blocks: Residual blocks.
        resolution: `smooth`, or `full` for a further surface at the window's own resolution.
        draws_partials: Whether harmonics and noise are added to what the filter leaves.
        condition_size: Numbers that condition the network beside the window; 0 for none.

    Raises:
        ShapeError: The rows or frames don't divide into nodes and steps.
    """

    n_bins: int = 1024
    n_frames: int = 128
    bin_hz: float = 44_100 / 2048
    floor_db: float = -80.0
    n_rows: int = 256
    n_heard_bins: int = 720
    channels: tuple[int, int, int] = (16, 32, 32)
    n_blocks: int = 3
    resolution: Literal["smooth", "full"] = "smooth"
    draws_partials: bool = False
    condition_size: int = 0

    def __post_init__(self) -> None:
        if self.n_rows % ROWS_A_NODE or self.n_frames % FRAMES_A_STEP:
            raise ShapeError(
                f"{self.n_rows} rows and {self.n_frames} frames: give multiples of {ROWS_A_NODE} and "
                f"{FRAMES_A_STEP}"
            )
        if not 2 <= self.n_heard_bins <= self.n_bins:
            raise ShapeError(f"{self.n_heard_bins} heard bins of {self.n_bins}: give from 2 to all")

    @property
    def grid(self) -> tuple[int, int]:
        """Nodes in frequency and steps in time of the change."""
        return self.n_rows // ROWS_A_NODE, self.n_frames // FRAMES_A_STEP


class Ear(nn.Module):
    """Windows on rows evenly spaced in mel: fine where partials are close, coarse above."""

    filters: Tensor

    def __init__(self, config: RetouchConfig) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(_mel_rows(config)), persistent=False)

    def forward(self, spectrogram: Spectrograms) -> Rows:
        """Return the mean of each row's bins, weighted by a triangle."""
        return self.filters @ spectrogram


class RetouchBlock(nn.Module):
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


class RetouchEncoder(nn.Module):
    """Rows to features on the grid of the change."""

    position: Tensor

    def __init__(self, config: RetouchConfig, n_blocks: int) -> None:
        super().__init__()
        first, second, third = config.channels
        self.condition_size = config.condition_size
        self.register_buffer("position", torch.linspace(-1.0, 1.0, config.n_rows)[:, None], persistent=False)
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(2 + config.condition_size, first, 5, (2, 2), 2),
                nn.Conv2d(first, second, 3, (2, 2), 1),
                nn.Conv2d(second, third, 3, (2, 1), 1),
            ]
        )
        self.blocks = nn.ModuleList(RetouchBlock(third) for _ in range(n_blocks))

    def forward(self, rows: Rows, condition: Conditions | None = None) -> Planes:
        """Return the features of each node and step."""
        planes = [rows, self.position.expand_as(rows)]
        if condition is not None:
            planes += [number[:, None, None].expand_as(rows) for number in condition.unbind(1)]
        x = torch.stack(planes, dim=1)
        for layer in self.layers:
            x = functional.silu(layer(x))
        for block in self.blocks:
            x = block(x)
        return x


class Retoucher(nn.Module):
    """Applies a change on the grid to windows."""

    to_bins: Tensor
    to_frames: Tensor

    def __init__(self, config: RetouchConfig, channels: int) -> None:
        super().__init__()
        n_nodes, n_steps = config.grid
        self.full_scale = float(np.log1p(10.0 ** (-config.floor_db / 20.0)))
        n_near = max(round(NEIGHBOURHOOD_HZ / config.bin_hz) // 2, 1)
        self.near = nn.AvgPool2d((2 * n_near + 1, 1), stride=1, padding=(n_near, 0), count_include_pad=False)
        self.register_buffer("to_bins", torch.from_numpy(_between_nodes(config, n_nodes)), persistent=False)
        self.register_buffer(
            "to_frames", torch.from_numpy(_between_steps(config.n_frames, n_steps)), persistent=False
        )
        self.head = nn.Conv2d(channels, 2 + 2 * config.draws_partials, 3, padding=1)
        _quieten(self.head)  # an untrained network changes next to nothing
        self.fine = _FullResolution(channels) if config.resolution == "full" else None
        self.partials = (
            DrawnPartials(config.n_bins, bin_hz=config.bin_hz, full_scale=self.full_scale)
            if config.draws_partials
            else None
        )

    def forward(self, spectrogram: Spectrograms, features: Planes) -> Spectrograms:
        """Return the windows, changed, in [0, 1]."""
        surfaces = self.spread(self.head(features))
        gain = LARGEST_GAIN * torch.tanh(surfaces[:, 0])
        contrast = LARGEST_CONTRAST * torch.tanh(surfaces[:, 1])
        outstanding = spectrogram - self.near(spectrogram.unsqueeze(1)).squeeze(1)
        drawn = (spectrogram + contrast * outstanding).clamp_min(0.0)
        if self.fine is not None:
            drawn = (drawn + self.fine(spectrogram, self.spread(features))).clamp(0.0, 1.0)
        magnitude = (torch.exp(self.full_scale * drawn) - 1.0) * torch.exp(self.full_scale * gain)
        if self.partials is not None:
            magnitude = magnitude + self.partials(spectrogram, surfaces[:, 2], surfaces[:, 3])
        return (torch.log(1.0 + magnitude) / self.full_scale).clamp(0.0, 1.0)

    def spread(self, grid: Planes) -> Float[Tensor, "window channel bin frame"]:
        """Draw straight lines between the nodes and between the steps, level beyond the outermost."""
        return self.to_bins @ grid @ self.to_frames


class _FullResolution(nn.Module):
    """A surface as fine as the window, drawn from the window and the features around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1 + channels, N_FULL_CHANNELS, 3, padding=1)
        self.second = nn.Conv2d(N_FULL_CHANNELS, 1, 3, padding=1)
        _quieten(self.second)

    def forward(
        self, spectrogram: Spectrograms, features: Float[Tensor, "window channel bin frame"]
    ) -> Spectrograms:
        planes = torch.cat([spectrogram.unsqueeze(1), features], dim=1)
        return LARGEST_GAIN * torch.tanh(self.second(functional.silu(self.first(planes))).squeeze(1))


def _quieten(layer: nn.Conv2d) -> None:
    """Let a layer answer next to nothing until it has learned.

    Not 0: with all of it 0, nothing before it would learn at the first step.
    """
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(FIRST_SHARE)


def _centres(config: RetouchConfig, n_centres: int) -> Float[np.ndarray, " centre"]:
    """Return positions evenly spaced in mel over what is heard, in bins."""
    top = math.log1p((config.n_heard_bins - 1) * config.bin_hz / MEL_BREAK_HZ)
    mel = (np.arange(n_centres) + 0.5) / n_centres * top
    return MEL_BREAK_HZ * np.expm1(mel) / config.bin_hz


def _mel_rows(config: RetouchConfig) -> Float[np.ndarray, "row bin"]:
    """Return triangles that sum to 1, at least one bin to either side wide, 0 beyond what is heard."""
    centres = _centres(config, config.n_rows)
    width = np.maximum(np.gradient(centres), 1.0)
    distance = np.abs(np.arange(config.n_bins) - centres[:, None]) / width[:, None]
    triangles = np.maximum(1.0 - distance, 0.0)
    triangles[:, config.n_heard_bins :] = 0.0
    return (triangles / triangles.sum(axis=1, keepdims=True)).astype(np.float32)


def _between_nodes(config: RetouchConfig, n_nodes: int) -> Float[np.ndarray, "bin node"]:
    """Return the share of each node in each bin."""
    return _shares(_centres(config, n_nodes), np.arange(config.n_bins, dtype=np.float64))


def _between_steps(n_frames: int, n_steps: int) -> Float[np.ndarray, "step frame"]:
    """Return the share of each step in each frame."""
    middles = (np.arange(n_steps) + 0.5) * (n_frames / n_steps) - 0.5
    return np.ascontiguousarray(_shares(middles, np.arange(n_frames, dtype=np.float64)).T)


def _shares(
    nodes: Float[np.ndarray, " node"], places: Float[np.ndarray, " place"]
) -> Float[np.ndarray, "place node"]:
    """Return the weights of linear interpolation, held beyond the first node and the last."""
    return np.stack([np.interp(places, nodes, row) for row in np.eye(len(nodes))], axis=1).astype(np.float32)
